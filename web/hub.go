package web

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/a-h/templ"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

const (
	flushEvery = 250 * time.Millisecond // at most four progress events per second
	heartbeat  = 15 * time.Second       // proxies close a connection that is silent for a minute
	lingerFor  = 5 * time.Second        // how long a stream is open after its batch has ended
)

// batchViewer returns the current state of a batch.
type batchViewer interface {
	View(ctx context.Context, id string) (batch.View, error)
	Group(ctx context.Context, id string) ([]batch.View, error)
	List(ctx context.Context, q batch.Query) (batch.Page, error)
}

// hub sends events to the open pages.
//
// The batch engine calls the methods of batch.Watcher, which only store a notice and
// never block. One goroutine turns the notices into events and offers them to the
// viewers. A viewer whose queue is full is cut off; its browser reconnects and gets
// the current state.
type hub struct {
	streams *streams
	batches batchViewer
	cleared func(cluster string) uint64  // generation of a cluster's cache
	rail    func(services.Scope) ui.Rail // current state of clusters and batches; may be nil
	look    func(cluster string)         // called for each cluster that a viewer follows; may be nil
	every   everyCluster                 // for the viewers of all clusters
	log     *slog.Logger
	dropped func()      // called for each viewer that is cut off
	login   loginFinder // nil means that no login is checked
	perUser int         // streams that one user may have open; 0 means no limit

	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	wake   chan struct{} // has one value if there are notices

	mu      sync.Mutex
	viewers map[string]*viewer // by stream id
	joined  uint64             // viewers so far
	notices []notice           // oldest first
	changed map[string]bool    // ids of the batches that have changed since the last flush
}

// everyCluster tells the hub of the clusters of a scope.
type everyCluster interface {
	ClusterNames(services.Scope) []string
	Generation(services.Scope) uint64 // see handlers.Handlers.Generation
	AsOf(services.Scope) time.Time    // of the cluster with the oldest nodes
}

// notice is something to send, or a new viewer to welcome.
type notice struct {
	cluster string
	batch   string    // the batch that has ended; "" means that the cluster's nodes have changed
	viewer  *viewer   // set: the viewer to welcome
	asOf    time.Time // set: the cluster's nodes were still right then
}

func newHub(ctx context.Context, log *slog.Logger, cleared func(string) uint64, dropped func()) *hub {
	h := &hub{
		cleared: cleared, log: log, dropped: dropped,
		done: make(chan struct{}), wake: make(chan struct{}, 1),
		viewers: map[string]*viewer{}, changed: map[string]bool{},
	}
	reader := services.Actor{Name: "hub", Role: services.RoleViewer}
	h.ctx, h.cancel = context.WithCancel(services.WithActor(context.WithoutCancel(ctx), reader))
	h.streams = newStreams(h.opened)
	return h
}

// setRail sets the function that returns the state of clusters and batches.
func (h *hub) setRail(rail func(services.Scope) ui.Rail) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rail = rail
}

// start sends events about the batches of b until close.
func (h *hub) start(b batchViewer) {
	h.batches = b
	go h.loop()
}

// close ends every stream and waits for the hub's goroutine.
func (h *hub) close() {
	h.cancel()
	if h.batches != nil {
		<-h.done
	}
}

// BatchChanged implements batch.Watcher.
func (h *hub) BatchChanged(_, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed[id] = true
}

// NodesChanged implements batch.Watcher.
func (h *hub) NodesChanged(cluster string) { h.add(notice{cluster: cluster}) }

// NodesConfirmed implements node.Viewers.
func (h *hub) NodesConfirmed(cluster string, at time.Time) { h.add(notice{cluster: cluster, asOf: at}) }

// BatchEnded implements batch.Watcher.
func (h *hub) BatchEnded(cluster, id, _ string, _ store.State, _ batch.Counts) {
	h.add(notice{cluster: cluster, batch: id})
}

// opened makes the hub welcome the viewer of a stream. Before the stream is open,
// events would be lost.
func (h *hub) opened(stream string) {
	h.mu.Lock()
	v := h.viewers[stream]
	h.mu.Unlock()
	if v != nil {
		h.add(notice{viewer: v})
	}
}

// add stores a notice and wakes the loop, without blocking.
func (h *hub) add(n notice) {
	h.mu.Lock()
	h.notices = append(h.notices, n)
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// loop sends events until the hub is closed.
func (h *hub) loop() {
	defer close(h.done)
	flush, rail, beat := time.NewTicker(flushEvery), time.NewTicker(railEvery), time.NewTicker(heartbeat)
	defer flush.Stop()
	defer rail.Stop()
	defer beat.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-h.wake:
			h.sendNotices()
		case <-flush.C:
			h.each(h.sendEvery)
			h.sendChanged()
		case <-rail.C:
			h.sendRail()
			h.each(h.sendAge)
		case <-beat.C:
			h.each(h.keepAlive)
		}
	}
}

// keepAlive sends a comment, which browsers ignore, and reports that the viewer's
// cluster is still open.
func (h *hub) keepAlive(v *viewer) {
	h.offer(v, newComment("still here"))
	h.lookFor(v)
}

// lookFor reports that a viewer has their clusters open.
func (h *hub) lookFor(v *viewer) {
	if h.look == nil {
		return
	}
	clusters := []string{v.cluster}
	if v.every {
		clusters = h.every.ClusterNames(v.actor.Scope())
	}
	for _, cluster := range clusters {
		if cluster != "" {
			h.look(cluster)
		}
	}
}

// sendNotices sends what the notices are about, in their order.
func (h *hub) sendNotices() {
	h.mu.Lock()
	notices := h.notices
	h.notices = nil
	for _, n := range notices {
		delete(h.changed, n.batch) // its last event is sent below
	}
	h.mu.Unlock()
	for _, n := range notices {
		switch {
		case n.viewer != nil:
			h.welcome(n.viewer)
		case n.batch != "":
			h.sendBatch(n.batch)
			h.tellOwner(n.batch)
			h.sendGroup(batch.GroupOf(n.batch))
		case !n.asOf.IsZero():
			h.sendAsOf(n.cluster, n.asOf)
		default:
			h.sendNodes(n.cluster)
		}
	}
}

// sendNodes tells the pages of a cluster that its nodes have changed. Those of all
// clusters are told with the next flush: so many clusters are one event, four times a
// second at most.
func (h *hub) sendNodes(cluster string) {
	h.each(func(v *viewer) {
		switch {
		case v.cluster == cluster:
			h.send(v, "nodes", strconv.FormatUint(h.cleared(cluster), 10))
		case v.every && v.actor.Scope().Has(cluster):
			v.missed = true
		}
	})
}

// sendAsOf tells the pages of a cluster when its nodes were as they show them.
func (h *hub) sendAsOf(cluster string, at time.Time) {
	h.each(func(v *viewer) {
		switch {
		case v.cluster == cluster:
			h.send(v, "asof", ui.RFC3339(at))
		case v.every:
			v.aged = true
		}
	})
}

// sendAge tells a page of all clusters, once a second at most, when the oldest of their
// nodes were as it shows them.
func (h *hub) sendAge(v *viewer) {
	if !v.aged {
		return
	}
	v.aged = false
	if at := h.every.AsOf(v.actor.Scope()); !at.IsZero() {
		h.send(v, "asof", ui.RFC3339(at))
	}
}

// sendEvery tells a page of all clusters that nodes have changed, if they have.
func (h *hub) sendEvery(v *viewer) {
	if v.missed {
		v.missed = false
		h.send(v, "nodes", strconv.FormatUint(h.generation(v), 10))
	}
}

// generation returns that of the cluster of a viewer, or of all.
func (h *hub) generation(v *viewer) uint64 {
	if v.every {
		return h.every.Generation(v.actor.Scope())
	}
	return h.cleared(v.cluster)
}

// welcome sends a new viewer the current state, which includes what has changed
// since its page was made.
func (h *hub) welcome(v *viewer) {
	h.lookFor(v)
	if v.generation != "" && v.generation != strconv.FormatUint(h.generation(v), 10) {
		h.send(v, "nodes", v.cluster)
	}
	if v.news.wanted {
		h.sendRailTo([]*viewer{v})
	}
	if v.mine {
		h.tellSince(v)
	}
	switch {
	case batch.IsGroup(v.batch):
		h.sendGroupTo([]*viewer{v}, v.batch)
		return
	case v.batch != "":
		h.sendBatchTo([]*viewer{v}, v.batch)
		return
	}
	h.offer(v, newComment("welcome"))
}

// render renders for a viewer. It uses the context of the hub, because that of the
// viewer's request may have ended.
func (h *hub) render(c templ.Component, v *viewer) string {
	html, err := ui.Render(ui.WithZone(ui.WithLocale(h.ctx, v.locale), v.zone), c)
	if err != nil {
		h.log.Error("Could not render an event", "error", err)
	}
	return string(html)
}
