package handlers

import (
	"net/http"
	"slices"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/views/plan"
	"kube-node-manager/views/ui"
)

// GroupPreview says what GroupCreate would change, and writes nothing. In a browser it is
// a page with an address of its own.
func (h *Handlers) GroupPreview(w http.ResponseWriter, r *http.Request) error {
	return h.page(h.previewGroup)(w, r)
}

func (h *Handlers) previewGroup(w http.ResponseWriter, r *http.Request) error {
	s, err := h.submission(r)
	if done, err := h.refusal(w, r, s.Request, err); done {
		return err
	}
	if err == nil {
		err = s.possible()
	}
	if err != nil {
		return err
	}
	if !wantsJSON(r) {
		if err := h.followAddress(w, r); err != nil {
			return err
		}
		return h.showGroup(w, r, http.StatusOK, s, nil)
	}
	parts, digest, err := h.Batches.PreviewAll(r.Context(), s.requests)
	if err != nil {
		return err
	}
	planned := slices.ContainsFunc(parts, func(p batch.Part) bool { return p.Err == nil })
	if !planned {
		return parts[0].Err
	}
	return writeJSON(w, http.StatusOK, newGroupPlanJSON(r, s, parts, digest))
}

// wrongFields returns the error of the fields that a form has for all clusters, or nil.
func wrongFields(parts []batch.Part) error {
	for _, p := range parts {
		if services.CodeOf(p.Err) == services.CodeInvalid {
			return p.Err
		}
	}
	return nil
}

// showGroup answers the page of a plan over several clusters; problem is why it was not
// carried out.
func (h *Handlers) showGroup(w http.ResponseWriter, r *http.Request, status int, s submission, problem error) error {
	planned, digest, err := h.Batches.PreviewAll(r.Context(), s.requests)
	if err != nil {
		return err
	}
	wrong := wrongFields(planned)
	if problem == nil && wrong != nil {
		problem = wrong
	}
	if wrong != nil && !isHTMX(r) {
		status = http.StatusUnprocessableEntity
	}
	parts := make([]plan.View, len(planned))
	for i, p := range planned {
		parts[i] = h.planView(r, s.requests[i], p.Preview, p.Err)
	}
	whole := plan.View{
		Operation: s.Operation, Reason: s.Reason, Names: s.Nodes, Digest: digest, IdempotencyKey: newKey(),
		Back: backOf(r), Problem: ui.NewProblem(r.Context(), problem), Left: sortedKeys(leftOut(r.Form)),
		Rollout: planned[0].Rollout, Options: parts[0].Options,
		When: whenOfAll(planned),
	}
	if problem != nil {
		whole.Typed = r.Form
	}
	for _, c := range s.closed {
		whole.Closed = append(whole.Closed, plan.Closed{
			Cluster: c.name, Nodes: c.nodes, Why: ui.NewProblem(r.Context(), c.why), Agreed: c.agreed,
		})
	}
	v := plan.Group(whole, parts)
	if v.Change != nil {
		v.Change.Edit, _ = editURL(s.Request)
	}
	if v.Change != nil && planMoved(problem) {
		v.Problem = ui.NewProblem(r.Context(), problem)
	}
	title := plan.Title(r.Context(), s.Operation, ui.T(r.Context(), "nodes_all"))
	return render(w, r, status, plan.GroupPage(h.frame(r, frameOfAll, title, ""), v))
}

func (h *Handlers) refuseGroupMoved(w http.ResponseWriter, r *http.Request, s submission, problem error) error {
	parts, digest, err := h.Batches.PreviewAll(r.Context(), s.requests)
	if err != nil {
		return problem
	}
	now := newGroupPlanJSON(r, s, parts, digest)
	said := newProblemJSON(ui.NewProblem(r.Context(), problem))
	return writeJSON(w, http.StatusConflict, groupMovedJSON{errorJSON{said}, &now})
}

// whenOfAll returns what holds for the start of all parts of a plan; each part says what holds
// for its cluster.
func whenOfAll(parts []batch.Part) batch.When {
	w := parts[0].When
	all := batch.When{At: w.At, Window: w.Window, Must: true, Approval: true}
	for _, p := range parts {
		all.Windows = all.Windows || p.When.Windows
		all.Open = all.Open || p.When.Open
		all.Must = all.Must && p.When.Must
		all.Approval = all.Approval && p.When.Approval
	}
	return all
}
