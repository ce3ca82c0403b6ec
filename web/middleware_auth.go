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

// limitWindow is the time over which tries to sign in are counted.
const limitWindow = time.Minute

// authenticate finds out who asks, by bearer token or by login session, and
// puts the actor into the context. It lets everybody through.
func (e *edge) authenticate(next http.Handler) http.Handler {
	return e.handle(func(w http.ResponseWriter, r *http.Request) error {
		u, err := e.whoAsks(r)
		i := infoFrom(r.Context())
		i.user = u.Name
		// Whoever comes with a token that is wrong is limited like anybody.
		if err := e.limitRate(r, u.ID); err != nil {
			return err
		}
		if err != nil {
			return err
		}
		if u.ID != 0 {
			actor := u.Actor(i.clientIP, i.id)
			actor.Drains = e.options.UsersMayDrain
			r = r.WithContext(services.WithActor(r.Context(), actor))
		}
		next.ServeHTTP(w, r)
		return nil
	})
}

// whoAsks gives the user, or the zero User for nobody. A token that is wrong is
// an error even when there is a login session beside it.
func (e *edge) whoAsks(r *http.Request) (account.User, error) {
	if token, ok := bearer(r); ok {
		return e.accounts.ByToken(r.Context(), token)
	}
	return e.sessions.user(r.Context(), e.accounts, isSomebodysDoing(r))
}

// isSomebodysDoing reports whether a request shows that a person is there. What a
// page loads by itself, and its event stream, does not. Only a request that reads
// can say of itself that it is such a one.
func isSomebodysDoing(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return true
	}
	background := r.Header.Get("X-Background") != "" || r.URL.Query().Get("background") != ""
	return !background && r.URL.Path != eventsRoute
}

// bearer gives the request's bearer token. Other schemes are some proxy's.
func bearer(r *http.Request) (token string, ok bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), strings.EqualFold(scheme, "Bearer")
}

// requireSetup sends everybody who is not signed in to the set-up page until there
// is an administrator. Whoever has an account already goes on.
func (e *edge) requireSetup(next http.Handler) http.Handler {
	return e.handle(func(w http.ResponseWriter, r *http.Request) error {
		ready, err := e.hasAdmin(r)
		if err != nil {
			return err
		}
		if ready || services.ActorFrom(r.Context()).ID != 0 {
			next.ServeHTTP(w, r)
			return nil
		}
		return e.toSetup(w, r)
	})
}

// requireUsers sends everybody to the set-up page until anybody can sign in.
func (e *edge) requireUsers(next http.Handler) http.Handler {
	return e.handle(func(w http.ResponseWriter, r *http.Request) error {
		ready, err := e.hasAdmin(r)
		if err == nil && !ready {
			ready, err = e.accounts.HasUsers(r.Context())
		}
		if err != nil {
			return err
		}
		if !ready {
			return e.toSetup(w, r)
		}
		next.ServeHTTP(w, r)
		return nil
	})
}

func (e *edge) toSetup(w http.ResponseWriter, r *http.Request) error {
	return e.sendAway(w, r, ui.SetupURL, services.NewError(services.CodeUnauthenticated, "error_setup_needed"))
}

// hasAdmin asks the database until there is an administrator; from then on there
// is one.
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

// requireLogin sends whoever is not signed in to the sign-in page.
func (e *edge) requireLogin(next http.Handler) http.Handler {
	return e.handle(func(w http.ResponseWriter, r *http.Request) error {
		if services.ActorFrom(r.Context()).ID == 0 {
			return e.sendAway(w, r, e.signInURL(r), services.NewError(services.CodeUnauthenticated, "error_unauthenticated"))
		}
		next.ServeHTTP(w, r)
		return nil
	})
}

// signInURL returns the sign-in page for a request that needs a login. Only a page
// of ours posts or loads parts of itself, and whoever had one was signed in: the
// session has ended since.
func (e *edge) signInURL(r *http.Request) string {
	switch back := e.comeBack(r); {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return ui.EndedURL(back, ui.EndRefused)
	case handlers.IsHTMX(r):
		return ui.EndedURL(back, ui.EndNoticed)
	default:
		return ui.LoginURL(back)
	}
}

// sendAway sends a person to another page, and tells a script the error. HTMX
// gets 401 with HX-Redirect: a redirect it would follow silently, and put the
// sign-in page into a table.
func (e *edge) sendAway(w http.ResponseWriter, r *http.Request, to string, err error) error {
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

// comeBack gives the page to return to after signing in: the one that was asked
// for, or the one that it was asked from.
func (e *edge) comeBack(r *http.Request) string {
	if r.Header.Get("HX-Request") == "true" {
		return e.ownPage(r, r.Header.Get("HX-Current-URL"))
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return handlers.LocalPath(r.URL.RequestURI())
	}
	return e.ownPage(r, r.Referer())
}

// ownPage gives the path of an address of ours, or "/".
func (e *edge) ownPage(r *http.Request, address string) string {
	u, err := url.Parse(address)
	// A proxy may have rewritten Host, so the public address is ours as well.
	if err != nil || u.Host != r.Host && u.Scheme+"://"+u.Host != e.options.origin() {
		return ui.HomeURL
	}
	return e.readable(r, handlers.LocalPath(u.RequestURI()))
}

// readable returns the path, or where it has none to read (some pages are the
// answer to a POST) what is nearest to it: the nodes of the cluster that it is
// about, else the page above it.
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
