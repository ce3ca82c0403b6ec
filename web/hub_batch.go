package web

import (
	"time"

	"kube-node-manager/services/batch"
	"kube-node-manager/views/batches"
)

// sendChanged sends the state of every batch that has changed since the last call.
func (h *hub) sendChanged() {
	h.mu.Lock()
	changed := h.changed
	h.changed = map[string]bool{}
	h.mu.Unlock()
	for id := range changed {
		h.sendBatch(id)
	}
}

// sendBatch sends the state of a batch to all who follow it.
func (h *hub) sendBatch(id string) {
	var followers []*viewer
	h.each(func(v *viewer) {
		if v.batch == id && !v.ended {
			followers = append(followers, v)
		}
	})
	h.sendBatchTo(followers, id)
}

// sendBatchTo sends the panel of a batch. If the batch has ended, this is the last
// event of each stream.
func (h *hub) sendBatchTo(followers []*viewer, id string) {
	if len(followers) == 0 {
		return
	}
	state, err := h.batches.View(h.ctx, id)
	if err != nil {
		h.log.Error("Could not read the progress of a batch", "batch", id, "error", err)
		return
	}
	panels := panels{hub: h, batch: state, rendered: map[panelVariant]string{}}
	for _, v := range followers {
		if !state.State.Ended() {
			h.send(v, "progress", panels.of(v))
			continue
		}
		h.sendEvery(v) // "done" is always the last
		h.send(v, "done", panels.of(v))
		v.ended = true
		time.AfterFunc(lingerFor, v.cut)
	}
}

// panels renders the panel of a batch once for each language, time zone and set of
// rights.
type panels struct {
	hub      *hub
	batch    batch.View
	rendered map[panelVariant]string
}

type panelVariant struct {
	locale, zone         string
	control, force, undo bool
}

func (p *panels) of(v *viewer) string {
	view := batches.NewView(p.batch, v.actor)
	variant := panelVariant{v.locale, v.zone.String(), view.MayControl, view.MayForce, view.MayUndo}
	if _, ok := p.rendered[variant]; !ok {
		p.rendered[variant] = p.hub.render(batches.Panel(view), v)
	}
	return p.rendered[variant]
}
