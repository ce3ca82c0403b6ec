package handlers

import (
	"net/http"

	"github.com/a-h/templ"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
	"kube-node-manager/services/rule"
	"kube-node-manager/views/rules"
	"kube-node-manager/views/ui"
)

// rulesJSON is the rules of a cluster.
type rulesJSON struct {
	Cluster string `json:"cluster"`
	rule.Record
}

// RulesShow answers the rules of a cluster.
func (h *Handlers) RulesShow(w http.ResponseWriter, r *http.Request) error {
	cluster := pathParam(r, "cluster")
	if _, err := h.clusterSeen(r, cluster); err != nil {
		return err
	}
	found, err := h.Rules.Get(r.Context(), cluster)
	if err != nil {
		return err
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, rulesJSON{cluster, found})
	}
	h.rememberCluster(w, r, cluster)
	return render(w, r, http.StatusOK, h.rulesPage(r, cluster, found, found.Fields(), nil))
}

// RulesUpdate changes the rules of a cluster. The fields are those of rule.Rules.Fields; a
// missing one keeps its value. JSON answers the rules.
func (h *Handlers) RulesUpdate(w http.ResponseWriter, r *http.Request) error {
	cluster := pathParam(r, "cluster")
	if _, err := h.clusterSeen(r, cluster); err != nil {
		return err
	}
	if err := parseForm(r); err != nil {
		return err
	}
	fields := form.Fields(r.Form)
	found, err := h.Rules.Set(r.Context(), cluster, fields)
	switch {
	case err == nil && wantsJSON(r):
		return writeJSON(w, http.StatusOK, rulesJSON{cluster, found})
	case err == nil:
		return redirect(w, r, ui.ClusterActionURL(cluster, "rules"))
	case services.CodeOf(err) != services.CodeInvalid || wantsJSON(r):
		return err
	}
	old, readErr := h.Rules.Get(r.Context(), cluster)
	if readErr != nil {
		return readErr
	}
	return &FormError{Err: err, Form: func(p *ui.Problem) templ.Component {
		return h.rulesPage(r, cluster, old, fields, p)
	}}
}

func (h *Handlers) rulesPage(
	r *http.Request, cluster string, found rule.Record, fields form.Fields, p *ui.Problem,
) templ.Component {
	title := ui.T(r.Context(), "rules_title", "Cluster", cluster)
	return rules.Page(h.frame(r, "nodes", title, cluster), rules.View{
		Cluster: cluster, Fields: fields, UpdatedBy: found.UpdatedBy, UpdatedAt: found.UpdatedAt, Now: h.now(),
		MayChange: services.ActorFrom(r.Context()).May(services.PermitClusters), Problem: p,
	})
}
