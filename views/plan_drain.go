package views

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/operation/drain"
)

// What a plan's page shows at most: ten thousand pods would make a page that
// nobody reads and no phone opens. What is left out is said.
const (
	planNodesShown   = 200
	planPodsShown    = 20  // of one node
	planRowsShown    = 800 // pods of all nodes together
	planNodesOpen    = 5
	planBudgetsShown = 20
	planNotesShown   = 6 // of one kind
)

// verdicts are the verdicts on pods, the gravest first.
func verdicts() []drain.Verdict {
	return []drain.Verdict{drain.Never, drain.Acknowledge, drain.Blocked, drain.Unknown, drain.Wait, drain.Evict, drain.Skip}
}

// verdictKind gives the mark of a verdict.
func verdictKind(v drain.Verdict) string {
	switch v {
	case drain.Never:
		return "bad"
	case drain.Acknowledge:
		return "ask"
	case drain.Blocked:
		return "warn"
	case drain.Wait:
		return "ending"
	case drain.Evict:
		return "run"
	case drain.Skip:
		return "same"
	default:
		return "idle"
	}
}

// verdictWord gives a verdict's word for n pods.
func verdictWord(ctx context.Context, v drain.Verdict, n int) string {
	return N(ctx, "pod_"+string(v), n)
}

// countOf gives the number of pods with a verdict; those that have to wait for a
// budget, or whose budgets are not known, are not counted among the others that
// go.
func countOf(c drain.Counts, v drain.Verdict) int {
	switch v {
	case drain.Never:
		return c.Never
	case drain.Acknowledge:
		return c.Acknowledge
	case drain.Blocked:
		return c.Blocked
	case drain.Unknown:
		return c.Unknown
	case drain.Wait:
		return c.Wait
	case drain.Evict:
		return c.Evict - c.Blocked - c.Unknown
	default:
		return c.Skip
	}
}

func podsOf(c drain.Counts) int { return c.Evict + c.Skip + c.Wait + c.Acknowledge + c.Never }

// planTally gives the counts on top of the plan. The first is what the button
// says; "blocked now" and "not known" are part of it.
func planTally(c drain.Counts) []count {
	out := []count{{"plan_pods_evict", c.Evict, ""}, {"plan_pods_skip", c.Skip, ""}}
	for _, more := range []count{
		{"plan_pods_wait", c.Wait, ""},
		{"plan_pods_acknowledge", c.Acknowledge, "warn"},
		{"plan_pods_blocked", c.Blocked, "warn"},
		{"plan_pods_never", c.Never, "bad"},
		{"plan_pods_unknown", c.Unknown, "warn"},
	} {
		if more.Count > 0 {
			out = append(out, more)
		}
	}
	return out
}

// reasonText puts a reason into words.
func reasonText(ctx context.Context, e *services.Error) string { return problemText(ctx, e) }

func reasonsText(ctx context.Context, reasons []*services.Error) string {
	texts := make([]string, len(reasons))
	for i, r := range reasons {
		texts[i] = reasonText(ctx, r)
	}
	return strings.Join(texts, " · ")
}

func eachPod(p *drain.Plan, do func(node string, pod drain.Judged)) {
	for _, n := range p.Nodes {
		for _, pod := range n.Pods {
			do(n.Node, pod)
		}
	}
}

// podsWhere counts the pods that have a reason, and the nodes that they are on.
func podsWhere(p *drain.Plan, texts ...string) (pods, nodes int) {
	if p == nil {
		return 0, 0
	}
	for _, n := range p.Nodes {
		before := pods
		for _, pod := range n.Pods {
			if slices.ContainsFunc(pod.Reasons, func(r *services.Error) bool { return slices.Contains(texts, r.Text) }) {
				pods++
			}
		}
		if pods > before {
			nodes++
		}
	}
	return pods, nodes
}

// budgetKind gives the mark of a budget: whether what the batch wants of it can
// be had.
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

// planBudgets are the budgets that are shown: those that hold pods up first.
func planBudgets(p *drain.Plan) []*drain.Demand {
	rank := func(d *drain.Demand) int { return slices.Index([]string{"bad", "warn", "run", "ok"}, budgetKind(d)) }
	sorted := slices.Clone(p.Budgets)
	slices.SortStableFunc(sorted, func(a, b *drain.Demand) int { return cmp.Compare(rank(a), rank(b)) })
	return sorted[:min(planBudgetsShown, len(sorted))]
}

func budgetWord(ctx context.Context, d *drain.Demand) string { return T(ctx, "budget_"+budgetKind(d)) }

// planNode is a node of the plan with the pods that are shown of it.
type planNode struct {
	drain.NodePlan
	Shown []drain.Judged
	Open  bool
}

// planNodes chooses what is shown: nodes with problems first and open.
func planNodes(p *drain.Plan) []planNode {
	sorted := slices.Clone(p.Nodes)
	slices.SortStableFunc(sorted, func(a, b drain.NodePlan) int { return cmp.Compare(gravity(a), gravity(b)) })
	rows := planRowsShown
	out := make([]planNode, min(planNodesShown, len(sorted)))
	for i := range out {
		n := planNode{NodePlan: sorted[i]}
		n.Shown = n.Pods[:min(planPodsShown, rows, len(n.Pods))]
		rows -= len(n.Shown)
		n.Open = len(n.Shown) > 0 && (i < planNodesOpen && gravity(n.NodePlan) < len(verdicts()) || len(sorted) == 1)
		out[i] = n
	}
	return out
}

// gravity orders nodes by the worst that is on them; without a problem it is
// the number of verdicts.
func gravity(n drain.NodePlan) int {
	if len(n.Blockers) > 0 {
		return -1
	}
	for i, v := range verdicts() {
		if v == drain.Wait {
			break
		}
		if countOf(n.Counts, v) > 0 {
			return i
		}
	}
	return len(verdicts())
}

// omitted says what pods of a node are not shown: "11 more: 9 evict, 2 stay".
func omitted(ctx context.Context, n planNode) string {
	rest := map[drain.Verdict]int{}
	for _, pod := range n.Pods[len(n.Shown):] {
		rest[pod.Verdict]++
	}
	var parts []string
	for _, v := range verdicts() {
		if rest[v] > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", Number(rest[v]), verdictWord(ctx, v, rest[v])))
		}
	}
	return N(ctx, "plan_more_pods", len(n.Pods)-len(n.Shown), "Which", strings.Join(parts, T(ctx, "list_comma")))
}
