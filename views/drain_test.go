package views_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/store"
	"kube-node-manager/views"
)

func why(text string, args ...any) *services.Error {
	return services.NewError(services.CodeConflict, text, args...)
}

// samplePods has a pod of every verdict.
func samplePods() []drain.Judged {
	never := why("drain_never_budget", "Budget", "db/main", "Needed", 2, "Expected", 2)
	return []drain.Judged{
		{Namespace: "db", Name: "main-0", Owner: "StatefulSet/main", Verdict: drain.Never, Budget: "db/main", Reasons: []*services.Error{never}},
		{Namespace: "ml", Name: "trainer-1", Verdict: drain.Acknowledge, Field: "delete_emptydir", Reasons: []*services.Error{why("drain_emptydir")}},
		{Namespace: "shop", Name: "lonely", Verdict: drain.Acknowledge, Field: "force", Reasons: []*services.Error{why("drain_unmanaged")}},
		{Namespace: "checkout", Name: "cart-1", Verdict: drain.Blocked, Budget: "checkout/cart-pdb", Reasons: []*services.Error{why("drain_blocked", "Budget", "checkout/cart-pdb", "Healthy", 2, "Needed", 2)}},
		{Namespace: "odd", Name: "masked", Verdict: drain.Unknown, Reasons: []*services.Error{why("drain_budgets_unknown")}},
		{Namespace: "web", Name: "old-1", Verdict: drain.Wait, Reasons: []*services.Error{why("drain_wait_terminating")}},
		{Namespace: "web", Name: `<b>"front"</b>`, Owner: "ReplicaSet/front", Verdict: drain.Evict},
		{Namespace: "kube-system", Name: "agent-1", Owner: "DaemonSet/agent", Verdict: drain.Skip, Reasons: []*services.Error{why("drain_skip_daemonset")}},
	}
}

func samplePlan() *drain.Plan {
	return &drain.Plan{
		Nodes: []drain.NodePlan{
			{Node: "calm.prod", Zone: "eu-1a", Counts: drain.Counts{Nodes: 1, Cordon: 1, Evict: 1}, Pods: samplePods()[6:7]},
			{
				Node: "ip-10-0-3-26.prod", Zone: "eu-1b", Cordoned: true, Pods: samplePods(),
				Counts:   drain.Counts{Nodes: 1, Evict: 3, Skip: 1, Wait: 1, Acknowledge: 2, Blocked: 1, Never: 1, Unknown: 1},
				Warnings: []*services.Error{why("drain_warn_control_plane"), why("drain_warn_not_ready", "Status", "NotReady")},
			},
			{Node: "gone.prod", Blockers: []*services.Error{why("error_node_gone")}},
		},
		Budgets: []*drain.Demand{
			{Name: "db/main", Demand: 1, Healthy: 2, Needed: 2, Expected: 2, Never: why("drain_never_budget", "Budget", "db/main", "Needed", 2, "Expected", 2)},
			{Name: "checkout/cart-pdb", Demand: 2, Healthy: 2, Needed: 2, Expected: 3},
			{Name: "search/query", Demand: 4, Allowed: 2, Healthy: 6, Needed: 4, Expected: 6},
			{Name: "web/front", Demand: 1, Allowed: 5, Healthy: 20, Needed: 15, Expected: 20},
		},
		Counts: drain.Counts{Nodes: 2, Cordon: 1, Evict: 4, Skip: 1, Wait: 1, Acknowledge: 2, Blocked: 1, Never: 1, Unknown: 1},
		Unread: []string{"poddisruptionbudgets", "daemonsets"},
	}
}

func planView(change func(*views.PlanView)) views.PlanView {
	v := views.PlanView{
		Cluster: oddCluster, Operation: "drain", Reason: "kernel", Drain: samplePlan(), Options: drain.DefaultOptions(), MayForce: true,
		Names: []string{"calm.prod", "ip-10-0-3-26.prod", "gone.prod"}, IdempotencyKey: "key-4", Back: "/back?a=1&b=2",
	}
	if change != nil {
		change(&v)
	}
	return v
}

// refused is a plan that was sent without the consents that it needs.
func refused(v *views.PlanView) {
	v.Options.Force = true
	v.Problem = &views.Problem{Code: services.CodeInvalid, Text: "No.", Fields: map[string]string{
		"delete_emptydir": "1 pod", "force": "1 pod", "confirm": "Type it", "ignore_daemonsets": "2 pods",
	}}
}

// unread is a form whose options could not be read.
func unread(v *views.PlanView) {
	v.Drain = nil
	v.Typed = url.Values{"timeout": {"soon"}, "pod_selector": {"a=("}, "order": {"zone"}, "options": {"1"}}
	v.Problem = &views.Problem{Code: services.CodeInvalid, Text: "No.", Fields: map[string]string{"timeout": "not a time", "pod_selector": "not a selector"}}
}

// bigPlan has a thousand nodes with ten thousand pods, problems at its end.
func bigPlan(v *views.PlanView) {
	v.Drain, v.Names = &drain.Plan{Counts: drain.Counts{Nodes: 1000, Cordon: 1000, Evict: 9000, Blocked: 1, Skip: 1000}}, nil
	for i := range 1000 {
		n := drain.NodePlan{Node: fmt.Sprintf("n-%03d", i), Counts: drain.Counts{Nodes: 1, Cordon: 1, Evict: 9, Skip: 1}}
		for p := range 10 {
			n.Pods = append(n.Pods, drain.Judged{Namespace: "web", Name: fmt.Sprintf("p-%d-%d", i, p), Owner: "ReplicaSet/p", Verdict: drain.Evict})
		}
		if i == 999 {
			n.Pods[0].Verdict, n.Counts.Blocked = drain.Blocked, 1
		}
		v.Drain.Nodes, v.Names = append(v.Drain.Nodes, n), append(v.Names, n.Node)
	}
}

func cordonPlan(v *views.PlanView) {
	yes, no := true, false
	v.Operation, v.Drain, v.Summary = "cordon", nil, views.PlanSummary{Total: 42, Changed: 40, Unchanged: 1, Blocked: 1}
	v.Names = nil
	for i := range 40 {
		v.Nodes = append(v.Nodes, views.PlanNode{Node: "n-" + strconv.Itoa(i), Changes: true, Before: operation.State{Unschedulable: &no}, After: operation.State{Unschedulable: &yes}, Warnings: []string{"Careful."}})
	}
	v.Nodes = append(v.Nodes, views.PlanNode{Node: "held", Before: operation.State{Unschedulable: &yes}}, views.PlanNode{Node: "gone", Blockers: []string{"Gone."}})
	for _, n := range v.Nodes {
		v.Names = append(v.Names, n.Node)
	}
}

// podPlan is the deletion of one pod whose name was not typed.
func podPlan(v *views.PlanView) {
	v.Operation, v.Drain, v.Names = "delete-pod", nil, []string{"n-1"}
	v.Pod = &views.PlanPod{Name: "checkout/cart-1", UID: "uid-9"}
	v.Problem = &views.Problem{Code: services.CodeInvalid, Text: "No.", Fields: map[string]string{"confirm": "Type it"}}
}

func planPages() map[string]templ.Component {
	page := func(change func(*views.PlanView)) templ.Component { return views.PlanPage(frame(), planView(change)) }
	return map[string]templ.Component{
		"plan":                page(nil),
		"plan refused":        page(refused),
		"plan unread":         page(unread),
		"plan of a user":      page(func(v *views.PlanView) { refused(v); v.MayForce = false }),
		"plan of nothing":     page(func(v *views.PlanView) { v.Drain = &drain.Plan{} }),
		"plan of a cordon":    page(cordonPlan),
		"deletion of a pod":   views.PodDeletePage(frame(), planView(podPlan)),
		"plan of an unknown":  page(func(v *views.PlanView) { cordonPlan(v); v.Nodes = nil }),
		"nodes with drain":    views.NodesPage(frame(), changedNodes(func(v *views.NodesView) { v.MayDrain = true })),
		"node with drain":     views.NodePage(frame(), drainableNode()),
		"drain, running":      views.BatchPage(frame(), forced(drainedPage())),
		"drain beside a plan": views.PlanPage(docked(drainingView()), planView(nil)),
	}
}

func forced(v views.BatchPageView) views.BatchPageView {
	v.Batch.MayForce = true
	return v
}

func docked(v views.BatchView) views.Frame {
	f := frame()
	f.Dock = &v
	return f
}

func drainableNode() views.NodeView {
	v := nodeView()
	v.MayDrain = true
	return v
}

// drainingView is a drain of five nodes that waits for a budget.
func drainingView() views.BatchView {
	began := noon.Add(-4*time.Minute - 12*time.Second)
	v := batchView(store.StateRunning)
	v.Operation, v.Total, v.Counts, v.Failed = "drain", 5, batch.Counts{Succeeded: 2, Failed: 1, Running: 1, Waiting: 1}, nil
	v.StartedAt, v.Elapsed, v.Rate, v.Remaining = &began, noon.Sub(began), 0, 0
	wait := drain.Block{Pod: "checkout/cart-1", UID: "uid-1", Budget: "checkout/cart-pdb", Healthy: 2, Needed: 2, Since: noon.Add(-160 * time.Second), Next: noon.Add(9 * time.Second)}
	later, two := wait, wait
	later.Pod, later.UID, later.Since = "checkout/cart-2", "uid-2", noon.Add(-time.Minute)
	two.Pod, two.UID, two.Budget, two.Message, two.Since = "odd/one", "uid-3", "", "the API server said no", noon.Add(-time.Second)
	v.Drain = &batch.Drain{Left: 16, Evicted: 91, Terminating: 13, Blocked: 3, Nodes: []batch.DrainNode{
		{Node: "ip-10-0-4-29.prod", Progress: drain.Progress{Phase: drain.PhaseEvicting, Left: 14, Evicted: 14, Terminating: 12, Blocked: 2, Blocks: []drain.Block{later, two}}},
		{Node: "ip-10-0-3-26.prod", Progress: drain.Progress{Phase: drain.PhaseBlocked, Left: 2, Evicted: 6, Terminating: 1, Blocked: 1, Blocks: []drain.Block{wait}}},
	}}
	for i, phase := range []string{drain.PhaseCordoning, drain.PhaseQueued, drain.PhaseTerminating, drain.PhaseVerifying, drain.PhaseRestoring} {
		v.Drain.Nodes = append(v.Drain.Nodes, batch.DrainNode{Node: fmt.Sprintf("n-%d", i), Progress: drain.Progress{Phase: phase}})
	}
	return v
}

func drainedPage() views.BatchPageView {
	v := batchPageView(store.StateRunning)
	v.Batch = drainingView()
	for i := range v.Items {
		v.Items[i].Before = json.RawMessage(`{"unschedulable":false}`)
		v.Items[i].After = json.RawMessage(`{"unschedulable":true,"evictedPods":12,"skippedPods":3}`)
	}
	return v
}

func pageOf(t *testing.T, change func(*views.PlanView)) *goquery.Document {
	return document(t, render(t, "en", views.PlanPage(frame(), planView(change))))
}

func TestPlanPage_drain(t *testing.T) {
	doc := pageOf(t, nil)
	require.Equal(t, "Drain 3 nodes of "+oddCluster, doc.Find("h1").Text())
	require.Equal(t, []string{"4 to evict", "1 stays", "1 ending already", "2 need confirmation", "1 of them blocked now", "1 cannot be evicted", "1 of them not known"}, texts(doc.Find(".plan-tally li")))
	require.Equal(t, "Cordon 1, evict 4 pods", squeezed(doc.Find("#plan-do")))
	require.Contains(t, squeezed(doc.Find("#plan-short")), "2 pods still need confirmation")
	notes := strings.Join(texts(doc.Find("#plan-result .note")), "\n")
	for _, want := range []string{
		"db/main allows no disruption: all 2 pods must stay healthy. Add a replica or relax the budget.",
		"1 pod loses the data in its emptyDir volumes.",
		"checkout/cart-pdb allows no disruption now: 2 pods are healthy, 2 must be. 2 pods of this batch wait until it allows more. Add a replica",
		"ip-10-0-3-26.prod This is a control plane node.", "gone.prod There is no such node",
		"Our account may not read poddisruptionbudgets.", "Our account may not read daemonsets.",
	} {
		require.Contains(t, notes, want)
	}
	require.Equal(t, []string{"allows none", "blocks now", "in turns", "enough"}, texts(doc.Find("[data-budget] .st")))
	require.Contains(t, squeezed(doc.Find(`[data-budget="search/query"]`)), "in turns426 of 4 needed")
}

func TestPlanPage_nodesWithProblemsComeFirst(t *testing.T) {
	doc := pageOf(t, nil)
	require.Equal(t, []string{"gone.prod", "ip-10-0-3-26.prod", "calm.prod"}, attributes(doc.Find("details.plan-node"), "data-node"))
	require.Equal(t, []string{"ip-10-0-3-26.prod"}, attributes(doc.Find("details.plan-node[open]"), "data-node"))
	require.True(t, doc.Find(`[data-node="ip-10-0-3-26.prod"]`).HasClass("cordoned"))
	pods := doc.Find(`[data-node="ip-10-0-3-26.prod"] .pods li`)
	require.Equal(t, []string{"never", "acknowledge", "acknowledge", "blocked", "unknown", "wait", "evict", "skip"}, attributes(pods, "data-verdict"))
	require.Equal(t, len(samplePods()), pods.Find(".st svg").Length(), "word, shape and colour")
	require.Contains(t, squeezed(pods.First()), "db/main-0 StatefulSet/main db/main allows no disruption")
}

func TestPlanPage_staysLight(t *testing.T) {
	html := render(t, "en", views.PlanPage(frame(), planView(bigPlan)))
	require.Less(t, len(html), 800_000)
	doc := document(t, html)
	require.Equal(t, 200, doc.Find("details.plan-node").Length())
	require.Equal(t, "n-999", doc.Find("details.plan-node").First().AttrOr("data-node", ""))
	require.Contains(t, doc.Text(), "800 more nodes are not listed; the numbers above count them.")
	require.Contains(t, squeezed(doc.Find("details.plan-node").Last()), "10 more: 10 evict.")
	require.Equal(t, "Cordon 1,000, evict 9,000 pods", squeezed(doc.Find("#plan-do")))
	require.Equal(t, 1000, doc.Find("#plan-form input[name=node]").Length())
}

func TestPlanPage_form(t *testing.T) {
	doc := pageOf(t, func(v *views.PlanView) {
		v.Options = drain.Options{DeleteEmptyDir: true, Grace: 30, Timeout: 5400, Parallel: 3, SkipWait: 60, ByZone: true, MaxFailures: 2, PodSelector: "app=web", Restore: true}
	})
	form := doc.Find("#plan-form")
	require.Equal(t, views.BatchesURL(oddCluster), form.AttrOr("action", ""))
	require.Equal(t, "post", form.AttrOr("method", ""))
	require.Empty(t, form.AttrOr("hx-post", ""), "a plain form")
	values, err := drain.ParseOptions(formValues(form))
	require.NoError(t, err)
	require.Equal(t, drain.Options{DeleteEmptyDir: true, Grace: 30, Timeout: 5400, Parallel: 3, SkipWait: 60, ByZone: true, MaxFailures: 2, PodSelector: "app=web", Restore: true}, values)
	require.Equal(t, []string{"calm.prod", "ip-10-0-3-26.prod", "gone.prod"}, attributes(form.Find("input[name=node]"), "value"))
	require.Equal(t, "key-4", form.Find("[name=idempotency_key]").AttrOr("value", ""))
	require.Equal(t, "kernel", form.Find("[name=reason]").AttrOr("value", ""))
	first := form.Find("button").First()
	require.Equal(t, views.PreviewURL(oddCluster), first.AttrOr("formaction", ""), "Enter in a field never begins the drain")
	require.Equal(t, views.PreviewURL(oddCluster), form.Find("#plan-update").AttrOr("formaction", ""))
	require.Equal(t, 1, form.Find("details.rare[open]").Length())
	require.Equal(t, "/x?y=1&z=2", doc.Find("[name=back]").First().AttrOr("value", ""), "a plan has an address of its own")
	require.Equal(t, "/back?a=1&b=2", form.Find("[name=back]").AttrOr("value", ""))

	values, err = drain.ParseOptions(formValues(pageOf(t, nil).Find("#plan-form")))
	require.NoError(t, err)
	require.Equal(t, drain.DefaultOptions(), values, "an untouched form is the default")
}

// formValues gives what a browser would send.
func formValues(form *goquery.Selection) url.Values {
	values := url.Values{}
	form.Find("input, select").Each(func(_ int, s *goquery.Selection) {
		_, checked := s.Attr("checked")
		switch {
		case s.AttrOr("type", "") == "checkbox" && !checked:
		case s.Is("select"):
			values.Add(s.AttrOr("name", ""), s.Find("option[selected]").AttrOr("value", ""))
		default:
			values.Add(s.AttrOr("name", ""), s.AttrOr("value", ""))
		}
	})
	return values
}

func TestPlanPage_refused(t *testing.T) {
	doc := pageOf(t, refused)
	for _, name := range []string{"delete_emptydir", "force", "confirm", "ignore_daemonsets"} {
		field := doc.Find(`#plan-form [name="` + name + `"]`)
		require.Equal(t, "true", field.AttrOr("aria-invalid", ""), name)
		require.Equal(t, "about-"+name+" wrong-"+name, field.AttrOr("aria-describedby", ""))
		require.Equal(t, 1, doc.Find(`#plan-problem a[href="#opt-`+name+`"]`).Length())
	}
	require.Contains(t, squeezed(doc.Find("#plan-problem")), "Not started")

	doc = pageOf(t, unread)
	require.Equal(t, "soon", doc.Find("[name=timeout]").AttrOr("value", ""))
	require.Equal(t, "a=(", doc.Find("[name=pod_selector]").AttrOr("value", ""))
	require.Equal(t, "zone", doc.Find("[name=order] option[selected]").AttrOr("value", ""))
	require.Zero(t, doc.Find("[name=ignore_daemonsets][checked]").Length(), "as it was typed")
	require.Equal(t, 1, doc.Find("details.rare[open]").Length())
	require.Equal(t, "Drain 3 nodes", squeezed(doc.Find("#plan-do")))
}

func TestPlanPage_whoMayNotForce(t *testing.T) {
	doc := pageOf(t, func(v *views.PlanView) { refused(v); v.MayForce = false })
	require.Zero(t, doc.Find("[name=force], [name=confirm]").Length())
	require.Contains(t, squeezed(doc.Find("#opt-force")), "Only an administrator may do that")
	require.Contains(t, squeezed(doc.Find("#plan-result")), "Ask one, or leave these nodes out.")
}

func TestPlanPage_cordon(t *testing.T) {
	doc := pageOf(t, cordonPlan)
	require.Equal(t, "Cordon 42 nodes of "+oddCluster, doc.Find("h1").Text())
	require.Equal(t, "Cordon 40 nodes", squeezed(doc.Find("#plan-do")))
	groups := texts(doc.Find(".changes li"))
	require.Contains(t, groups[0], "1 nodeGone.gone")
	require.Contains(t, groups[1], "40 nodesSchedulable → Cordonedn-0, n-1")
	require.Contains(t, groups[1], "n-7 +32")
	require.Contains(t, groups[2], "1 nodealready: Cordonedheld")
	require.Contains(t, squeezed(doc.Find("#plan-result .note")), "Careful.")
	require.Zero(t, doc.Find("[name=timeout], [hx-post]:not(#dock *)").Length())
}

func TestPodDeletePage(t *testing.T) {
	doc := document(t, render(t, "en", views.PodDeletePage(frame(), planView(podPlan))))
	values := formValues(doc.Find("#plan-form"))
	for name, want := range map[string]string{"operation": "delete-pod", "pod": "checkout/cart-1", "uid": "uid-9", "node": "n-1", "confirm": ""} {
		require.Equal(t, []string{want}, values[name], name)
	}
	require.Equal(t, "true", doc.Find("#opt-confirm").AttrOr("aria-invalid", ""))
	require.True(t, doc.Find("#plan-do").HasClass("solid"))
}

func TestDrainPanel_deletesForAdministratorsOnly(t *testing.T) {
	v := drainingView()
	require.Zero(t, document(t, render(t, "en", views.BatchPanel(v))).Find("[name=pod]").Length())
	v.MayForce = true
	form := document(t, render(t, "en", views.BatchPanel(v))).Find("[data-pod] form").First()
	require.Equal(t, views.PreviewURL(oddCluster), form.AttrOr("action", ""))
	require.Equal(t, url.Values{"operation": {"delete-pod"}, "pod": {"checkout/cart-1"}, "uid": {"uid-1"}, "node": {"ip-10-0-3-26.prod"}}, formValues(form))
}

func TestDrainPanel(t *testing.T) {
	doc := document(t, render(t, "en", views.BatchPanel(drainingView())))
	require.Equal(t, []string{"91 evicted", "13 terminating", "3 blocked", "16 left", "1 failed", "3 of 5 nodes done"}, texts(doc.Find(".drain-tally li")))
	require.Equal(t, "Waiting 2 min 40 s for checkout/cart-pdb · needs 2 healthy pods and has 2 · tries again in 9 s, or at once when it allows more · 2 more pods wait", squeezed(doc.Find(".waits")))
	require.Equal(t, "4 min 12 s", squeezed(doc.Find(".panel-head .pace")))
	require.Equal(t, []string{"since", "until"}, attributes(doc.Find(".waits time"), "data-span"))
	require.Equal(t, "< 1 s|# s|# min # s|# h # min", doc.Find(".waits").Closest("[data-spell]").AttrOr("data-spell", ""))
	require.Equal(t, []string{"checkout/cart-1", "checkout/cart-2", "odd/one"}, attributes(doc.Find("[data-pod]"), "data-pod"), "the longest wait first")
	require.Contains(t, squeezed(doc.Find(`[data-node="ip-10-0-4-29.prod"]`)), "evicting14 left")
	require.Equal(t, []string{"pause", "cancel"}, controls(doc))

	v := drainingView()
	v.Paused = true
	doc = document(t, render(t, "en", views.BatchPanel(v)))
	require.Contains(t, squeezed(doc.Find(".panel-head")), "paused")
	require.Contains(t, squeezed(doc.Find(".waits")), "Paused: nothing more begins.")
	require.Equal(t, []string{"resume", "cancel"}, controls(doc))
	require.Equal(t, "running", doc.Find("[data-batch]").AttrOr("data-state", ""), "the stream goes on")
}

func TestDrainPanel_waitsForNoBudget(t *testing.T) {
	for want, d := range map[string]batch.Drain{
		"Waiting for 25 pods that were told to end.":  {Left: 25, Terminating: 25},
		"1 pod still has to go; nothing holds it up.": {Left: 1},
		"Starting": {},
	} {
		v := drainingView()
		v.Drain = &d
		require.Equal(t, want, squeezed(document(t, render(t, "en", views.BatchPanel(v))).Find(".at-work")))
	}
}

func TestDrainPanel_saysWhatIsHeldUp(t *testing.T) {
	v := drainingView()
	v.Total, v.Counts = 60, batch.Counts{Succeeded: 10, Waiting: 50}
	v.Drain.Nodes = v.Drain.Nodes[1:2]
	for i := range 49 {
		v.Drain.Nodes = append(v.Drain.Nodes, batch.DrainNode{Node: fmt.Sprintf("n-%d", i), Progress: drain.Progress{Phase: drain.PhaseQueued}})
	}
	v.Drain.Blocked = 1
	doc := document(t, render(t, "en", views.BatchPanel(v)))
	require.True(t, strings.HasSuffix(squeezed(doc.Find(".waits")), "when it allows more · 49 nodes wait behind them"))
	require.Equal(t, 10, doc.Find(".working tbody tr").Length(), "of the queue only its beginning")
	require.Equal(t, "40 more nodes", squeezed(doc.Find(".page-only.faint")))
	require.Equal(t, "46 more nodes", squeezed(doc.Find(".dock-only.faint")))

	v.Drain.Nodes[1].Phase = drain.PhaseCordoning
	doc = document(t, render(t, "en", views.BatchPanel(v)))
	require.Contains(t, squeezed(doc.Find(`[data-node="n-0"] .num`).First()), "–", "nobody has looked at its pods yet")
}

func TestBatchItems_pods(t *testing.T) {
	doc := document(t, render(t, "en", views.BatchItems(drainedPage())))
	row := doc.Find("tr").FilterFunction(func(_ int, s *goquery.Selection) bool { return s.Find("td.name").Text() == "failed.x" })
	require.Contains(t, squeezed(row), "12 pods evicted 3 stayed", "what went is told of a failed node too")
	require.NotContains(t, doc.Text(), "evictedPods")
}

func TestDrain_cancelled(t *testing.T) {
	v := drainingView()
	v.State, v.Drain, v.Counts = store.StateCancelled, nil, batch.Counts{Succeeded: 2, Cancelled: 3}
	doc := document(t, render(t, "en", views.BatchPanel(v)))
	require.Equal(t, []string{"2 done", "3 not drained"}, texts(doc.Find(".tally li")))
	require.Contains(t, doc.Find("[data-batch]").AttrOr("data-say", ""), "Cancelled: 2 of 5 nodes are drained, 0 failed, 3 were not drained.")
	require.NotContains(t, doc.Text(), "left alone", "its nodes were cordoned")
	require.NotContains(t, document(t, render(t, "en", views.BatchItems(drainedPage()))).Text(), "left alone")
}

func TestDrainButtons(t *testing.T) {
	doc := document(t, render(t, "en", views.NodesPage(frame(), changedNodes(func(v *views.NodesView) { v.MayDrain = true }))))
	button := doc.Find("#bar #drain")
	require.Equal(t, "drain", button.AttrOr("value", ""))
	require.Equal(t, "d", button.AttrOr("data-key", ""))
	require.Equal(t, views.PreviewURL(oddCluster), button.AttrOr("formaction", ""))
	require.Equal(t, 1, button.Filter("[data-native]").Length())
	require.Equal(t, views.OnePreviewURL(oddCluster, "drain", sampleNodes()[1].Name), doc.Find("#drain-uid-1").AttrOr("formaction", ""))
	require.Equal(t, views.PreviewURL(oddCluster), document(t, render(t, "en", views.NodePage(frame(), drainableNode()))).Find("#drain").AttrOr("formaction", ""))
	require.Zero(t, document(t, render(t, "en", views.NodesPage(frame(), nodesView()))).Find("[id^=drain]").Length())
}

func controls(doc *goquery.Document) []string {
	return doc.Find(".panel-head button").Map(func(_ int, s *goquery.Selection) string { return strings.TrimPrefix(s.AttrOr("id", ""), "batch-") })
}

func texts(s *goquery.Selection) []string {
	return s.Map(func(_ int, s *goquery.Selection) string { return squeezed(s) })
}
