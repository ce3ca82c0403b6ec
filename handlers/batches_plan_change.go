package handlers

import (
	"net/http"
	"net/url"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/operation"
	"kube-node-manager/views/plan"
	"kube-node-manager/views/ui"
)

// planChange returns what the plan of labels, taints or annotations has beside its
// nodes, nil for other operations.
func (h *Handlers) planChange(q batch.Request, p batch.Preview) *plan.Change {
	edit, ours := editURL(q)
	if !ours {
		return nil
	}
	c := &plan.Change{
		Fields: planFields(operation.TraitsOf(q.Operation), q.Fields), Edit: edit, Evictions: p.Evictions, Named: p.Named,
	}
	copied, copies := operation.ParamsOf[operation.CopyParams](p.Params)
	if copies {
		c.Copies = true
		c.Source, c.Left = h.Protect.Split(copied.Taints)
	}
	if q.RetryOf != "" { // the first batch has said it all
		c.Fields, c.Edit = url.Values{}, ""
	}
	if q.RetryOf != "" && copies {
		c.Fields.Set("source", copied.Source)
	}
	if t := operation.TemplateOf(p.Params); t != nil {
		c.Template = t.Name
	}
	return c
}

// editURL returns the page on which the parameters of a change are chosen, "" where
// there is none to go back to, and whether its plan is one of changes.
func editURL(q batch.Request) (string, bool) {
	page := operation.TraitsOf(q.Operation).Page
	switch page {
	case operation.PageLabels, operation.PageTaints, operation.PageAnnotations:
		if q.Fields.Text("template") != "" {
			return ui.ApplyURL(q.Cluster), true
		}
		return ui.EditURL(q.Cluster, string(page)), true
	case operation.PageCopy:
		return ui.CopyURL(q.Cluster), true
	case operation.PageUndo:
		return "", true
	default:
		return "", false
	}
}

// planFields are the operation's own fields, which the plan's page sends again.
// Those of an undo are on the page itself.
func planFields(traits operation.Traits, fields form.Fields) url.Values {
	out := url.Values{}
	for name, values := range fields {
		if traits.Page != operation.PageUndo && traits.Carries(name) {
			out[name] = values
		}
	}
	return out
}

// movedJSON answers a script whose plan has become another: what was wrong, and
// the plan as it is now.
type movedJSON struct {
	errorJSON
	Plan *planJSON `json:"plan,omitempty"` // nil for any other conflict
}

func (h *Handlers) refuseMoved(w http.ResponseWriter, r *http.Request, q batch.Request, problem error) error {
	p, err := h.Batches.Preview(r.Context(), q)
	if err != nil {
		return problem
	}
	if !wantsJSON(r) {
		return h.showPlan(w, r, http.StatusConflict, q, p, problem)
	}
	now := newPlanJSON(r, q.Operation, p)
	said := newProblemJSON(ui.NewProblem(r.Context(), problem))
	return writeJSON(w, http.StatusConflict, movedJSON{errorJSON{said}, &now})
}
