package plan_test

import (
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/plan"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

func TestPlanPage_drain(t *testing.T) {
	doc := pageOf(t, nil)
	require.Equal(t, "Drain 3 nodes in "+viewstest.OddCluster, doc.Find("h1").Text())
	require.Equal(
		t,
		[]string{
			"4 to evict", "1 stays", "1 already terminating", "1 must complete first",
			"2 need confirmation", "1 of them blocked now",
			"1 cannot be evicted", "1 of them unknown",
		},
		viewstest.Texts(doc.Find(".plan-tally li")),
	)
	require.Equal(t, "Cordon 1, evict 4 pods", viewstest.Squeezed(doc.Find("#plan-do")))
	require.Contains(t, viewstest.Squeezed(doc.Find("#plan-short")), "2 pods still need confirmation")
	notes := strings.Join(viewstest.Texts(doc.Find("#plan-result .note")), "\n")
	for _, want := range []string{
		"db/main never allows eviction: all 2 pods must stay healthy. Add a replica or relax the budget.",
		"1 pod would lose its emptyDir data.",
		"checkout/cart-pdb allows no disruption now: 2 pods are healthy, 2 are required. 2 pods of this batch wait " +
			"until it allows more. Add a replica",
		"1 pod is not evicted: its node waits until it has completed. The rules wait for up to 2h, but the time limit per " +
			"node is 15m:", "Pods go in the order 0, 10.",
		"ip-10-0-3-26.prod This is a control plane node.", "gone.prod This node does not exist",
		"The cluster does not allow Kube Node Manager to read poddisruptionbudgets.",
		"The cluster does not allow Kube Node Manager to read daemonsets.",
	} {
		require.Contains(t, notes, want)
	}
	require.Equal(
		t, []string{"never allows", "blocked now", "in stages", "enough"}, viewstest.Texts(doc.Find("[data-budget] .st")),
	)
	require.Contains(t, viewstest.Squeezed(doc.Find(`[data-budget="search/query"]`)), "in stages426 of 4 required")
}

func TestPlanPage_nodesWithProblemsComeFirst(t *testing.T) {
	doc := pageOf(t, nil)
	require.Equal(
		t, []string{"gone.prod", "ip-10-0-3-26.prod", "calm.prod"},
		viewstest.Attributes(doc.Find("details.plan-node"), "data-node"),
	)
	require.Equal(t, []string{"ip-10-0-3-26.prod"}, viewstest.Attributes(doc.Find("details.plan-node[open]"), "data-node"))
	require.True(t, doc.Find(`[data-node="ip-10-0-3-26.prod"]`).HasClass("cordoned"))
	pods := doc.Find(`[data-node="ip-10-0-3-26.prod"] .pods li`)
	require.Equal(
		t, []string{"never", "acknowledge", "acknowledge", "blocked", "unknown", "wait-completed", "wait", "evict", "skip"},
		viewstest.Attributes(pods, "data-verdict"),
	)
	require.Equal(t, len(samplePods()), pods.Find(".st svg").Length(), "word, shape and colour")
	require.Contains(t, viewstest.Squeezed(pods.First()), "db/main-0 StatefulSet/main db/main never allows eviction")
}

func TestPlanPage_staysLight(t *testing.T) {
	html := viewstest.Render(t, "en", plan.Page(viewstest.Frame(), planView(bigPlan)))
	require.Less(t, len(html), 800_000)
	doc := viewstest.Document(t, html)
	require.Equal(t, 200, doc.Find("details.plan-node").Length())
	require.Equal(t, "n-999", doc.Find("details.plan-node").First().AttrOr("data-node", ""))
	require.Contains(t, doc.Text(), "800 more nodes are not listed; the numbers above include them.")
	require.Contains(t, viewstest.Squeezed(doc.Find("details.plan-node").Last()), "10 more: 10 evict.")
	require.Equal(t, "Cordon 1,000, evict 9,000 pods", viewstest.Squeezed(doc.Find("#plan-do")))
	require.Equal(t, 1000, doc.Find("#plan-form input[name=node]").Length())
}

// optionsOf reads the options of a drain from its form.
func optionsOf(t *testing.T, page *goquery.Selection) drain.Options {
	t.Helper()
	r := form.Read(form.Fields(viewstest.FormValues(page)))
	o := drain.ReadOptions(r)
	require.NoError(t, r.Err())
	return o
}

func TestPlanPage_form(t *testing.T) {
	options := drain.Options{
		DeleteEmptyDir: true, Grace: 30, Timeout: 5400, SkipWait: 60, PodSelector: "app=web", Restore: true,
		Disrupt: true,
	}
	doc := pageOf(t, func(v *plan.View) {
		v.Options = options
		v.Rollout = batch.Rollout{Parallel: 3, Order: batch.OrderZone, MaxFailures: 2}
	})
	form := doc.Find("#plan-form")
	require.Equal(t, ui.BatchesURL(viewstest.OddCluster), form.AttrOr("action", ""))
	require.Equal(t, "post", form.AttrOr("method", ""))
	require.Empty(t, form.AttrOr("hx-post", ""), "a plain form")
	require.Equal(t, options, optionsOf(t, form))
	for name, want := range map[string]string{"parallel": "3", "order": "zone", "max_failures": "2"} {
		require.Equal(t, []string{want}, viewstest.FormValues(form)[name])
	}
	require.Equal(
		t, []string{"calm.prod", "ip-10-0-3-26.prod", "gone.prod"},
		viewstest.Attributes(form.Find("input[name=node]"), "value"),
	)
	require.Equal(t, "key-4", form.Find("[name=idempotency_key]").AttrOr("value", ""))
	require.Equal(t, "kernel", form.Find("[name=reason]").AttrOr("value", ""))
	first := form.Find("button").First()
	require.Equal(
		t, ui.PreviewURL(viewstest.OddCluster), first.AttrOr("formaction", ""), "Enter in a field never begins the drain",
	)
	require.Equal(t, ui.PreviewURL(viewstest.OddCluster), form.Find("#plan-update").AttrOr("formaction", ""))
	require.Equal(t, 2, form.Find("details.rare[open]").Length())
	require.Equal(t, "/x?y=1&z=2", doc.Find("[name=back]").First().AttrOr("value", ""), "a plan has an address of its own")
	require.Equal(t, "/back?a=1&b=2", form.Find("[name=back]").AttrOr("value", ""))

	untouched := pageOf(t, nil).Find("#plan-form")
	require.Equal(t, drain.DefaultOptions(), optionsOf(t, untouched), "an untouched form is the default")
	require.Equal(t, []string{"5"}, viewstest.FormValues(untouched)["parallel"])
	require.Zero(t, untouched.Find("#opt-order option[selected]").Length(), "the first of them: as listed")
}

func TestPlanPage_refused(t *testing.T) {
	doc := pageOf(t, refused)
	for _, name := range []string{"delete_emptydir", "force", "confirm", "ignore_daemonsets"} {
		field := doc.Find(`#plan-form [name="` + name + `"]`)
		require.Equal(t, "true", field.AttrOr("aria-invalid", ""), name)
		require.Equal(t, "about-"+name+" wrong-"+name, field.AttrOr("aria-describedby", ""))
		require.Equal(t, 1, doc.Find(`#plan-problem a[href="#opt-`+name+`"]`).Length())
	}
	require.Contains(t, viewstest.Squeezed(doc.Find("#plan-problem")), "Not started")

	doc = pageOf(t, unread)
	require.Equal(t, "soon", doc.Find("[name=timeout]").AttrOr("value", ""))
	require.Equal(t, "a=(", doc.Find("[name=pod_selector]").AttrOr("value", ""))
	require.Equal(t, "zone", doc.Find("[name=order] option[selected]").AttrOr("value", ""))
	require.Zero(t, doc.Find("[name=ignore_daemonsets][checked]").Length(), "as it was typed")
	require.Equal(t, 2, doc.Find("details.rare[open]").Length())
	require.Equal(t, "Drain 3 nodes", viewstest.Squeezed(doc.Find("#plan-do")))
}

func TestPlanPage_whoMayNotForce(t *testing.T) {
	doc := pageOf(t, func(v *plan.View) { refused(v); v.MayForce = false })
	require.Zero(t, doc.Find("[name=force], [name=confirm]").Length())
	require.Contains(t, viewstest.Squeezed(doc.Find("#opt-force")), "Only an administrator may do this")
	require.Contains(t, viewstest.Squeezed(doc.Find("#plan-result")), "Ask one, or leave these nodes out.")
}

func TestPlanPage_cordon(t *testing.T) {
	doc := pageOf(t, cordonPlan)
	require.Equal(t, "Cordon 42 nodes in "+viewstest.OddCluster, doc.Find("h1").Text())
	require.Equal(t, "Cordon 40 nodes", viewstest.Squeezed(doc.Find("#plan-do")))
	groups := viewstest.Texts(doc.Find(".changes li"))
	require.Contains(t, groups[0], "1 nodeGone.gone")
	require.Contains(t, groups[1], "40 nodesSchedulable → Cordonedn-0, n-1")
	require.Contains(t, groups[1], "n-7 +32")
	require.Contains(t, groups[2], "1 nodealready: Cordonedheld")
	require.Contains(t, viewstest.Squeezed(doc.Find("#plan-result .note")), "Careful.")
	require.Zero(t, doc.Find("[name=timeout], [hx-post]:not(#dock *)").Length())
}

func TestPodDeletePage(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", plan.PodPage(viewstest.Frame(), planView(podPlan))))
	values := viewstest.FormValues(doc.Find("#plan-form"))
	for name, want := range map[string]string{
		"operation": "delete-pod", "pod": "checkout/cart-1", "uid": "uid-9", "node": "n-1", "confirm": "",
	} {
		require.Equal(t, []string{want}, values[name], name)
	}
	require.Equal(t, "true", doc.Find("#opt-confirm").AttrOr("aria-invalid", ""))
	require.True(t, doc.Find("#plan-do").HasClass("solid"))
}

func TestPlanPage_storage(t *testing.T) {
	page := func(order string) string {
		return strings.Join(viewstest.Texts(pageOf(t, func(v *plan.View) {
			v.Rollout.Order = order
			v.Drain.Budgets[0].Storage = "Rook"
			v.Drain.Nodes[0].Pods = samplePods()[:1]
		}).Find("#plan-result .note")), "\n")
	}
	require.Contains(t, page(""), "Rook keeps its storage in several zones of this batch: eu-1a, eu-1b. While one of them")
	require.Contains(t, page(batch.OrderZone), "Pause between the zones")
}

// Each figure says how sure it is.
func TestPlanPage_fit(t *testing.T) {
	doc := pageOf(t, nil).Find("[data-fit]").First()
	require.Equal(t, "≥", doc.AttrOr("data-fit", ""))
	require.Contains(t, viewstest.Squeezed(doc), "≥ 4 of 6 pods So many find room now")
	require.Equal(t, []string{"CPU1.5= 8", "Memory2.0 GiB≤ 1.0 GiB", "Pods6= 900", "GPUs6?"},
		viewstest.Texts(doc.Find("[data-resource]")))
	require.Contains(t, viewstest.Squeezed(doc), "? for 2 pods: they depend on where other pods run.")
	require.Zero(t, pageOf(t, func(v *plan.View) { v.Fit.Pods = 0 }).Find("[data-fit]").Length())
}
