package web

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/views"
)

const (
	// writeWithin is how long one write to a viewer may take: a browser that
	// stopped reading is cut off, whatever the server's own timeout says.
	writeWithin = 10 * time.Second
	// streamFor ends every stream now and then, so that what keeps one open
	// beyond its use, such as a proxy, does not do so for ever.
	streamFor = 15 * time.Minute
)

// clusterFinder tells whether a cluster exists.
type clusterFinder func(name string) error

// events answers the page's one event stream: "progress" of its batch, "nodes"
// when its cluster's nodes changed, "done" as a batch's last event, and for a
// page that shows them "rail" and "batches". The first events show the present
// state.
func (h *hub) serve(clusterExists clusterFinder) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := h.newViewer(r, clusterExists)
		if err != nil {
			return err
		}
		ctx, cut := context.WithTimeout(r.Context(), streamFor)
		defer cut()
		defer context.AfterFunc(h.ctx, cut)()
		v.cut = cut
		h.join(v)
		defer h.quit(v)
		defer h.watchLogin(ctx, r, v)()
		h.server.ServeHTTP(&streamWriter{ResponseWriter: w, control: http.NewResponseController(w)}, streamRequest(r.WithContext(ctx), v.id))
		return nil
	}
}

func (h *hub) newViewer(r *http.Request, clusterExists clusterFinder) (*viewer, error) {
	q, actor := r.URL.Query(), services.ActorFrom(r.Context())
	if err := actor.Require(services.PermitSee); err != nil {
		return nil, err
	}
	v := &viewer{
		id: rand.Text(), recheck: make(chan struct{}, 1),
		actor: actor, locale: views.Locale(r.Context()), zone: views.Zone(r.Context()),
		cluster: q.Get("cluster"), batch: q.Get("batch"), generation: q.Get("generation"),
		news: newRailNews(q),
	}
	if v.cluster == "" && v.batch == "" && !v.news.wanted {
		return nil, services.Invalid("cluster", "error_events_what")
	}
	if v.cluster != "" {
		if err := clusterExists(v.cluster); err != nil {
			return nil, err
		}
	}
	if v.batch != "" {
		if _, err := h.batches.View(r.Context(), v.batch); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// streamRequest is the request that the library is to see: the stream is ours
// to choose, and what was missed we know better than a last event id.
func streamRequest(r *http.Request, id string) *http.Request {
	r = r.Clone(r.Context())
	r.URL = &url.URL{Path: r.URL.Path, RawQuery: url.Values{"stream": {id}}.Encode()}
	r.Header.Del("Last-Event-ID")
	return r
}

// streamWriter gives every write a deadline of its own.
type streamWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

// Write writes within the deadline. A writer without deadlines, as in tests, is
// written to as it is.
func (w *streamWriter) Write(p []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(writeWithin))
	return w.ResponseWriter.Write(p)
}

// Flush sends what was written. The library asserts http.Flusher.
func (w *streamWriter) Flush() {
	_ = w.control.SetWriteDeadline(time.Now().Add(writeWithin))
	_ = w.control.Flush() // a viewer who has gone is noticed by the request's context
}
