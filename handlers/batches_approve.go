package handlers

import (
	"context"
	"net/http"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/views/plan"
)

// approvalJSON is what a second person has said about the plan of a batch.
type approvalJSON struct {
	// State is waits, approved or rejected.
	State string     `json:"state"`
	By    string     `json:"by,omitempty"`
	At    *time.Time `json:"at,omitempty"`
	Plan  string     `json:"plan,omitempty"` // the digest of the plan that was approved
	Why   string     `json:"why,omitempty"`  // it was rejected
	// Changed says that the plan has changed since an earlier approval.
	Changed bool `json:"changed,omitempty"`
}

func newApprovalJSON(b batch.Batch) *approvalJSON {
	a := b.Approval
	if a == nil {
		return nil
	}
	out := &approvalJSON{State: "waits", By: a.By, At: a.At, Plan: a.Plan, Why: a.Why, Changed: a.Changed}
	switch {
	case a.Rejected:
		out.State = "rejected"
	case a.At != nil:
		out.State = "approved"
	}
	return out
}

// BatchesPlan answers the plan of a batch that has not begun, as it is now. Whoever may
// approve the batch does it there.
func (h *Handlers) BatchesPlan(w http.ResponseWriter, r *http.Request) error {
	if batch.IsGroup(pathParam(r, "id")) && !wantsJSON(r) {
		return h.groupPlan(w, r, http.StatusOK, nil)
	}
	v, p, err := h.Batches.PlanOf(r.Context(), pathParam(r, "id"))
	if err != nil {
		return err
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, newPlanJSON(r, v.Operation, p))
	}
	return h.showStoredPlan(w, r, http.StatusOK, v, p, nil)
}

func (h *Handlers) showStoredPlan(
	w http.ResponseWriter, r *http.Request, status int, v batch.View, p batch.Preview, problem error,
) error {
	if err := parseForm(r); err != nil {
		return err
	}
	q := batch.Request{Cluster: v.Cluster, Operation: v.Operation, Reason: v.Reason, Nodes: plannedNodes(p)}
	page := h.planView(r, q, p, problem)
	page.Stored = &plan.Stored{
		Batch: v.Batch, Now: h.now(), Asks: v.State == store.StateProposed,
		MayApprove: v.ActorID != services.ActorFrom(r.Context()).ID,
	}
	title := plan.Title(r.Context(), v.Operation, v.Cluster)
	return render(w, r, status, plan.Page(h.frame(r, "batches", title, v.Cluster), page))
}

// BatchesApprove lets a batch begin whose plan needs a second person.
func (h *Handlers) BatchesApprove(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	if id := pathParam(r, "id"); batch.IsGroup(id) {
		return h.approveGroup(w, r, id)
	}
	err := h.control(w, r, func(ctx context.Context, id string) (batch.View, error) {
		return h.Batches.Approve(ctx, id, r.Form.Get("plan"))
	})
	if !planMoved(err) || wantsJSON(r) || isHTMX(r) {
		return err
	}
	v, p, again := h.Batches.PlanOf(r.Context(), pathParam(r, "id"))
	if again != nil {
		return err
	}
	return h.showStoredPlan(w, r, http.StatusConflict, v, p, err)
}

// BatchesReject ends a batch whose plan needs a second person.
func (h *Handlers) BatchesReject(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	return h.control(w, r, func(ctx context.Context, id string) (batch.View, error) {
		return h.Batches.Reject(ctx, id, r.Form.Get("reason"))
	})
}

// approvalRoutes are the routes of batches that need a second person.
func approvalRoutes() []apiRoute {
	return []apiRoute{
		{
			method: "GET", path: "/batches/{id}/plan", group: "batches", name: "showBatchPlan",
			summary: "Show the plan of a batch that has not begun, as it is now.", answers: ok(planJSON{}),
		},
		{
			method: "POST", path: "/batches/{id}/approve", group: "batches", name: "approveBatch",
			summary: "Approve the plan of somebody else's batch, which begins then or at its time.",
			form:    []apiField{textField("plan", "`digest` of the plan that was seen.")}, answers: ok(batchJSON{}),
		},
		{
			method: "POST", path: "/batches/{id}/reject", group: "batches", name: "rejectBatch",
			summary: "Reject the plan of somebody else's batch, which is cancelled.",
			form:    []apiField{textField("reason", "Why, at most 200 characters.")}, answers: ok(batchJSON{}),
		},
	}
}
