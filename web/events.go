package web

import (
	"context"
	"crypto/rand"
	"net/http"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/views/ui"
)

// streamFor is how long a stream may be open. The browser reconnects after it. So
// something that keeps a stream open without need, such as a proxy, does not do so
// forever.
const streamFor = 15 * time.Minute

// clusterFinder returns an error if a cluster does not exist.
type clusterFinder func(name string) error

// serve returns the handler of the event stream, of which each page has one at most.
// Its events are
//
//   - "progress": the panel of the batch that the page follows,
//   - "nodes": the nodes of the page's cluster, or of one of all, have changed,
//   - "asof": when the nodes of the page's cluster were as the page shows them,
//   - "rail" and "batches": the state of all clusters and batches, for pages that show it,
//   - "told": a batch that the user has started has ended, or waits for a person,
//   - "done": the batch has ended; always the last event.
//
// The first events show the current state.
func (h *hub) serve(clusterExists clusterFinder) handlerFunc {
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

// newViewer checks what a request wants to follow.
func (h *hub) newViewer(r *http.Request, clusterExists clusterFinder) (*viewer, error) {
	q, actor := r.URL.Query(), services.ActorFrom(r.Context())
	if err := actor.Require(services.PermitSee); err != nil {
		return nil, err
	}
	v := &viewer{
		id: rand.Text(), recheck: make(chan struct{}, 1),
		actor: actor, locale: ui.Locale(r.Context()), zone: ui.Zone(r.Context()),
		cluster: q.Get("cluster"), batch: q.Get("batch"), generation: q.Get("generation"),
		every: q.Get("nodes") == "all", news: newRailNews(q), mine: q.Get("mine") == "1",
	}
	var err error
	v.since, err = time.Parse(time.RFC3339, q.Get("since"))
	if err != nil {
		v.since = time.Now() // nothing has happened since
	}
	if v.cluster == "" && v.batch == "" && !v.every && !v.news.wanted && !v.mine {
		return nil, services.Invalid("cluster", "error_events_what")
	}
	if v.cluster != "" {
		if err := clusterExists(v.cluster); err != nil {
			return nil, err
		}
		if err := actor.In(v.cluster).Require(services.PermitSee); err != nil {
			return nil, err
		}
	}
	if v.batch != "" {
		if _, err := h.batches.Group(r.Context(), v.batch); err != nil {
			return nil, err
		}
	}
	return v, nil
}
