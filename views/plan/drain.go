package plan

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/ui"
)

// How much of the plan of a drain is shown: a page of ten thousand pods would be too
// long to read and too large for a phone. The rest is counted.
const (
	nodesShown   = 200
	podsShown    = 20  // of one node
	rowsShown    = 800 // pods of all nodes together
	nodesOpen    = 5   // nodes that are unfolded
	budgetsShown = 20
	notesShown   = 6 // of one kind
)

func podsOf(c drain.Counts) int {
	return c.Evict + c.Skip + c.Wait + c.Acknowledge + c.Never + c.WaitCompleted + c.Restart
}

// drainTally returns the counts at the top of the plan. The first is that of the
// button; it includes the pods that are blocked or unknown.
func drainTally(c drain.Counts) []ui.Count {
	always := []ui.Count{{ID: "plan_pods_evict", Count: c.Evict}, {ID: "plan_pods_skip", Count: c.Skip}}
	return append(always, occurring([]ui.Count{
		{ID: "plan_pods_wait", Count: c.Wait},
		{ID: "plan_pods_wait_completed", Count: c.WaitCompleted, Class: "warn"},
		{ID: "plan_pods_restart", Count: c.Restart},
		{ID: "plan_pods_acknowledge", Count: c.Acknowledge, Class: "warn"},
		{ID: "plan_pods_blocked", Count: c.Blocked, Class: "warn"},
		{ID: "plan_pods_never", Count: c.Never, Class: "bad"},
		{ID: "plan_pods_unknown", Count: c.Unknown, Class: "warn"},
	})...)
}

// eachPod calls do for each pod of a plan.
func eachPod(p *drain.Plan, do func(node string, pod drain.Judged)) {
	for _, n := range p.Nodes {
		for _, pod := range n.Pods {
			do(n.Node, pod)
		}
	}
}

// podsWhere counts the pods with one of the reasons, and their nodes.
func podsWhere(p *drain.Plan, texts ...string) (pods, nodes int) {
	if p == nil {
		return 0, 0
	}
	for _, n := range p.Nodes {
		before := pods
		for _, pod := range n.Pods {
			if hasReason(pod, texts) {
				pods++
			}
		}
		if pods > before {
			nodes++
		}
	}
	return pods, nodes
}

func hasReason(pod drain.Judged, texts []string) bool {
	return slices.ContainsFunc(pod.Reasons, func(r *services.Error) bool { return slices.Contains(texts, r.Text) })
}

// budgetKind returns the mark of a budget: whether it allows what the drain needs.
func budgetKind(d *drain.Demand) string {
	switch {
	case d.Never != nil:
		return "bad"
	case d.Demand <= 0:
		return "ok"
	case d.Allowed <= 0:
		return "warn"
	case d.Demand > d.Allowed:
		return "run"
	default:
		return "ok"
	}
}

// shownBudgets returns the budgets that are shown, those that block pods first.
func shownBudgets(p *drain.Plan) []*drain.Demand {
	rank := func(d *drain.Demand) int { return slices.Index([]string{"bad", "warn", "run", "ok"}, budgetKind(d)) }
	sorted := slices.Clone(p.Budgets)
	slices.SortStableFunc(sorted, func(a, b *drain.Demand) int { return cmp.Compare(rank(a), rank(b)) })
	return sorted[:min(budgetsShown, len(sorted))]
}

func budgetWord(ctx context.Context, d *drain.Demand) string {
	return ui.T(ctx, "budget_"+budgetKind(d))
}

// shownNode is a node of the plan with those of its pods that are shown.
type shownNode struct {
	drain.NodePlan
	Shown []drain.Judged
	Open  bool // unfolded
}

// shownNodes returns the nodes and pods that are shown; nodes with problems come first
// and are unfolded.
func shownNodes(p *drain.Plan) []shownNode {
	sorted := slices.Clone(p.Nodes)
	slices.SortStableFunc(sorted, func(a, b drain.NodePlan) int { return cmp.Compare(severity(a), severity(b)) })
	rows := rowsShown
	out := make([]shownNode, min(nodesShown, len(sorted)))
	for i := range out {
		n := shownNode{NodePlan: sorted[i]}
		n.Shown = n.Pods[:min(podsShown, rows, len(n.Pods))]
		rows -= len(n.Shown)
		problem := severity(n.NodePlan) < len(drain.Verdicts())
		n.Open = len(n.Shown) > 0 && (i < nodesOpen && problem || len(sorted) == 1)
		out[i] = n
	}
	return out
}

// severity orders nodes by their worst pod, lowest first; without a problem it is the
// number of verdicts.
func severity(n drain.NodePlan) int {
	if len(n.Blockers) > 0 {
		return -1
	}
	for i, v := range drain.Verdicts() {
		if v == drain.Wait {
			break
		}
		if batches.VerdictCount(n.Counts, v) > 0 {
			return i
		}
	}
	return len(drain.Verdicts())
}

// omitted counts the pods of a node that are not shown: "11 more: 9 evict, 2 stay".
func omitted(ctx context.Context, n shownNode) string {
	rest := map[drain.Verdict]int{}
	for _, pod := range n.Pods[len(n.Shown):] {
		rest[pod.Verdict]++
	}
	var parts []string
	for _, v := range drain.Verdicts() {
		if rest[v] > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", ui.Number(rest[v]), batches.VerdictWord(ctx, v, rest[v])))
		}
	}
	which := strings.Join(parts, ui.T(ctx, "list_comma"))
	return ui.N(ctx, "plan_more_pods", len(n.Pods)-len(n.Shown), "Which", which)
}
