package web

import (
	"context"
	"time"

	"kube-node-manager/services"
)

// viewer is one open event stream. The fields below the blank line belong to the hub's
// goroutine.
type viewer struct {
	id         string // of the stream
	actor      services.Actor
	locale     string
	zone       *time.Location
	cluster    string             // that the page shows, or ""
	every      bool               // the page shows all clusters that the actor sees
	batch      string             // that the page follows, or ""
	generation string             // of the cluster's cache when the page was made; "" if unknown
	joined     uint64             // which viewer of the hub this is
	mine       bool               // the browser tells the actor of their batches
	since      time.Time          // of mine: what has happened before is known
	cut        context.CancelFunc // ends the stream
	recheck    chan struct{}      // has a value if the login is to be checked now

	aged     bool   // the nodes of one of all clusters were still right since the last event
	standing string // see ui.Rail.Standing; "" before the first
	missed   bool   // the nodes of one of all clusters have changed since the last event
	news     railNews
	events   uint64 // sent so far
	ended    bool   // the last event of the batch has been sent
	gone     bool   // the stream was cut off
}

// join adds a viewer. If its user has too many streams, the oldest one is cut off.
func (h *hub) join(v *viewer) {
	h.streams.create(v.id)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.makeRoom(v.actor)
	h.joined++
	v.joined = h.joined
	h.viewers[v.id] = v
}

// quit removes a viewer.
func (h *hub) quit(v *viewer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.viewers, v.id)
}

// makeRoom cuts off the oldest stream of a user who has the most allowed. The newest
// one is probably in use, and the oldest may be a dead connection. A page that is
// still open reconnects. The caller holds the lock.
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

// each calls fn for every viewer, without holding the lock.
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

// send offers a viewer an event with the next number. Nothing follows the last event of
// a batch: its reader connects again, and is welcomed with what has changed since.
func (h *hub) send(v *viewer, name, data string) {
	if v.ended {
		return
	}
	v.events++
	h.offer(v, newEvent(name, v.events, data))
}

// offer queues an event for a viewer. A viewer whose queue is full is cut off: its
// browser reconnects and gets the current state.
func (h *hub) offer(v *viewer, e event) {
	if v.gone || h.streams.offer(v.id, e) {
		return
	}
	v.gone = true
	if h.streams.exists(v.id) { // otherwise the browser has closed it
		h.dropped()
	}
	v.cut()
}
