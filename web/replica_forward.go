package web

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"kube-node-manager/handlers"
	"kube-node-manager/services"
	"kube-node-manager/static"
)

// forwardWait is how long a request waits for a replica that works.
const forwardWait = 20 * time.Second

// ServeHTTP answers a request if this replica works, and forwards it otherwise.
func (r *replica) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if p := r.working(); p != nil {
		p.routes.ServeHTTP(w, req)
		return
	}
	path := req.URL.Path
	if base := r.app.options.base(); base != nil {
		path = inside(base, req).URL.Path
	}
	if path == "/healthz" || path == "/readyz" || strings.HasPrefix(path, "/static/") {
		r.local.ServeHTTP(w, req)
		return
	}
	r.forward(w, req)
}

// localRoutes returns the routes that every replica answers itself.
func (r *replica) localRoutes() http.Handler {
	e := r.edge
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", e.handle(e.healthz))
	mux.Handle("GET /readyz", e.handle(e.readyz))
	mux.Handle("GET /static/", static.Handler())
	return belowBase(r.app.options.base())(e.secure(mux))
}

// metrics serves the metrics of the program while this replica works, and otherwise those of
// the process.
func (r *replica) metrics(w http.ResponseWriter, req *http.Request) {
	if p := r.working(); p != nil {
		p.metrics.handler().ServeHTTP(w, req)
		return
	}
	r.own.ServeHTTP(w, req)
}

// forward sends a request to the replica that works, and its answer back. While none does,
// it waits for one. A request is only sent again if no part of its body was read.
func (r *replica) forward(w http.ResponseWriter, req *http.Request) {
	ctx, cancel := context.WithTimeout(req.Context(), forwardWait)
	defer cancel()
	body := &onceBody{ReadCloser: req.Body}
	for {
		if p := r.working(); p != nil && !body.read {
			p.routes.ServeHTTP(w, req)
			return
		}
		leader, ok, err := r.store.Leader(ctx)
		if err == nil && ok && leader.Token != 0 && leader.Holder != r.me.Holder {
			out := req.Clone(req.Context())
			out.Body = body
			err = r.peers.send(w, out, leader)
			if err == nil {
				return
			}
		}
		if err != nil {
			r.app.log.Debug("A request cannot be forwarded", "path", shortPath(req), "error", err)
		}
		sent := maySent(req, body.read, err)
		if body.read || sent || !wait(ctx, forwardAgain) {
			r.unavailable(w, req, sent)
			return
		}
	}
}

// forwardAgain is the pause before a request is tried again.
const forwardAgain = 200 * time.Millisecond

// maySent reports whether a request that may change something may have been carried out by
// the other replica, which does nothing before it has asked for the body.
func maySent(req *http.Request, bodyRead bool, err error) bool {
	if err == nil || req.Method == http.MethodGet || req.Method == http.MethodHead {
		return false
	}
	if req.ContentLength != 0 && !bodyRead {
		return false
	}
	operation, ok := errors.AsType[*net.OpError](err)
	return !ok || operation.Op != "dial"
}

// onceBody is the body of a request, which remembers whether any of it was read, and which
// is closed by the server only.
type onceBody struct {
	io.ReadCloser
	read bool
}

// Read implements io.Reader.
func (b *onceBody) Read(p []byte) (int, error) {
	b.read = true
	return b.ReadCloser.Read(p)
}

// Close implements io.Closer.
func (b *onceBody) Close() error { return nil }

// whyNone returns why no replica works.
func (r *replica) whyNone() *services.Error {
	if fault := r.fault.Load(); fault != nil {
		return fault
	}
	return services.NewError(services.CodeUnavailable, "error_replica_none")
}

// unavailable answers that no replica works, and why. Where the request may have been carried out
// nevertheless, the answer says so.
func (r *replica) unavailable(w http.ResponseWriter, req *http.Request, sent bool) {
	if req.Context().Err() != nil {
		return // nobody waits for the answer
	}
	why := r.whyNone()
	if sent {
		why = services.NewError(services.CodeUnavailable, "error_replica_cut")
	} else {
		w.Header().Set("Retry-After", "5")
	}
	w.Header().Set("Cache-Control", "no-store")
	r.refuse(why).ServeHTTP(w, req)
}

// refuse returns the handler that answers each request with an error. A page that could not be
// shown is asked for again by the browser.
func (r *replica) refuse(why *services.Error) http.Handler {
	answer := r.edge.handle(func(w http.ResponseWriter, req *http.Request) error {
		refresh(w, req)
		return &statusError{
			status: http.StatusServiceUnavailable, err: why, quiet: true,
		}
	})
	return belowBase(r.app.options.base())(r.edge.secure(prefer(answer)))
}

// refreshAfter is the pause, in seconds, before a browser asks for a page again.
const refreshAfter = "5"

// refresh has the browser ask again for a page that could not be shown.
func refresh(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && !handlers.IsHTMX(r) && !handlers.WantsJSON(r) {
		w.Header().Set("Refresh", refreshAfter)
	}
}
