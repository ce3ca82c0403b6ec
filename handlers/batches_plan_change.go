package handlers

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/views/plan"
	"kube-node-manager/views/ui"
)

// planChange gives what the plan of labels or taints has beside its nodes, nil
// for other operations.
func (h *Handlers) planChange(q batch.Request, p batch.Preview) *plan.Change {
	forms := map[string]string{
		operation.Undo: "", // there is no form to go back to
		"label":        ui.EditURL(q.Cluster, "labels"), "taint": ui.EditURL(q.Cluster, "taints"), "copy-taints": ui.CopyURL(q.Cluster),
	}
	edit, ours := forms[q.Operation]
	if !ours {
		return nil
	}
	c := &plan.Change{Fields: planFields(q.Form), Edit: edit, Evictions: p.Evictions, Named: p.Named}
	if c.Fields.Get("template") != "" {
		c.Edit = ui.ApplyURL(q.Cluster)
	}
	source, taints := copied(p.Params)
	if q.RetryOf != "" { // the first batch has said it all
		c.Fields, c.Edit = url.Values{}, ""
		if source != "" {
			c.Fields.Set("source", source)
		}
	}
	if t := operation.TemplateOf(p.Params); t != nil {
		c.Template = t.Name
	}
	if q.Operation == "copy-taints" {
		c.Source, c.Left = h.splitTaints(taints)
	}
	return c
}

// planFields are the operation's own fields, which the plan's page carries on.
func planFields(form url.Values) url.Values {
	out := maps.Clone(form)
	maps.DeleteFunc(out, func(name string, _ []string) bool {
		return !strings.HasPrefix(name, "value.") && !slices.Contains([]string{"mode", "label", "taint", "source", "template", "kind", "overwrite"}, name)
	})
	return out
}

// copied gives the source of a copy, and the taints that it had when it was
// read.
func copied(params json.RawMessage) (source string, taints []node.Taint) {
	var p struct {
		Source string       `json:"source"`
		Taints []node.Taint `json:"taints"`
	}
	_ = json.Unmarshal(params, &p) // the operation wrote them, or they are another's
	return p.Source, p.Taints
}

// movedJSON answers a script whose plan has become another: what was wrong, and
// the plan as it is now.
type movedJSON struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Hint    string `json:"hint,omitempty"`
	} `json:"error"`
	Plan planJSON `json:"plan"`
}

func (h *Handlers) refuseMoved(w http.ResponseWriter, r *http.Request, q batch.Request, problem error) error {
	p, err := h.Batches.Preview(r.Context(), q)
	if err != nil {
		return problem
	}
	if !wantsJSON(r) {
		return h.showPlan(w, r, http.StatusConflict, q, p, problem)
	}
	said := ui.NewProblem(r.Context(), problem)
	answer := movedJSON{Plan: newPlanJSON(r, q.Operation, p)}
	answer.Error.Code, answer.Error.Message, answer.Error.Hint = string(said.Code), said.Text, said.Hint
	return writeJSON(w, http.StatusConflict, answer)
}
