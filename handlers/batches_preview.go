package handlers

import (
	"net/http"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views"
)

// BatchesPreview says what a batch would change, node by node, and writes
// nothing.
func (h *Handlers) BatchesPreview(w http.ResponseWriter, r *http.Request) error {
	q, err := h.batchRequest(r)
	if err != nil {
		return err
	}
	p, err := h.Batches.Preview(r.Context(), q)
	if keepsForm(r, err) && !isHTMX(r) {
		return h.showPlan(w, r, http.StatusUnprocessableEntity, q, batch.Preview{}, err)
	}
	if err != nil {
		return err
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, newPlanJSON(r, q.Operation, p))
	}
	return h.showPlan(w, r, http.StatusOK, q, p, nil)
}

// keepsForm reports whether the options on a plan's page were wrong: its form
// comes back then, as it was typed.
func keepsForm(r *http.Request, err error) bool {
	return services.CodeOf(err) == services.CodeInvalid && r.Form.Get("options") == "1" && !wantsJSON(r)
}

// showPlan answers the page of a plan; problem is why it was not carried out.
func (h *Handlers) showPlan(w http.ResponseWriter, r *http.Request, status int, q batch.Request, p batch.Preview, problem error) error {
	v := views.PlanView{
		Cluster: q.Cluster, Operation: q.Operation, Reason: q.Reason, Drain: p.Drain, Names: q.Nodes,
		MayForce: services.ActorFrom(r.Context()).May(services.PermitForce), IdempotencyKey: newKey(), Back: views.NodesURL(q.Cluster, node.Query{}),
		Summary: summarize(p.Nodes), Problem: views.NewProblem(r.Context(), problem),
	}
	if q.Operation == "delete-pod" {
		v.Pod = &views.PlanPod{Name: q.Form.Get("pod"), UID: q.Form.Get("uid")}
	}
	if p.Drain != nil {
		v.Options, _ = drain.ParseOptions(q.Form) // they were good enough for the plan
	} else if problem != nil {
		v.Typed = r.Form // there is no plan of options that cannot be read
	}
	for _, n := range p.Nodes {
		v.Nodes = append(v.Nodes, views.PlanNode{
			Node: n.Node, Changes: n.Changes, Before: n.Before, After: n.After,
			Warnings: sentences(r, n.Warnings), Blockers: sentences(r, n.Blockers),
		})
	}
	if v.Pod != nil {
		return render(w, r, status, views.PodDeletePage(h.frame(r, "nodes", views.T(r.Context(), "pod_delete_title", "Pod", v.Pod.Short()), q.Cluster), v))
	}
	title := views.T(r.Context(), "plan_title", "Operation", views.T(r.Context(), "operation_"+q.Operation), "Cluster", q.Cluster)
	return render(w, r, status, views.PlanPage(h.frame(r, "nodes", title, q.Cluster), v))
}

// planJSON is a plan of the HTTP contract.
type planJSON struct {
	Operation string            `json:"operation"`
	Nodes     []nodePlanJSON    `json:"nodes"`
	Summary   views.PlanSummary `json:"summary"`
	Drain     *drainPlanJSON    `json:"drain,omitempty"`
}

type nodePlanJSON struct {
	Node     string     `json:"node"`
	Change   changeJSON `json:"change"`
	Warnings []string   `json:"warnings"`
	Blockers []string   `json:"blockers"`
}

type changeJSON struct {
	Before *operation.State `json:"before"`
	After  *operation.State `json:"after"`
}

// drainPlanJSON is a drain's plan: every pod with its verdict, and every budget.
type drainPlanJSON struct {
	Nodes   []drainNodeJSON `json:"nodes"`
	Budgets []budgetJSON    `json:"budgets"`
	Summary drain.Counts    `json:"summary"`
	Unread  []string        `json:"unread,omitempty"`
}

type drainNodeJSON struct {
	Node   string       `json:"node"`
	Pods   []podJSON    `json:"pods"`
	Counts drain.Counts `json:"counts"`
}

type podJSON struct {
	drain.Judged
	Reasons []string `json:"reasons"`
}

type budgetJSON struct {
	*drain.Demand
	Never string `json:"never,omitempty"`
}

func newPlanJSON(r *http.Request, name string, p batch.Preview) planJSON {
	out := planJSON{Operation: name, Nodes: make([]nodePlanJSON, len(p.Nodes)), Summary: summarize(p.Nodes)}
	for i, n := range p.Nodes {
		out.Nodes[i] = nodePlanJSON{Node: n.Node, Warnings: sentences(r, n.Warnings), Blockers: sentences(r, n.Blockers)}
		if len(n.Blockers) == 0 {
			out.Nodes[i].Change = changeJSON{Before: &n.Before, After: &n.After}
		}
	}
	if p.Drain == nil {
		return out
	}
	out.Drain = &drainPlanJSON{Nodes: []drainNodeJSON{}, Budgets: []budgetJSON{}, Summary: p.Drain.Counts, Unread: p.Drain.Unread}
	for i, n := range p.Drain.Nodes {
		d := drainNodeJSON{Node: n.Node, Pods: make([]podJSON, len(n.Pods)), Counts: n.Counts}
		for j, pod := range n.Pods {
			d.Pods[j] = podJSON{Judged: pod, Reasons: sentences(r, pod.Reasons)}
		}
		out.Drain.Nodes = append(out.Drain.Nodes, d)
		out.Nodes[i].Warnings = append(out.Nodes[i].Warnings, sentences(r, n.Warnings)...)
	}
	for _, b := range p.Drain.Budgets {
		one := budgetJSON{Demand: b}
		if b.Never != nil {
			one.Never = views.NewProblem(r.Context(), b.Never).Text
		}
		out.Drain.Budgets = append(out.Drain.Budgets, one)
	}
	return out
}

func summarize(plans []batch.NodePlan) views.PlanSummary {
	s := views.PlanSummary{Total: len(plans)}
	for _, p := range plans {
		switch {
		case len(p.Blockers) > 0:
			s.Blocked++
		case p.Changes:
			s.Changed++
		default:
			s.Unchanged++
		}
	}
	return s
}

func sentences(r *http.Request, errs []*services.Error) []string {
	out := make([]string, len(errs))
	for i, e := range errs {
		out[i] = views.NewProblem(r.Context(), e).Text
	}
	return out
}
