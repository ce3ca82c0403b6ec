package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"kube-node-manager/handlers"
	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/views/ui"
)

// limitWindow is the period in which tries to sign in are counted.
const limitWindow = time.Minute

// authenticate determines the user by bearer token or login session, and adds the actor to
// the context. Requests without a login pass.
func (e *edge) authenticate(next http.Handler) http.Handler {
	return e.handle(func(w http.ResponseWriter, r *http.Request) error {
		u, err := e.userOf(r)
		i := infoFrom(r.Context())
		i.user = u.Name
		// Requests with a wrong token are limited, too.
		if err := e.limitRate(r, u.ID); err != nil {
			return err
		}
		if err != nil {
			return err
		}
		if u.ID != 0 {
			actor := u.Actor(i.clientIP, i.id)
			actor.Drains = e.options.UsersMayDrain
			actor.FactorDue = !actor.Token && e.options.SecondFactor.due(u)
			r = r.WithContext(services.WithActor(r.Context(), actor))
		}
		next.ServeHTTP(w, r)
		return nil
	})
}

// userOf returns the user of a request, or the zero User if there is no login. A wrong
// token is an error, even if there is a login session too.
func (e *edge) userOf(r *http.Request) (account.User, error) {
	if token, ok := bearer(r); ok {
		return e.accounts.ByToken(r.Context(), token)
	}
	u, err := e.sessions.user(r.Context(), e.accounts, isByPerson(r))
	if err == nil && u.Local && !e.options.LocalLogin {
		return account.User{}, e.sessions.SignOut(r.Context()) // it began before a restart
	}
	return u, err
}

// isByPerson reports whether a request shows that a person is using the page. Those that
// a page sends by itself in the background do not, and neither does its event stream.
// A request that changes something always counts as a person's.
func isByPerson(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return true
	}
	background := r.Header.Get("X-Background") != "" || r.URL.Query().Get("background") != ""
	return !background && r.URL.Path != eventsRoute
}

// bearer returns the bearer token of a request. It ignores other schemes, which a proxy
// may use.
func bearer(r *http.Request) (token string, ok bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), strings.EqualFold(scheme, "Bearer")
}

// requireSetup redirects to the set-up page until there is an administrator. Signed-in
// users pass, and everybody does if there is nothing to set up.
func (e *edge) requireSetup(next http.Handler) http.Handler {
	return e.handle(func(w http.ResponseWriter, r *http.Request) error {
		ready, err := e.hasAdmin(r)
		if err != nil {
			return err
		}
		if ready || !e.options.LocalLogin || services.ActorFrom(r.Context()).ID != 0 {
			next.ServeHTTP(w, r)
			return nil
		}
		return e.toSetup(w, r)
	})
}

// hasSignOn reports whether people can sign in without a password that is kept here.
func (e *edge) hasSignOn() bool { return e.options.usesOIDC() || e.options.usesLDAP() }

// requirePasswords redirects to the sign-in page if no password that is kept here works:
// there is nothing to set up then.
func (e *edge) requirePasswords(next http.Handler) http.Handler {
	return e.handle(func(w http.ResponseWriter, r *http.Request) error {
		if !e.options.LocalLogin {
			return e.redirect(w, r, ui.SignInURL, services.NewError(services.CodeForbidden, "error_login_off"))
		}
		next.ServeHTTP(w, r)
		return nil
	})
}

// requireUsers redirects to the set-up page until there is a user who can sign in.
func (e *edge) requireUsers(next http.Handler) http.Handler {
	return e.handle(func(w http.ResponseWriter, r *http.Request) error {
		ready, err := e.hasAdmin(r)
		if err == nil && !ready && !e.hasSignOn() {
			ready, err = e.accounts.HasUsers(r.Context())
		}
		if err != nil {
			return err
		}
		if !ready && !e.hasSignOn() {
			return e.toSetup(w, r)
		}
		next.ServeHTTP(w, r)
		return nil
	})
}

func (e *edge) toSetup(w http.ResponseWriter, r *http.Request) error {
	return e.redirect(w, r, ui.SetupURL, services.NewError(services.CodeUnauthenticated, "error_setup_needed"))
}

// hasAdmin reports whether there is an administrator. It asks the database until there is
// one: the last one cannot be removed.
func (e *edge) hasAdmin(r *http.Request) (bool, error) {
	if e.setUp.Load() {
		return true, nil
	}
	has, err := e.accounts.HasAdmin(r.Context())
	if has {
		e.setUp.Store(true)
	}
	return has, err
}

// requireLogin redirects to the sign-in page if there is no login.
func (e *edge) requireLogin(next http.Handler) http.Handler {
	return e.handle(func(w http.ResponseWriter, r *http.Request) error {
		if services.ActorFrom(r.Context()).ID == 0 {
			err := services.NewError(services.CodeUnauthenticated, "error_unauthenticated")
			return e.redirect(w, r, e.signInURL(r), err)
		}
		next.ServeHTTP(w, r)
		return nil
	})
}

// requireFactor redirects a user who must have a second factor to the page that adds it.
func (e *edge) requireFactor(next http.Handler) http.Handler {
	return e.handle(func(w http.ResponseWriter, r *http.Request) error {
		if services.ActorFrom(r.Context()).FactorDue {
			return e.redirect(w, r, ui.FactorURL, services.NewError(services.CodeForbidden, "error_factor_due"))
		}
		next.ServeHTTP(w, r)
		return nil
	})
}

// signInURL returns the address of the sign-in page for a request that needs a login. If
// a page of ours has sent the request (a POST, or a part that it loads), the person
// was signed in and the session has ended; the sign-in page says so.
func (e *edge) signInURL(r *http.Request) string {
	back := e.backURL(r)
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return ui.EndedURL(back, ui.EndRefused)
	case handlers.IsHTMX(r):
		return ui.EndedURL(back, ui.EndNoticed)
	default:
		return ui.LoginURL(back)
	}
}

// redirect redirects a browser to another page, and answers a script with the error. HTMX
// gets status 401 and HX-Redirect: it would follow a redirect silently, and put the
// sign-in page into a part of the page.
func (e *edge) redirect(w http.ResponseWriter, r *http.Request, to string, err error) error {
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case r.Header.Get("HX-Request") == "true":
		w.Header().Set("HX-Redirect", to)
		w.WriteHeader(http.StatusUnauthorized)
	case handlers.WantsJSON(r), strings.HasPrefix(r.Header.Get("Accept"), "text/event-stream"):
		return err
	default:
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
	return nil
}

// backURL returns the page to show after signing in: the requested one, or the one from
// which the request was sent.
func (e *edge) backURL(r *http.Request) string {
	if r.Header.Get("HX-Request") == "true" {
		return e.ownPage(r, r.Header.Get("HX-Current-URL"))
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return handlers.LocalPath(r.URL.RequestURI())
	}
	return e.ownPage(r, r.Referer())
}

// ownPage returns the path of an address of this site, or "/".
func (e *edge) ownPage(r *http.Request, address string) string {
	u, err := url.Parse(address)
	// A proxy may have rewritten Host, so --public-url counts as this site too.
	if err != nil || u.Host != r.Host && u.Scheme+"://"+u.Host != e.options.origin() {
		return ui.HomeURL
	}
	return e.readable(r, handlers.LocalPath(u.RequestURI()))
}

// readable returns the path if it has a route for GET, because some pages are the response
// to a POST. Otherwise it returns a page near it: the nodes of the path's cluster, or
// the nearest parent page.
func (e *edge) readable(r *http.Request, path string) string {
	bare, _, _ := strings.Cut(path, "?")
	if slices.Contains(allowedAt(r, bare), http.MethodGet) {
		return path
	}
	parts := strings.Split(bare, "/")
	if len(parts) > 3 && "/"+parts[1] == ui.ClustersURL {
		return strings.Join(append(parts[:3:3], "nodes"), "/")
	}
	for end := len(parts) - 1; end > 1; end-- {
		above := strings.Join(parts[:end], "/")
		if slices.Contains(allowedAt(r, above), http.MethodGet) {
			return above
		}
	}
	return ui.HomeURL
}
