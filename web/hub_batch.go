package web

import (
	"slices"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/views/batches"
)

// sendChanged sends the state of every batch that has changed since the last call.
func (h *hub) sendChanged() {
	h.mu.Lock()
	changed := h.changed
	h.changed = map[string]bool{}
	h.mu.Unlock()
	groups := map[string]bool{}
	for id := range changed {
		if batch.IsGroup(id) {
			groups[id] = true
			continue
		}
		h.sendBatch(id)
		h.tellOwner(id)
		groups[batch.GroupOf(id)] = true
	}
	for group := range groups {
		h.sendGroup(group)
	}
}

// sendGroup sends the state of a group of batches to all who follow it.
func (h *hub) sendGroup(id string) {
	if id != "" {
		h.sendGroupTo(h.followersOf(id), id)
	}
}

// sendGroupTo sends the panel of a group. If all of its batches have ended, this is the
// last event of each stream. Each viewer gets their own: they may see other clusters.
func (h *hub) sendGroupTo(followers []*viewer, id string) {
	for _, v := range followers {
		members, err := h.batches.Group(services.WithActor(h.ctx, v.actor), id)
		if err != nil {
			h.log.Error("Could not read the progress of a group", "group", id, "error", err)
			h.sendAgain(id, err)
			continue
		}
		panel := h.render(batches.GroupPanel(batches.NewGroup(members, v.actor)), v)
		open := slices.ContainsFunc(members, func(m batch.View) bool { return !m.State.Ended() })
		h.sendPanel(v, panel, !open)
	}
}

// sendPanel sends a viewer the panel of what they follow. If it has ended, this is the
// last event of the stream.
func (h *hub) sendPanel(v *viewer, panel string, ended bool) {
	if !ended {
		h.send(v, "progress", panel)
		return
	}
	h.sendEvery(v) // "done" is always the last
	h.send(v, "done", panel)
	v.ended = true
	time.AfterFunc(lingerFor, v.cut)
}

// sendBatch sends the state of a batch to all who follow it.
func (h *hub) sendBatch(id string) {
	h.sendBatchTo(h.followersOf(id), id)
}

// followersOf returns the viewers of a batch or a group.
func (h *hub) followersOf(id string) (followers []*viewer) {
	h.each(func(v *viewer) {
		if v.batch == id && !v.ended {
			followers = append(followers, v)
		}
	})
	return followers
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
		h.sendAgain(id, err)
		return
	}
	panels := panels{hub: h, batch: state, rendered: map[panelVariant]string{}}
	for _, v := range followers {
		h.sendPanel(v, panels.of(v), state.State.Ended())
	}
}

// againAfter is the pause before a state that could not be read is read again.
const againAfter = time.Second

// sendAgain sends the state of a batch or a group later: nobody else may tell of a batch
// that has ended.
func (h *hub) sendAgain(id string, err error) {
	if services.CodeOf(err) != services.CodeNotFound {
		time.AfterFunc(againAfter, func() { h.BatchChanged("", id) })
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
