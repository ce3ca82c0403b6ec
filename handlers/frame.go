package handlers

import (
	"crypto/rand"
	"net/http"
	"slices"
	"time"

	"github.com/a-h/templ"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/ui"
)

// frame makes what stands around a page's content. cluster is "" for a page
// that is about none.
func (h *Handlers) frame(r *http.Request, current, title, cluster string) ui.Frame {
	actor := services.ActorFrom(r.Context())
	scope := actor.Scope()
	running := h.Batches.Running(scope)
	open := append(slices.Clone(running), h.Batches.Interrupted(r.Context())...)
	rail := h.rail(scope, running)
	f := ui.Frame{
		Title: title, Current: current, Cluster: cluster, Clusters: rail.Clusters, Running: rail.Running,
		User: actor.Name, Role: actor.Role, Theme: ui.Theme(r.Context()), Path: r.URL.RequestURI(), Now: h.now(),
		Version: h.Version,
	}
	follow := ui.Follow{Rail: rail.Digest(), Clusters: current == "clusters"}
	if current == "batches" && cluster == "" {
		follow.Batches = rail.Work
	}
	if current == frameOfAll {
		follow.Nodes, follow.Generation = true, h.Generation(scope)
		f.Dock = h.dockOfAll(r, open, actor)
	}
	if cluster != "" {
		h.Clusters.Look(cluster)
		follow.Generation = h.Cache.Generation(cluster)
		f.Dock = h.dock(open, cluster, actor)
	}
	f.Stream = ui.StreamURL(cluster, follow)
	return f
}

// Frame is frame for the edge's error pages.
func (h *Handlers) Frame(r *http.Request, title string) ui.Frame {
	return h.frame(r, "", title, "")
}

// Generation returns a number that differs if the cache of any cluster of a scope was
// cleared or changed meanwhile, or if the scope has other clusters.
func (h *Handlers) Generation(scope services.Scope) uint64 {
	var sum uint64
	for _, name := range h.ClusterNames(scope) {
		sum += h.Cache.Generation(name)
	}
	return sum
}

// AsOf returns the age of the oldest nodes of the clusters of a scope that answer; the
// zero time if none does.
func (h *Handlers) AsOf(scope services.Scope) time.Time {
	var oldest time.Time
	for _, name := range h.ClusterNames(scope) {
		known, ok := h.Nodes.Known(name)
		if ok && known.Stale == nil && (oldest.IsZero() || known.AsOf.Before(oldest)) {
			oldest = known.AsOf
		}
	}
	return oldest
}

// dockOfAll is dock for all clusters: a group, or a batch alone.
func (h *Handlers) dockOfAll(r *http.Request, open []batch.View, actor services.Actor) templ.Component {
	if len(open) == 0 {
		return nil
	}
	if g := h.groupOf(r, batch.GroupOf(open[0].ID)); g != nil {
		return batches.GroupDock(*g)
	}
	v := batches.NewView(open[0], actor)
	v.More = len(open) - 1
	return batches.Dock(v)
}

// dock returns the newest running batch in a cluster, or one that waits to be
// resumed, so that whoever opens the page finds it again.
func (h *Handlers) dock(open []batch.View, cluster string, actor services.Actor) templ.Component {
	mine := slices.DeleteFunc(open, func(v batch.View) bool { return v.Cluster != cluster })
	if len(mine) == 0 {
		return nil
	}
	v := batches.NewView(mine[0], actor)
	v.More = len(mine) - 1
	return batches.Dock(v)
}

// batchView makes the view of one batch for the person who asks.
func (h *Handlers) batchView(r *http.Request, v batch.View) batches.View {
	others := 0
	actor := services.ActorFrom(r.Context())
	for _, other := range h.Batches.Running(actor.Scope()) {
		if other.Cluster == v.Cluster && other.ID != v.ID {
			others++
		}
	}
	view := batches.NewView(v, actor)
	view.More = others
	return view
}

// newKey returns the idempotency key of a form.
func newKey() string { return rand.Text() }
