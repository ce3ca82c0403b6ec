package web

import (
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"kube-node-manager/handlers"
	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
	"kube-node-manager/static"
	"kube-node-manager/views/ui"
)

// edge is what the handling of all requests shares.
type edge struct {
	options  *Options
	log      *slog.Logger
	metrics  *metrics
	store    *store.Store
	accounts *account.Service
	sessions *sessions
	limits   *limits
	ways     handlers.Ways // to sign in

	// frame returns the frame of an error page for a signed-in user.
	frame func(r *http.Request, title string) ui.Frame

	ready atomic.Bool // see readyz
	setUp atomic.Bool // see hasAdmin
}

// router returns the routes of the program. It is long because it is a list: of all routes,
// and of the middleware that their requests pass.
func (e *edge) router(h *handlers.Handlers, events handlerFunc) (http.Handler, error) {
	sameSite, err := e.sameSite()
	if err != nil {
		return nil, err
	}
	accounts := edgeAccounts{e.accounts, e.metrics}
	cookies := e.options.cookies()
	setup := handlers.NewSetup(accounts, e.sessions, e.hasSignOn())
	login := handlers.NewLogin(accounts, e.sessions, e.ways, cookies)
	oidc := handlers.NewOIDC(accounts, e.sessions, e.ways, cookies)
	logout := handlers.NewLogout(auditedSessions{e.sessions, e.accounts}, e.ways, cookies)
	limit := e.limitLogins()
	preferences := handlers.NewPreferences(cookies, e.accounts)
	do := e.handle

	r := chi.NewRouter()
	r.Use(clientIP(e.options.TrustedProxies), e.observe, belowBase(e.options.base()), prefer, e.rescue, e.secure)
	r.Use(e.knownHost, limitBody, middleware.GetHead)

	// Probes and static files: without a login.
	r.Group(func(r chi.Router) {
		r.Use(compress())
		r.Get("/healthz", do(e.healthz))
		r.Get("/readyz", do(e.readyz))
		r.Method(http.MethodGet, "/static/*", static.Handler())
	})

	// For everybody; signed-in users may see more.
	r.Group(func(r chi.Router) {
		r.Use(compress(), e.sessions.manager.LoadAndSave, e.authenticate)
		r.Get("/version", do(e.version))
		if e.options.MetricsAddr == "" {
			r.Get("/metrics", do(e.serveMetrics))
		}
	})

	// Pages: those to sign in, and below them those that need a login.
	r.Group(func(r chi.Router) {
		r.Use(sameSite, varies, e.sessions.manager.LoadAndSave, e.authenticate)
		r.NotFound(do(e.notFound))
		r.MethodNotAllowed(do(e.methodNotAllowed))
		r.Group(func(r chi.Router) {
			r.Use(compress(), deadline)
			r.With(e.requirePasswords).Get("/setup", do(setup.Show))
			r.With(e.requirePasswords, limit).Post("/setup", do(setup.Submit))
			r.Post("/preferences", do(preferences.Submit))
			r.With(e.requireUsers).Get("/login", do(login.Show))
			r.With(e.requireUsers, limit).Post("/login", do(login.Submit))
			r.Get(ui.CodeURL, do(login.ShowCode))
			r.With(limit).Post(ui.CodeURL, do(login.SubmitCode))
			if e.ways.Provider != nil {
				r.With(e.limitLogins()).Get(ui.OIDCURL, do(oidc.Begin))
				r.With(e.limitLogins()).Get(ui.OIDCCallbackURL, do(oidc.Finish))
			}
			r.With(e.requireSetup).Post("/logout", do(logout.Submit))
			r.With(e.limitLogins()).Post(ui.RedeemURL, do(handlers.NewRedeem(accounts).Submit))
		})

		// What is left to do before the rest, for who must have a second factor.
		r.Group(func(r chi.Router) {
			r.Use(e.requireSetup, e.requireLogin, compress(), deadline)
			r.Get(ui.FactorURL, do(h.FactorShow))
			r.Post(ui.FactorURL, do(h.FactorBegin))
			r.Post(ui.FactorURL+"/add", do(h.FactorAdd))
			r.Post(ui.FactorURL+"/codes", do(h.FactorCodes))
			r.Post(ui.FactorURL+"/remove", do(h.FactorRemove))
			r.Get(ui.FactorURL+"/{verb:add|codes|remove}", do(h.FactorPosted))
		})

		// For signed-in users. The services check their permissions.
		r.Group(func(r chi.Router) {
			r.Use(e.requireSetup, e.requireLogin, e.requireFactor)
			// Not compressed: each open stream would hold a compressor of 1 MB.
			r.Get(eventsRoute, do(events))
			r.Group(func(r chi.Router) {
				r.Use(compress(), deadline)
				heavy := r.With(e.limitHeavy)
				r.Get("/", do(h.Home))
				r.Get("/clusters", do(h.ClustersList))
				r.Get("/clusters/new", do(h.ClustersNew))
				heavy.Post("/clusters/new", do(h.ClustersImport))
				r.Get("/clusters/{cluster}", do(h.ClustersShow))
				heavy.Get("/clusters/{cluster}/access", do(h.ClustersAccess))
				r.Get("/clusters/{cluster}/edit", do(h.ClustersEdit))
				r.Post("/clusters/{cluster}/edit", do(h.ClustersUpdate))
				r.Get("/clusters/{cluster}/credentials", do(h.ClustersCredentials))
				heavy.Post("/clusters/{cluster}/credentials", do(h.ClustersReplace))
				r.Post("/clusters/{cluster}/disable", do(h.ClustersDisable))
				r.Post("/clusters/{cluster}/enable", do(h.ClustersEnable))
				r.Get("/clusters/{cluster}/delete", do(h.ClustersDeleteForm))
				r.Post("/clusters/{cluster}/delete", do(h.ClustersDelete))
				heavy.Post("/clusters/{cluster}/test", do(h.ClustersTest))
				r.Get("/clusters/{cluster}/{verb:test|disable|enable}", do(h.ClustersPosted))
				r.Get("/nodes", do(h.NodesAll))
				heavy.Get("/nodes.csv", do(h.NodesAllCSV))
				r.Get("/nodes.txt", do(h.NodesAllNames))
				both(r, ui.ColumnsURL, do(h.Columns))
				r.Get("/clusters/{cluster}/nodes", do(h.NodesList))
				heavy.Get("/clusters/{cluster}/nodes.csv", do(h.NodesCSV))
				r.Get("/clusters/{cluster}/nodes.txt", do(h.NodesNames))
				r.Get("/clusters/{cluster}/nodes/{node}", do(h.NodesShow))
				r.Get("/clusters/{cluster}/overview", do(h.ClustersOverview))
				r.Get("/clusters/{cluster}/rules", do(h.RulesShow))
				r.Post("/clusters/{cluster}/rules", do(h.RulesUpdate))
				r.Get("/clusters/{cluster}/nodes/{node}/menu", do(h.NodesMenu))
				r.Post("/clusters/{cluster}/batches", do(h.BatchesCreate))
				r.Get("/clusters/{cluster}/batches", do(h.BatchesPosted))
				both(heavy, "/clusters/{cluster}/batches/preview", do(h.BatchesPreview))
				heavy.Get("/clusters/{cluster}/labels", do(h.LabelsOverview))
				heavy.Get("/clusters/{cluster}/taints", do(h.TaintsOverview))
				for _, edited := range operation.Edited() {
					both(heavy, "/nodes/"+string(edited.Page)+"/edit", do(h.Edit(edited.Page)))
					both(heavy, "/clusters/{cluster}/"+string(edited.Page)+"/edit", do(h.Edit(edited.Page)))
				}
				both(heavy, "/clusters/{cluster}/taints/copy", do(h.TaintsCopy))
				both(heavy, "/clusters/{cluster}/templates/apply", do(h.TemplatesApply))
				both(heavy, "/nodes/templates/apply", do(h.TemplatesApply))
				r.Get("/batches", do(h.BatchesList))
				r.Post("/batches", do(h.GroupCreate))
				both(heavy, "/batches/preview", do(h.GroupPreview))
				r.Get("/batches/{id}", do(h.BatchesShow))
				heavy.Get("/batches/{id}/report.csv", do(h.BatchesReport))
				heavy.Get("/batches/{id}/kubectl", do(h.BatchesKubectl))
				r.Post("/batches/{id}/cancel", do(h.BatchesCancel))
				r.Post("/batches/{id}/pause", do(h.BatchesPause))
				r.Post("/batches/{id}/resume", do(h.BatchesResume))
				r.Post("/batches/{id}/retry", do(h.BatchesRetry))
				r.Post("/batches/{id}/undo", do(h.BatchesUndo))
				heavy.Get("/batches/{id}/plan", do(h.BatchesPlan))
				r.Post("/batches/{id}/approve", do(h.BatchesApprove))
				r.Post("/batches/{id}/reject", do(h.BatchesReject))
				r.Get("/batches/{id}/{verb:cancel|pause|resume|retry|undo|approve|reject}", do(h.BatchPosted))
				r.Get("/openapi.json", do(h.OpenAPI))
				r.Get("/docs/api", do(h.APIDocs))
				r.Get(ui.ViewsURL, do(h.ViewsList))
				r.Post(ui.ViewsURL, do(h.ViewsCreate))
				r.Get(ui.ViewMenuURL, do(h.ViewsMenu))
				r.Get("/views/{id}", do(h.ViewsShow))
				r.Post("/views/{id}/edit", do(h.ViewsUpdate))
				r.Post("/views/{id}/delete", do(h.ViewsDelete))
				r.Get("/views/{id}/{verb:edit|delete}", do(h.ViewsPosted))
				r.Get(ui.SuggestURL, do(h.Suggest))
				r.Get(ui.SearchesURL, do(h.SearchesList))
				r.Post(ui.SearchesURL, do(h.SearchesKeep))
				r.Post(ui.ForgetURL, do(h.SearchesForget))
				r.Get(ui.ForgetURL, do(h.ViewsPosted))
				r.Get("/hooks", do(h.HooksList))
				r.Post("/hooks", do(h.HooksCreate))
				r.Post("/hooks/{hook}/test", do(h.HooksTest))
				r.Post("/hooks/{hook}/disable", do(h.HooksDisable))
				r.Post("/hooks/{hook}/enable", do(h.HooksEnable))
				r.Post("/hooks/{hook}/delete", do(h.HooksDelete))
				r.Get("/hooks/{hook}/edit", do(h.HooksEdit))
				r.Post("/hooks/{hook}/edit", do(h.HooksUpdate))
				r.Get("/hooks/{hook}/delete", do(h.HooksAskDelete))
				r.Get("/hooks/{hook}/{verb:test|disable|enable}", do(h.HooksPosted))
				r.Get("/audit", do(h.AuditList))
				heavy.Get("/audit.csv", do(h.AuditCSV))
				r.Get("/users", do(h.UsersList))
				r.Get("/users/new", do(h.UsersNew))
				r.Post("/users/new", do(h.UsersCreate))
				r.Get("/users/{user}", do(h.UsersShow))
				r.Post("/users/{user}/access", do(h.UsersAccess))
				r.Post("/users/{user}/password", do(h.UsersPassword))
				r.Post("/users/{user}/disable", do(h.UsersDisable))
				r.Post("/users/{user}/enable", do(h.UsersEnable))
				r.Post("/users/{user}/signout", do(h.UsersSignOut))
				r.Post("/users/{user}/remove-factor", do(h.UsersFactorRemove))
				r.Get("/users/{user}/delete", do(h.UsersDeleteForm))
				r.Post("/users/{user}/delete", do(h.UsersDelete))
				r.Post("/users/{user}/tokens", do(h.UsersToken))
				r.Post("/users/{user}/tokens/{token}/revoke", do(h.UsersTokenRevoke))
				r.Get("/users/{user}/{verb:access|password|disable|enable|signout|remove-factor|tokens}", do(h.UserPosted))
				r.Get("/profile", do(h.ProfileShow))
				r.Post("/profile/password", do(h.ProfilePassword))
				r.Post("/profile/tokens", do(h.ProfileToken))
				r.Post("/profile/tokens/{token}/revoke", do(h.ProfileTokenRevoke))
				r.Post("/profile/sessions/{session}/end", do(h.ProfileSessionEnd))
				r.Post("/profile/signout", do(h.ProfileSignOut))
				r.Get(ui.AuthorizeURL, do(h.AuthorizeShow))
				r.Post(ui.AuthorizeURL, do(h.AuthorizeSubmit))
				r.Get(ui.AuthorizeDoneURL, do(h.AuthorizeDone))
				r.Get("/profile/{verb:password|tokens|signout}", do(h.ProfilePosted))
				r.Get("/templates/{kind}", do(h.TemplatesList))
				r.Get("/templates/{kind}/new", do(h.TemplatesNew))
				r.Post("/templates/{kind}/new", do(h.TemplatesCreate))
				r.Get("/templates/{kind}/import", do(h.TemplatesImportForm))
				r.Post("/templates/{kind}/import", do(h.TemplatesImport))
				r.Get("/templates/{kind}/export", do(h.TemplatesExport))
				r.Get("/templates/{kind}/{id}", do(h.TemplatesShow))
				r.Get("/templates/{kind}/{id}/edit", do(h.TemplatesEdit))
				r.Post("/templates/{kind}/{id}/edit", do(h.TemplatesUpdate))
				r.Get("/templates/{kind}/{id}/delete", do(h.TemplatesDeleteForm))
				r.Post("/templates/{kind}/{id}/delete", do(h.TemplatesDelete))
				r.Post("/templates/{kind}/{id}/duplicate", do(h.TemplatesDuplicate))
				r.Get("/templates/{kind}/{id}/duplicate", do(h.TemplatesPosted))
			})
		})
	})
	return r, nil
}

// both adds the routes of a page that is the target of a form and also has an address of
// its own.
func both(r chi.Router, pattern string, do http.HandlerFunc) {
	r.Get(pattern, do)
	r.Post(pattern, do)
}

// methodNotAllowed handles methods for which an address has no route.
func (e *edge) methodNotAllowed(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Allow", strings.Join(allowed(r), ", "))
	return &statusError{
		status: http.StatusMethodNotAllowed,
		err:    services.NewError(services.CodeInvalid, "error_method", "Method", methodOf(r)),
	}
}

// allowed returns the methods for which the address of a request has routes.
func allowed(r *http.Request) []string {
	path := r.URL.Path
	if r.URL.RawPath != "" {
		path = r.URL.RawPath
	}
	return allowedAt(r, path)
}

// allowedAt returns the methods for which an escaped path has routes.
func allowedAt(r *http.Request, path string) []string {
	var methods []string
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if chi.RouteContext(r.Context()).Routes.Match(chi.NewRouteContext(), method, path) {
			methods = append(methods, method)
		}
	}
	return methods
}
