package web

import (
	"context"
	"net/http"
	"sync"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
)

// loginCheck finds out anew who asks. A login that has ended is the zero User or
// CodeUnauthenticated.
type loginCheck func(ctx context.Context) (account.User, error)

// loginFinder returns the check of the login that a request came with. The check
// must not get the request's context, which knows the login as it was.
type loginFinder func(r *http.Request) loginCheck

// loginOf is the edge's loginFinder.
func (e *edge) loginOf(r *http.Request) loginCheck {
	if token, ok := bearer(r); ok {
		return func(ctx context.Context) (account.User, error) { return e.accounts.ByToken(ctx, token) }
	}
	return e.sessions.again(r.Context(), e.accounts)
}

// watchLogin cuts a stream off when the login that opened it has ended or its
// user has another role: at once when this process ended it (see recheckLogins),
// at the next heartbeat when the command line did. The function that it returns
// ends the watch; the stream must have been cut.
func (h *hub) watchLogin(ctx context.Context, r *http.Request, v *viewer) (wait func()) {
	if h.login == nil {
		return func() {}
	}
	check := h.login(r)
	var watch sync.WaitGroup
	watch.Go(func() {
		beat := time.NewTicker(heartbeat)
		defer beat.Stop()
		// The first check is at once: the login may have ended since the request
		// was let in, before recheckLogins knew of this stream.
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

// loginHolds reports whether the one who opened the stream may go on reading it.
// When that cannot be found out it may; the next heartbeat asks again.
func (h *hub) loginHolds(check loginCheck, v *viewer) bool {
	u, err := check(h.ctx)
	switch {
	case services.CodeOf(err) == services.CodeUnauthenticated:
		return false
	case err != nil:
		if h.ctx.Err() == nil {
			h.log.Warn("The login of an event stream cannot be checked", "user", v.actor.Name, "error", err)
		}
		return true
	default:
		return u.ID == v.actor.ID && u.Role == v.actor.Role
	}
}

// recheckLogins makes every stream check its login now.
func (h *hub) recheckLogins() {
	h.each((*viewer).askLogin)
}

// askLogin makes the stream check its login; a check that is due already will do.
func (v *viewer) askLogin() {
	select {
	case v.recheck <- struct{}{}:
	default:
	}
}

// makeRoom cuts off the oldest stream of a user who has as many as one may: the
// newest is the one that somebody looks at, and the oldest may be a connection
// that nobody reads any more. A page that is still open comes back by itself. The
// caller holds the lock.
func (h *hub) makeRoom(actor services.Actor) {
	var oldest *viewer
	count := 0
	for _, v := range h.viewers {
		if v.actor.ID != actor.ID {
			continue
		}
		count++
		if oldest == nil || v.joined < oldest.joined {
			oldest = v
		}
	}
	if h.perUser == 0 || count < h.perUser {
		return
	}
	delete(h.viewers, oldest.id)
	oldest.cut()
}
