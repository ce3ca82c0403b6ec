package web

import (
	"context"
	"crypto/rand"
	"net/http"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/views/ui"
)

const (
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
		h.streams.serve(w, r.WithContext(ctx), v.id)
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
		actor: actor, locale: ui.Locale(r.Context()), zone: ui.Zone(r.Context()),
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
