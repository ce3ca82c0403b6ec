package web

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/a-h/templ"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/ui"
)

const (
	flushEvery = 250 * time.Millisecond // at most four progress events a second
	heartbeat  = 15 * time.Second       // proxies close a connection that is silent for a minute
	lingering  = 5 * time.Second        // how long a stream outlives its batch
)

// batchViewer gives the present state of a batch.
type batchViewer interface {
	View(ctx context.Context, id string) (batch.View, error)
}

// hub carries what the engine says to the pages that follow it. The engine only
// leaves notes and never waits: one goroutine turns the notes into events and
// offers them to every viewer; a viewer whose buffer is full is cut off. Its
// browser comes back and is shown the present state.
type hub struct {
	streams *streams
	batches batchViewer
	cleared func(cluster string) uint64 // the generation of a cluster's cache
	rail    func() ui.Rail              // the present state of clusters and batches; nil for none
	look    func(cluster string)        // is told of every cluster that a viewer follows; nil for none
	log     *slog.Logger
	dropped func()      // counts viewers that were cut off
	login   loginFinder // nil lets every stream go on
	perUser int         // streams that one user may have open; 0 is any number

	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	wake   chan struct{}

	mu      sync.Mutex
	viewers map[string]*viewer
	joined  uint64          // numbers the viewers in the order in which they came
	notes   []note          // in their order
	changed map[string]bool // batches with news, told of at the next flush
}

// viewer is one open event stream.
type viewer struct {
	id         string
	actor      services.Actor
	locale     string
	zone       *time.Location
	cluster    string
	batch      string
	generation string // of the cluster's cache when the page was made; "" when it does not say
	news       railNews
	cut        context.CancelFunc
	recheck    chan struct{} // its login may have ended
	joined     uint64
	events     uint64
	ended      bool // its batch's last event has been sent
	gone       bool // it was cut off
}

// note is something to tell, or a viewer to greet.
type note struct {
	cluster string
	batch   string // set: this batch has ended; else the cluster's nodes changed
	greet   *viewer
}

func newHub(ctx context.Context, log *slog.Logger, cleared func(string) uint64, dropped func()) *hub {
	h := &hub{
		cleared: cleared, log: log, dropped: dropped,
		done: make(chan struct{}), wake: make(chan struct{}, 1),
		viewers: map[string]*viewer{}, changed: map[string]bool{},
	}
	h.ctx, h.cancel = context.WithCancel(services.WithActor(context.WithoutCancel(ctx), services.Actor{Name: "hub", Role: services.RoleViewer}))
	h.streams = newStreams(h.greet)
	return h
}

// setRail says what the rail is.
func (h *hub) setRail(rail func() ui.Rail) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rail = rail
}

// start tells of the batches of b until close.
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

// BatchChanged leaves a note; see batch.Watcher.
func (h *hub) BatchChanged(_, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed[id] = true
}

// NodesChanged leaves a note; see batch.Watcher.
func (h *hub) NodesChanged(cluster string) { h.leave(note{cluster: cluster}) }

// BatchEnded leaves a note; see batch.Watcher.
func (h *hub) BatchEnded(cluster, id, _ string, _ store.State, _ batch.Counts) {
	h.leave(note{cluster: cluster, batch: id})
}

func (h *hub) leave(n note) {
	h.mu.Lock()
	h.notes = append(h.notes, n)
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *hub) greet(id string) {
	h.mu.Lock()
	v := h.viewers[id]
	h.mu.Unlock()
	if v != nil {
		h.leave(note{greet: v})
	}
}

func (h *hub) join(v *viewer) {
	h.streams.create(v.id)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.makeRoom(v.actor)
	h.joined++
	v.joined = h.joined
	h.viewers[v.id] = v
}

func (h *hub) quit(v *viewer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.viewers, v.id)
}

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
			h.tellNotes()
		case <-flush.C:
			h.tellProgress()
		case <-rail.C:
			h.tellRail()
		case <-beat.C:
			h.each(h.keepAlive)
		}
	}
}

// keepAlive sends something that browsers pass over, and notes that the viewer's
// cluster is still open.
func (h *hub) keepAlive(v *viewer) {
	h.offer(v, newComment("still here"))
	if h.look != nil && v.cluster != "" {
		h.look(v.cluster)
	}
}

// tellNotes tells what was left, in its order.
func (h *hub) tellNotes() {
	h.mu.Lock()
	notes := h.notes
	h.notes = nil
	for _, n := range notes {
		delete(h.changed, n.batch)
	}
	h.mu.Unlock()
	for _, n := range notes {
		switch {
		case n.greet != nil:
			h.welcome(n.greet)
		case n.batch != "":
			h.tellBatch(n.batch)
		default:
			h.each(func(v *viewer) {
				if v.cluster == n.cluster {
					h.send(v, "nodes", strconv.FormatUint(h.cleared(n.cluster), 10))
				}
			})
		}
	}
}

// welcome shows a new viewer the present state: what it missed between its
// page and its stream is in it.
func (h *hub) welcome(v *viewer) {
	if v.generation != "" && v.generation != strconv.FormatUint(h.cleared(v.cluster), 10) {
		h.send(v, "nodes", v.cluster)
	}
	if v.news.wanted {
		h.tellRailTo([]*viewer{v})
	}
	if v.batch != "" {
		h.tellBatchTo([]*viewer{v}, v.batch)
		return
	}
	h.offer(v, newComment("welcome"))
}

// tellProgress tells of every batch with news, once for all that happened since
// the last time.
func (h *hub) tellProgress() {
	h.mu.Lock()
	changed := h.changed
	h.changed = map[string]bool{}
	h.mu.Unlock()
	for id := range changed {
		h.tellBatch(id)
	}
}

func (h *hub) tellBatch(id string) {
	var followers []*viewer
	h.each(func(v *viewer) {
		if v.batch == id && !v.ended {
			followers = append(followers, v)
		}
	})
	h.tellBatchTo(followers, id)
}

// tellBatchTo sends the batch's panel, rendered once per language, zone and role.
// For a batch that has ended it is the last event.
func (h *hub) tellBatchTo(followers []*viewer, id string) {
	if len(followers) == 0 {
		return
	}
	state, err := h.batches.View(h.ctx, id)
	if err != nil {
		h.log.Error("Progress cannot be read", "batch", id, "error", err)
		return
	}
	event := "progress"
	if state.State.Ended() {
		event = "done"
	}
	type variant struct {
		locale, zone     string
		may, force, undo bool
	}
	panels := map[variant]string{}
	for _, v := range followers {
		kind := variant{
			v.locale, v.zone.String(), v.actor.May(operation.Permit(state.Operation)),
			v.actor.May(services.PermitForce), v.actor.May(operation.Permit(operation.Undo)),
		}
		if _, ok := panels[kind]; !ok {
			shown := batches.View{View: state, MayControl: kind.may, MayForce: kind.force, MayUndo: kind.undo}
			panels[kind] = h.panel(batches.Panel(shown), v)
		}
		h.send(v, event, panels[kind])
		if event == "done" {
			v.ended = true
			time.AfterFunc(lingering, v.cut)
		}
	}
}

// panel renders for a viewer, with the hub's context: the request that opened
// the stream may be over.
func (h *hub) panel(c templ.Component, v *viewer) string {
	var out bytes.Buffer
	if err := c.Render(ui.WithZone(ui.WithLocale(h.ctx, v.locale), v.zone), &out); err != nil {
		h.log.Error("Progress cannot be rendered", "error", err)
	}
	return out.String()
}

// each calls fn for every viewer, outside the lock.
func (h *hub) each(fn func(*viewer)) {
	h.mu.Lock()
	all := make([]*viewer, 0, len(h.viewers))
	for _, v := range h.viewers {
		all = append(all, v)
	}
	h.mu.Unlock()
	for _, v := range all {
		fn(v)
	}
}

func (h *hub) send(v *viewer, name, data string) {
	v.events++
	h.offer(v, newEvent(name, v.events, data))
}

// offer gives an event to a viewer, or cuts the viewer off when it does not
// read: it comes back and is welcomed with the present state.
func (h *hub) offer(v *viewer, e event) {
	if v.gone || h.streams.offer(v.id, e) {
		return
	}
	v.gone = true
	if h.streams.exists(v.id) { // else it left by itself
		h.dropped()
	}
	v.cut()
}
