package web

import (
	"context"
	"maps"
	"net/http"
	"sync"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
)

// loginCheck returns the user of a login as it is now. If the login has ended, it
// returns the zero User or CodeUnauthenticated.
type loginCheck func(ctx context.Context) (account.User, error)

// loginFinder returns the check of a request's login. The check must not use the
// context of the request, which holds the login as it was then.
type loginFinder func(r *http.Request) loginCheck

// loginOf is the loginFinder of the program.
func (e *edge) loginOf(r *http.Request) loginCheck {
	if token, ok := bearer(r); ok {
		return func(ctx context.Context) (account.User, error) { return e.accounts.ByToken(ctx, token) }
	}
	return e.sessions.again(r.Context(), e.accounts)
}

// watchLogin cuts a stream off when its login has ended or its user has other roles.
// If this process has ended the login, that is at once (see recheckLogins). If the
// command line has, it is at the next heartbeat. The returned function cuts the
// stream and waits for the end of the watch.
func (h *hub) watchLogin(ctx context.Context, r *http.Request, v *viewer) (stop func()) {
	if h.login == nil {
		return func() {}
	}
	check := h.login(r)
	var watch sync.WaitGroup
	watch.Go(func() {
		beat := time.NewTicker(heartbeat)
		defer beat.Stop()
		// The first check is at once: the login may have ended after the request was
		// authenticated and before recheckLogins knew of this stream.
		for h.loginHolds(check, v) {
			select {
			case <-ctx.Done():
				return
			case <-beat.C:
			case <-v.recheck:
			}
		}
		v.cut()
	})
	return func() {
		v.cut()
		watch.Wait()
	}
}

// loginHolds reports whether the login of a stream is still valid. If that cannot be
// checked, it counts as valid until the next check.
func (h *hub) loginHolds(check loginCheck, v *viewer) bool {
	u, err := check(h.ctx)
	switch {
	case services.CodeOf(err) == services.CodeUnauthenticated:
		return false
	case err != nil:
		if h.ctx.Err() == nil {
			h.log.Warn("Could not check the login of an event stream", "user", v.actor.Name, "error", err)
		}
		return true
	default:
		return u.ID == v.actor.ID && u.Role == v.actor.Role && maps.Equal(u.Clusters, v.actor.Clusters)
	}
}

// recheckLogins makes every stream check its login now.
func (h *hub) recheckLogins() {
	h.each((*viewer).recheckLogin)
}

// recheckLogin makes the stream check its login. If a check is due already, it does
// nothing.
func (v *viewer) recheckLogin() {
	select {
	case v.recheck <- struct{}{}:
	default:
	}
}
