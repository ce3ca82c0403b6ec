package web

import (
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/views/batches"
)

// toldFor is for how long after its begin a batch that waits for a person is told again to a
// page that connects.
const toldFor = 24 * time.Hour

// tellOwner tells the person who has started a batch what has become of it, if they want to
// be told.
func (h *hub) tellOwner(id string) {
	var owners []*viewer
	h.each(func(v *viewer) {
		if v.mine {
			owners = append(owners, v)
		}
	})
	if len(owners) == 0 {
		return
	}
	state, err := h.batches.View(h.ctx, id)
	if err != nil {
		h.log.Error("Could not read a batch of which somebody is told", "batch", id, "error", err)
		h.sendAgain(id, err)
		return
	}
	for _, v := range owners {
		h.tell(v, state)
	}
}

// tell tells a viewer of a batch, if it is theirs and there is something to tell.
func (h *hub) tell(v *viewer, b batch.View) {
	sees := v.actor.In(b.Cluster).May(services.PermitSee)
	if b.ActorID == v.actor.ID && sees && batches.ToldKey(b) != "" {
		h.send(v, "told", h.render(batches.Told(b), v))
	}
}

// tellSince tells a new viewer what has happened since their page was in front.
func (h *hub) tellSince(v *viewer) {
	page, err := h.batches.List(services.WithActor(h.ctx, v.actor), batch.Query{By: v.actor.Name})
	if err != nil {
		h.log.Error("Could not read the batches of which somebody is told", "error", err)
		return
	}
	for _, b := range page.Items {
		ended := b.EndedAt != nil && b.EndedAt.After(v.since)
		waits := b.EndedAt == nil && b.CreatedAt.After(v.since.Add(-toldFor))
		if ended || waits {
			h.tell(v, b)
		}
	}
}
