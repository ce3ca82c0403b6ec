package plan_test

import (
	"fmt"
	"net/url"
	"strconv"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/change"
	"kube-node-manager/services/fit"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/plan"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

func why(text string, args ...any) *services.Error {
	return services.NewError(services.CodeConflict, text, args...)
}

// samplePods has a pod of every verdict.
func samplePods() []drain.Judged {
	never := why("drain_never_budget", "Budget", "db/main", "Needed", 2, "Expected", 2)
	return []drain.Judged{
		{
			Namespace: "db", Name: "main-0", Owner: "StatefulSet/main", Verdict: drain.Never, Budget: "db/main",
			Reasons: []*services.Error{never},
		},
		{
			Namespace: "ml", Name: "trainer-1", Verdict: drain.Acknowledge, Field: "delete_emptydir",
			Reasons: []*services.Error{why("drain_emptydir")},
		},
		{
			Namespace: "shop", Name: "lonely", Verdict: drain.Acknowledge, Field: "force",
			Reasons: []*services.Error{why("drain_unmanaged")},
		},
		{
			Namespace: "checkout", Name: "cart-1", Verdict: drain.Blocked, Budget: "checkout/cart-pdb",
			Reasons: []*services.Error{why("drain_blocked", "Budget", "checkout/cart-pdb", "Healthy", 2, "Needed", 2)},
		},
		{Namespace: "odd", Name: "masked", Verdict: drain.Unknown, Reasons: []*services.Error{why("drain_budgets_unknown")}},
		{
			Namespace: "ci", Name: "build-1", Verdict: drain.WaitCompleted, AtMost: 7200, Order: 10,
			Reasons: []*services.Error{why("drain_completed_rule_for", "Rule", "ci-*", "Time", "2h")},
		},
		{Namespace: "web", Name: "old-1", Verdict: drain.Wait, Reasons: []*services.Error{why("drain_wait_terminating")}},
		{Namespace: "web", Name: `<b>"front"</b>`, Owner: "ReplicaSet/front", Verdict: drain.Evict},
		{
			Namespace: "kube-system", Name: "agent-1", Owner: "DaemonSet/agent", Verdict: drain.Skip,
			Reasons: []*services.Error{why("drain_skip_daemonset")},
		},
	}
}

func samplePlan() *drain.Plan {
	return &drain.Plan{
		Nodes: []drain.NodePlan{
			{Node: "calm.prod", Zone: "eu-1a", Counts: drain.Counts{Nodes: 1, Cordon: 1, Evict: 1}, Pods: samplePods()[7:8]},
			{
				Node: "ip-10-0-3-26.prod", Zone: "eu-1b", Cordoned: true, Pods: samplePods(),
				Counts: drain.Counts{
					Nodes: 1, Evict: 3, Skip: 1, Wait: 1, Acknowledge: 2, Blocked: 1, Never: 1, Unknown: 1, WaitCompleted: 1,
				},
				Warnings: []*services.Error{why("drain_warn_control_plane"), why("drain_warn_not_ready", "Status", "NotReady")},
			},
			{Node: "gone.prod", Blockers: []*services.Error{why("error_node_gone")}},
		},
		Budgets: []*drain.Demand{
			{
				Name: "db/main", Demand: 1, Healthy: 2, Needed: 2, Expected: 2,
				Never: why("drain_never_budget", "Budget", "db/main", "Needed", 2, "Expected", 2),
			},
			{Name: "checkout/cart-pdb", Demand: 2, Healthy: 2, Needed: 2, Expected: 3},
			{Name: "search/query", Demand: 4, Allowed: 2, Healthy: 6, Needed: 4, Expected: 6},
			{Name: "web/front", Demand: 1, Allowed: 5, Healthy: 20, Needed: 15, Expected: 20},
		},
		Counts: drain.Counts{
			Nodes: 2, Cordon: 1, Evict: 4, Skip: 1, Wait: 1, Acknowledge: 2, Blocked: 1, Never: 1, Unknown: 1,
			WaitCompleted: 1,
		},
		Unread: []string{"poddisruptionbudgets", "daemonsets", "machinedrainrules", "namespaces"},
	}
}

func planView(alter func(*plan.View)) plan.View {
	v := plan.View{
		Cluster: viewstest.OddCluster, Operation: "drain", Reason: "kernel", Drain: samplePlan(),
		Options: drain.DefaultOptions(), Fit: &fit.Fit{
			Pods: 6, Nodes: 12, Fits: fit.Figure{Mark: fit.AtLeast, Value: 4}, Nowhere: 1,
			Unsure: map[string]int{fit.ByVolumes: 1, fit.ByPods: 2, fit.ByPorts: 1, fit.ByDevices: 1, fit.ByScheduler: 1},
			Amounts: []fit.Amount{
				{Name: "cpu", Unit: "cpu", Needed: 1500, Free: fit.Figure{Mark: fit.Exact, Value: 8000}},
				{Name: "memory", Unit: "memory", Needed: 1 << 31, Free: fit.Figure{Mark: fit.AtMost, Value: 1 << 30}},
				{Name: "pods", Needed: 6, Free: fit.Figure{Mark: fit.Exact, Value: 900}},
				{Name: "gpus", Needed: 6, Free: fit.Figure{Mark: fit.Unknown}},
			},
		},
		Rollout: batch.Rollout{Parallel: 5}, MayForce: true,
		Names: []string{"calm.prod", "ip-10-0-3-26.prod", "gone.prod"}, IdempotencyKey: "key-4", Back: "/back?a=1&b=2",
	}
	if alter != nil {
		alter(&v)
	}
	return v
}

// refused is a plan that was sent without the consents that it needs.
func refused(v *plan.View) {
	v.Options.Force = true
	v.Problem = &ui.Problem{Code: services.CodeInvalid, Text: "No.", Fields: map[string]string{
		"delete_emptydir": "1 pod", "force": "1 pod", "confirm": "Type it", "ignore_daemonsets": "2 pods",
	}}
}

// unread is a form whose options could not be read.
func unread(v *plan.View) {
	v.Drain = nil
	v.Typed = url.Values{"timeout": {"soon"}, "pod_selector": {"a=("}, "order": {"zone"}, "options": {"1"}}
	v.Problem = &ui.Problem{
		Code: services.CodeInvalid, Text: "No.",
		Fields: map[string]string{"timeout": "not a time", "pod_selector": "not a selector"},
	}
}

// bigPlan has a thousand nodes with ten thousand pods, problems at its end.
func bigPlan(v *plan.View) {
	v.Drain, v.Names = &drain.Plan{
		Counts: drain.Counts{Nodes: 1000, Cordon: 1000, Evict: 9000, Blocked: 1, Skip: 1000},
	}, nil
	for i := range 1000 {
		n := drain.NodePlan{Node: fmt.Sprintf("n-%03d", i), Counts: drain.Counts{Nodes: 1, Cordon: 1, Evict: 9, Skip: 1}}
		for p := range 10 {
			n.Pods = append(n.Pods, drain.Judged{
				Namespace: "web", Name: fmt.Sprintf("p-%d-%d", i, p), Owner: "ReplicaSet/p", Verdict: drain.Evict,
			})
		}
		if i == 999 {
			n.Pods[0].Verdict, n.Counts.Blocked = drain.Blocked, 1
		}
		v.Drain.Nodes, v.Names = append(v.Drain.Nodes, n), append(v.Names, n.Node)
	}
}

func cordonPlan(v *plan.View) {
	yes, no := true, false
	v.Operation, v.Drain, v.Summary = "cordon", nil, plan.Summary{Total: 42, Changed: 40, Unchanged: 1, Blocked: 1}
	v.Names, v.Rollout = nil, batch.Rollout{}
	for i := range 40 {
		v.Nodes = append(v.Nodes, plan.Node{
			Node: "n-" + strconv.Itoa(i), Changes: true, Before: change.State{Unschedulable: &no},
			After: change.State{Unschedulable: &yes}, Warnings: []string{"Careful."},
		})
	}
	v.Nodes = append(v.Nodes, plan.Node{Node: "held", Before: change.State{Unschedulable: &yes}}, plan.Node{
		Node: "gone", Blockers: []string{"Gone."},
	})
	for _, n := range v.Nodes {
		v.Names = append(v.Names, n.Node)
	}
}

// podPlan is the deletion of one pod whose name was not typed.
func podPlan(v *plan.View) {
	v.Operation, v.Drain, v.Names = "delete-pod", nil, []string{"n-1"}
	v.Pod = &plan.Pod{Name: "checkout/cart-1", UID: "uid-9"}
	v.Problem = &ui.Problem{Code: services.CodeInvalid, Text: "No.", Fields: map[string]string{"confirm": "Type it"}}
}

func planPages() map[string]templ.Component {
	page := func(change func(*plan.View)) templ.Component { return plan.Page(viewstest.Frame(), planView(change)) }
	return map[string]templ.Component{
		"plan":                page(nil),
		"plan refused":        page(refused),
		"plan unread":         page(unread),
		"plan of a user":      page(func(v *plan.View) { refused(v); v.MayForce = false }),
		"plan of nothing":     page(func(v *plan.View) { v.Drain = &drain.Plan{} }),
		"plan of a cordon":    page(cordonPlan),
		"deletion of a pod":   plan.PodPage(viewstest.Frame(), planView(podPlan)),
		"plan of an unknown":  page(func(v *plan.View) { cordonPlan(v); v.Nodes = nil }),
		"drain beside a plan": plan.Page(viewstest.Docked(viewstest.Draining()), planView(nil)),
	}
}

func pageOf(t *testing.T, change func(*plan.View)) *goquery.Document {
	return viewstest.Document(t, viewstest.Render(t, "en", plan.Page(viewstest.Frame(), planView(change))))
}

func TestPages_areSound(t *testing.T) {
	viewstest.RequirePages(t, planPages())
	viewstest.RequirePages(t, changePlanPages())
	viewstest.RequirePages(t, controlPlanPages())
	viewstest.RequirePages(t, groupPages())
}
