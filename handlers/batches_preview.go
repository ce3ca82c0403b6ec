package handlers

import (
	"maps"
	"net/http"
	"slices"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/change"
	"kube-node-manager/services/fit"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/plan"
	"kube-node-manager/views/ui"
)

// BatchesPreview says what a batch would change, node by node, and writes
// nothing. In a browser it is a page with an address of its own.
func (h *Handlers) BatchesPreview(w http.ResponseWriter, r *http.Request) error {
	return h.page(h.preview)(w, r)
}

func (h *Handlers) preview(w http.ResponseWriter, r *http.Request) error {
	typed, err := h.batchRequest(r)
	if err != nil {
		return err
	}
	q, p, err := h.plan(r, typed)
	if done, err := h.refusal(w, r, typed, err); done {
		return err
	}
	if keepsForm(r, err) && !isHTMX(r) {
		return h.showPlan(w, r, http.StatusUnprocessableEntity, q, batch.Preview{}, err)
	}
	if err != nil {
		return err
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, newPlanJSON(r, q.Operation, p))
	}
	if r.Form.Get("kubectl") == "1" {
		return writeCommands(w, q.Operation, plannedCommands(p))
	}
	if err := h.followAddress(w, r); err != nil {
		return err
	}
	return h.showPlan(w, r, http.StatusOK, q, p, nil)
}

// plan makes the plan of a request; what a form says in rows is entries in the
// request that it returns.
func (h *Handlers) plan(r *http.Request, typed batch.Request) (batch.Request, batch.Preview, error) {
	q, err := unfold(typed)
	if err != nil {
		return q, batch.Preview{}, err
	}
	p, err := h.Batches.Preview(r.Context(), q)
	return q, p, err
}

// keepsForm reports whether the options on a plan's page were wrong: its form
// comes back then, as it was typed.
func keepsForm(r *http.Request, err error) bool {
	return services.CodeOf(err) == services.CodeInvalid && r.Form.Get("options") == "1" && !wantsJSON(r)
}

// planMoved reports whether a request was refused because its plan has become
// another than the one that was shown.
func planMoved(err error) bool {
	return services.CodeOf(err) == services.CodeConflict && services.AsError(err).Text == "error_plan_changed"
}

// showPlan answers the page of a plan; problem is why it was not carried out.
func (h *Handlers) showPlan(
	w http.ResponseWriter, r *http.Request, status int, q batch.Request, p batch.Preview, problem error,
) error {
	v := h.planView(r, q, p, problem)
	if operation.TraitsOf(q.Operation).Page == operation.PagePod {
		v.Pod = &plan.Pod{Name: q.Fields.Text("pod"), UID: q.Fields.Text("uid")}
		title := ui.T(r.Context(), "pod_delete_title", "Pod", v.Pod.Short())
		return render(w, r, status, plan.PodPage(h.frame(r, "nodes", title, q.Cluster), v))
	}
	title := plan.Title(r.Context(), q.Operation, q.Cluster)
	return render(w, r, status, plan.Page(h.frame(r, "nodes", title, q.Cluster), v))
}

// planView returns what the page of a plan shows.
func (h *Handlers) planView(r *http.Request, q batch.Request, p batch.Preview, problem error) plan.View {
	v := plan.View{
		Cluster: q.Cluster, Operation: q.Operation, Reason: q.Reason, Drain: p.Drain, Fit: p.Fit, Names: q.Nodes,
		MayForce:       services.ActorFrom(r.Context()).In(q.Cluster).May(services.PermitForce),
		IdempotencyKey: newKey(), Back: backOf(r),
		Summary: summarize(p.Nodes), Problem: ui.NewProblem(r.Context(), problem),
		Rollout: p.Rollout, Refusal: refusalOf(r, p.Refusal), Digest: p.Digest, Reach: p.Reach,
		Exceeded: p.Exceeded, Waits: p.Waits, Others: p.Others, OthersUnread: p.OthersUnread,
		Gates: p.Gates, Left: sortedKeys(leftOut(r.Form)), Origin: planOrigin(q, p), Change: h.planChange(q, p),
		Commands: plannedCommands(p), When: p.When,
	}
	v.Options, _ = operation.ParamsOf[drain.Options](p.Params)
	if v.Origin != nil {
		v.Back = ui.BatchURL(v.Origin.ID)
	}
	if v.Origin != nil && len(p.Nodes) > 0 {
		v.Names = plannedNodes(p)
	}
	if v.Change != nil && planMoved(problem) {
		v.Change.Moved, v.Problem = true, nil
	}
	if p.Drain == nil && problem != nil {
		v.Typed = r.Form // there is no plan of fields that cannot be read
	}
	for _, n := range p.Nodes {
		v.Nodes = append(v.Nodes, planNode(r, p, n))
	}
	return v
}

func sortedKeys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

func planNode(r *http.Request, p batch.Preview, n batch.NodePlan) plan.Node {
	v := plan.Node{
		Node: n.Node, Changes: n.Changes(), Before: n.Before, After: n.After,
		Warnings: sentences(r, n.Warnings), Blockers: sentences(r, n.Blockers), Protected: n.Protected,
	}
	if seen := p.Seen(n.Node); seen != nil {
		v.Pool, v.Zone, v.Control = seen.Pool, seen.Zone, seen.ControlPlane()
	}
	return v
}

// planJSON is a plan of the HTTP contract.
type planJSON struct {
	Operation string         `json:"operation"`
	Nodes     []nodePlanJSON `json:"nodes"`
	Summary   plan.Summary   `json:"summary"`
	Drain     *drainPlanJSON `json:"drain,omitempty"`
	// Digest is what "plan" carries when the plan is to be carried out as shown.
	Digest    string              `json:"digest"`
	Evictions operation.Evictions `json:"evictions"`
	// Named are protected keys that the request names; see "confirm".
	Named []string `json:"named,omitempty"`
	// Refusal is why the cluster would refuse the change.
	Refusal *refusalJSON `json:"refusal,omitempty"`
	// Reach says how far the plan goes, where that is far.
	Reach []batch.Reach `json:"reach"`
	// Start says when the batch would begin.
	Start whenJSON `json:"start"`
	// Exceeded are the limits of the cluster that the plan would pass. With Waits, the batch
	// waits for room.
	Exceeded []batch.Room `json:"exceeded"`
	Waits    bool         `json:"waits,omitempty"`
	// Gates are the waits for the health of the cluster between the waves of the batch.
	Gates *batch.Gates `json:"gates,omitempty"`
	// Others are the nodes on which others are at work, and who they are; see the field
	// "others".
	Others batch.Others `json:"others,omitempty"`
	// OthersUnread are resources that the account may not list, and that would say who is.
	OthersUnread []string `json:"othersUnread,omitempty"`
}

type refusalJSON struct {
	Code    services.Code `json:"code"`
	Message string        `json:"message"`
}

type nodePlanJSON struct {
	Node     string     `json:"node"`
	Change   changeJSON `json:"change"`
	Warnings []string   `json:"warnings"`
	Blockers []string   `json:"blockers"`
	// Protected are labels or taints that the change leaves alone.
	Protected []string `json:"protected,omitempty"`
}

type changeJSON struct {
	Before *change.State `json:"before"`
	After  *change.State `json:"after"`
}

// drainPlanJSON is a drain's plan: every pod with its verdict, and every budget.
type drainPlanJSON struct {
	Nodes   []drainNodeJSON `json:"nodes"`
	Budgets []budgetJSON    `json:"budgets"`
	Summary drain.Counts    `json:"summary"`
	Unread  []string        `json:"unread,omitempty"`
	// Storage has the storage operators whose budgets may lock a drain across zones.
	Storage []drain.StorageRisk `json:"storage,omitempty"`
	// Workloads are those that "restart_first" is about, with the reason where it does not apply.
	Workloads []workloadJSON `json:"workloads,omitempty"`
	// Denied lists what the account would have to be allowed to restart them.
	Denied []string `json:"denied,omitempty"`
	// Fit says whether the evicted pods find room on other nodes.
	Fit *fit.Fit `json:"fit,omitempty"`
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

type workloadJSON struct {
	drain.Workload
	Why string `json:"why,omitempty"`
}

type budgetJSON struct {
	*drain.Demand
	Never string `json:"never,omitempty"`
}

func newPlanJSON(r *http.Request, name string, p batch.Preview) planJSON {
	out := planJSON{
		Operation: name, Nodes: make([]nodePlanJSON, len(p.Nodes)), Summary: summarize(p.Nodes),
		Digest: p.Digest, Evictions: p.Evictions, Named: p.Named, Reach: append([]batch.Reach{}, p.Reach...),
		Start:    newWhenJSON(p.When),
		Exceeded: append([]batch.Room{}, p.Exceeded...), Waits: p.Waits, Others: p.Others, Gates: p.Gates,
		OthersUnread: p.OthersUnread,
	}
	if said := refusalOf(r, p.Refusal); said != nil {
		out.Refusal = &refusalJSON{said.Code, said.Text}
	}
	for i, n := range p.Nodes {
		out.Nodes[i] = nodePlanJSON{
			Node: n.Node, Warnings: sentences(r, n.Warnings), Blockers: sentences(r, n.Blockers), Protected: n.Protected,
		}
		if len(n.Blockers) == 0 {
			out.Nodes[i].Change = changeJSON{Before: &n.Before, After: &n.After}
		}
	}
	if p.Drain == nil {
		return out
	}
	out.Drain = newDrainPlanJSON(r, *p.Drain)
	out.Drain.Fit = p.Fit
	for i, n := range p.Drain.Nodes {
		out.Nodes[i].Warnings = append(out.Nodes[i].Warnings, sentences(r, n.Warnings)...)
	}
	return out
}

func newDrainPlanJSON(r *http.Request, p drain.Plan) *drainPlanJSON {
	out := &drainPlanJSON{
		Nodes: []drainNodeJSON{}, Budgets: []budgetJSON{}, Summary: p.Counts, Unread: p.Unread, Storage: p.Storage(),
		Denied: p.Denied,
	}
	for _, w := range p.Workloads {
		one := workloadJSON{Workload: w}
		if w.Why != nil {
			one.Why = ui.ErrorText(r.Context(), w.Why)
		}
		out.Workloads = append(out.Workloads, one)
	}
	for _, n := range p.Nodes {
		d := drainNodeJSON{Node: n.Node, Pods: make([]podJSON, len(n.Pods)), Counts: n.Counts}
		for j, pod := range n.Pods {
			d.Pods[j] = podJSON{Judged: pod, Reasons: sentences(r, pod.Reasons)}
		}
		out.Nodes = append(out.Nodes, d)
	}
	for _, b := range p.Budgets {
		one := budgetJSON{Demand: b}
		if b.Never != nil {
			one.Never = ui.NewProblem(r.Context(), b.Never).Text
		}
		out.Budgets = append(out.Budgets, one)
	}
	return out
}

// refusalOf is what the cluster would refuse, in a person's words; nil without.
func refusalOf(r *http.Request, e *services.Error) *ui.Problem {
	if e == nil {
		return nil
	}
	return ui.NewProblem(r.Context(), e)
}

func summarize(plans []batch.NodePlan) plan.Summary {
	s := plan.Summary{Total: len(plans)}
	for _, p := range plans {
		switch {
		case len(p.Blockers) > 0:
			s.Blocked++
		case p.Changes():
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
		out[i] = ui.NewProblem(r.Context(), e).Text
	}
	return out
}
