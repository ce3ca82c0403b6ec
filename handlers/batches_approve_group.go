package handlers

import (
	"net/http"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/services/store"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/plan"
	"kube-node-manager/views/ui"
)

// groupPlan answers the plans of those batches of a group that wait for an approval; problem
// is why they were not approved.
func (h *Handlers) groupPlan(w http.ResponseWriter, r *http.Request, status int, problem error) error {
	views, parts, digest, err := h.Batches.PlansOf(r.Context(), pathParam(r, "id"))
	if err != nil {
		return err
	}
	if err := parseForm(r); err != nil {
		return err
	}
	first := views[0].Batch
	whole := plan.View{
		Operation: first.Operation, Reason: first.Reason, Digest: digest, Problem: ui.NewProblem(r.Context(), problem),
		Rollout: parts[0].Rollout, Stored: h.storedGroup(r, views),
	}
	shown := make([]plan.View, len(parts))
	for i, p := range parts {
		q := batch.Request{
			Cluster: p.Cluster, Operation: first.Operation, Reason: first.Reason, Nodes: plannedNodes(p.Preview),
		}
		shown[i] = h.planView(r, q, p.Preview, p.Err)
		shown[i].Stored = whole.Stored
		for _, name := range q.Nodes {
			whole.Names = append(whole.Names, node.Ref{Cluster: p.Cluster, Name: name}.String())
		}
	}
	title := plan.Title(r.Context(), first.Operation, ui.T(r.Context(), "nodes_all"))
	return render(w, r, status, plan.GroupPage(h.frame(r, "batches", title, ""), plan.Group(whole, shown)))
}

// storedGroup returns what the page of these plans says of their batches.
func (h *Handlers) storedGroup(r *http.Request, views []batch.View) *plan.Stored {
	s := &plan.Stored{Batch: views[0].Batch, Now: h.now(), Asks: true}
	s.Batch.ID, s.Batch.Schedule = batch.GroupOf(views[0].ID), nil
	s.MayApprove = s.Batch.ActorID != services.ActorFrom(r.Context()).ID
	for _, v := range views {
		s.Members = append(s.Members, v.Batch)
	}
	return s
}

// approveGroup approves the plans of all batches of a group that wait for it.
func (h *Handlers) approveGroup(w http.ResponseWriter, r *http.Request, id string) error {
	err := h.Batches.ApproveAll(r.Context(), id, r.Form.Get("plan"))
	switch {
	case err == nil:
		return h.showGroupState(w, r, id)
	case planMoved(err) && !wantsJSON(r) && !isHTMX(r):
		return h.groupPlan(w, r, http.StatusConflict, err)
	default:
		return err
	}
}

// goingOn returns those batches of a group that a person continues: those that wait for their
// time are begun only if there is no other.
func goingOn(members []batch.View) []batch.View {
	var others []batch.View
	for _, m := range members {
		if m.State != store.StateScheduled && m.State != store.StateProposed {
			others = append(others, m)
		}
	}
	for _, m := range others {
		if batches.Stopped(m) {
			return others
		}
	}
	return members
}
