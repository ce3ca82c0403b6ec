package views_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
	"kube-node-manager/views"
)

// afterPage is a batch that has ended, with all that may follow.
func afterPage(change func(*views.BatchPageView)) views.BatchPageView {
	v := batchPageView(store.StatePartial)
	v.Batch.ClearedAt, v.Batch.MayUndo = &noon, true
	v.Batch.Rollout = json.RawMessage(`{"canary":5,"canaryWait":900,"order":"pool","wavePause":90,"parallel":1,"maxFailures":3,"maxFailedPercent":10}`)
	v.Later = batch.Successors{Retries: []string{"b2", "b3"}, Undos: []string{"b4"}}
	if change != nil {
		change(&v)
	}
	return v
}

// atGate is a batch between two portions of its nodes.
func atGate(gate batch.Gate) views.BatchView {
	v := batchView(store.StateRunning)
	v.Gate, v.Paused, v.Counts = &gate, gate.Until == nil, batch.Counts{Succeeded: 4, Failed: gate.Failed, Pending: 236 - gate.Failed}
	v.StartedAt, v.Running = &noon, nil
	return v
}

func inTurn() views.BatchView {
	v := batchView(store.StateRunning)
	v.WaitsFor, v.Running, v.Counts = []string{"b7", "b8"}, nil, batch.Counts{Waiting: 3, Pending: 237}
	return v
}

// undoPlan is the plan of an undo: a cordon with a reason comes back, labels go,
// and one node was changed since.
func undoPlan(v *views.PlanView) {
	yes, no, why, old := true, false, "disk", "gold"
	v.Operation, v.Drain, v.Options.Force = operation.Undo, nil, false
	v.Origin = &views.PlanOrigin{ID: "b1", Undo: true, Since: 1}
	v.Change, v.Digest = &views.PlanChange{}, "d1"
	v.Summary = views.PlanSummary{Total: 3, Changed: 2, Blocked: 1}
	v.Nodes = []views.PlanNode{
		{Node: "a", Changes: true, Before: operation.State{Unschedulable: &no}, After: operation.State{Unschedulable: &yes, Annotations: map[string]*string{node.AnnotationReason: &why}}},
		{Node: "b", Changes: true, Before: operation.State{Unschedulable: &yes, Labels: map[string]*string{"tier": &old}}, After: operation.State{Unschedulable: &no, Labels: map[string]*string{"tier": nil}}, Warnings: []string{"Pods stay."}},
		{Node: "c", Blockers: []string{"Changed since: tier."}},
	}
	v.Refusal = &views.Problem{Text: "A webhook says no.", Hint: "Ask it."}
	v.Rollout = url.Values{"canary": {"2"}, "order": {"zone"}}
}

func retryPlan(v *views.PlanView) {
	v.Origin, v.Options.Force = &views.PlanOrigin{ID: "b1"}, true
	v.Rollout = url.Values{"canary": {"some"}}
	v.Problem = &views.Problem{Code: services.CodeInvalid, Text: "No.", Fields: map[string]string{"canary": "no number", "confirm": "Type it"}}
}

// controlPages are the pages of what can be done about a batch.
func controlPages() map[string]templ.Component {
	until := noon.Add(12 * time.Minute)
	return map[string]templ.Component{
		"batch, afterwards": views.BatchPage(frame(), afterPage(nil)),
		"plan of an undo":   views.PlanPage(frame(), planView(undoPlan)),
		"plan of a retry":   views.PlanPage(frame(), planView(retryPlan)),
		"plan, rollout bad": views.PlanPage(frame(), planView(func(v *views.PlanView) {
			cordonPlan(v)
			v.Nodes, v.Summary = nil, views.PlanSummary{}
			retryPlan(v)
			v.Origin = nil
		})),
		"batch in turn":      views.BatchPage(docked(inTurn()), views.BatchPageView{Batch: inTurn(), Now: noon}),
		"batch, canary done": views.BatchPage(frame(), views.BatchPageView{Batch: atGate(batch.Gate{Canary: true, Failed: 1}), Now: noon}),
		"batch, timed gate":  views.BatchPage(frame(), views.BatchPageView{Batch: atGate(batch.Gate{Until: &until}), Now: noon}),
	}
}

func TestControl_afterwards(t *testing.T) {
	doc := document(t, render(t, "en", views.BatchPage(frame(), afterPage(nil))))
	forms := doc.Find("#progress .afterwards form")
	require.Equal(t, 2, forms.Length())
	forms.Each(func(_ int, s *goquery.Selection) {
		require.Equal(t, "post", s.AttrOr("method", ""))
		require.Equal(t, views.PreviewURL(oddCluster), s.AttrOr("action", ""), "the plan comes first")
	})
	require.Equal(t, "Retry 100 nodes", squeezed(doc.Find("#batch-retry")))
	require.Equal(t, []string{"cordon", "b1", "kernel"}, attributes(forms.First().Find("input"), "value"))
	require.Equal(t, []string{"undo", "b1"}, attributes(forms.Last().Find("input"), "value"))
	facts := squeezed(doc.Find(".facts"))
	for _, want := range []string{"Repeated byb2 b3", "Undone byb4", "first 5 nodes, then on after 15m unless one failed", "one pool at a time", "90s between them", "1 node at a time", "stops after 3 failed nodes", "stops when 10 % have failed"} {
		require.Contains(t, facts, want)
	}
	require.Contains(t, squeezed(document(t, render(t, "zh-CN", views.BatchPage(frame(), afterPage(nil)))).Find("#batch-retry")), "重试 100 个节点")

	for name, change := range map[string]func(*views.BatchPageView){
		"a viewer":      func(v *views.BatchPageView) { v.Batch.MayControl, v.Batch.MayUndo = false, false },
		"a deleted pod": func(v *views.BatchPageView) { v.Batch.Operation = "delete-pod" },
		"not ended":     func(v *views.BatchPageView) { v.Batch.State = store.StateRunning },
		"nothing to do": func(v *views.BatchPageView) { v.Batch.Counts, v.Batch.ClearedAt = batch.Counts{Unchanged: 240}, nil },
	} {
		require.Zero(t, document(t, render(t, "en", views.BatchPage(frame(), afterPage(change)))).Find(".afterwards").Length(), name)
	}
}

func TestControl_gates(t *testing.T) {
	until := noon.Add(12 * time.Minute)
	for name, c := range map[string]struct {
		gate         batch.Gate
		text, button string
		zh           string
	}{
		"a person":      {batch.Gate{Canary: true, Failed: 1}, "The first 5 nodes are done, 1 failed. Go on?", "Go on", "前 5 个节点已完成，1 个失败。是否继续？"},
		"a time":        {batch.Gate{Canary: true, Until: &until}, "The first 4 nodes are done, none failed. Goes on at 12:12:00 UTC", "Go on now", "12:12:00"},
		"between zones": {batch.Gate{Until: &until}, "4 nodes are done, none failed. Goes on at 12:12:00 UTC", "Go on now", "4 个节点已完成"},
	} {
		t.Run(name, func(t *testing.T) {
			doc := document(t, "<body>"+render(t, "en", views.BatchPanel(atGate(c.gate)))+"</body>")
			require.Contains(t, squeezed(doc.Find(".gate")), c.text)
			require.Equal(t, c.button, squeezed(doc.Find("#batch-resume")))
			require.Equal(t, 1, doc.Find("#batch-cancel").Length())
			require.Contains(t, doc.Find(".panel").AttrOr("data-say", ""), c.text)
			require.Contains(t, squeezed(document(t, "<body>"+render(t, "zh-CN", views.BatchPanel(atGate(c.gate)))+"</body>").Find(".gate")), c.zh)
		})
	}
	viewer := atGate(batch.Gate{Canary: true})
	viewer.MayControl = false
	require.NotContains(t, render(t, "en", views.BatchPanel(viewer)), "<button")
	turn := document(t, "<body>"+render(t, "en", views.BatchPanel(inTurn()))+"</body>").Find(".turn")
	require.Equal(t, "Waits its turn on 3 nodes, behind b7 b8", squeezed(turn))
	require.Equal(t, []string{"/batches/b7", "/batches/b8"}, attributes(turn.Find("a"), "href"))
}

func TestControl_plans(t *testing.T) {
	doc := document(t, render(t, "en", views.PlanPage(frame(), planView(undoPlan))))
	require.Equal(t, "Undo on 2 nodes", squeezed(doc.Find("#plan-do")))
	require.Equal(t, "b1", doc.Find("#plan-form input[name=undo_of]").AttrOr("value", ""))
	require.Equal(t, "d1", doc.Find("#plan-form input[name=plan]").AttrOr("value", ""))
	require.Contains(t, squeezed(doc.Find("#plan-refusal")), "The cluster would refuse this: A webhook says no.")
	require.Equal(t, 1, doc.Find("#opt-force:not([checked])").Length())
	require.Equal(t, 1, doc.Find("#plan-update").Length(), "without scripts the plan follows by this")
	groups := squeezed(doc.Find(".diff-groups"))
	for _, want := range []string{"Changed since: tier.", "Schedulable → Cordoned reason: disk", "Cordoned → Schedulable", "tier=gold"} {
		require.Contains(t, groups, want)
	}
	_, open := doc.Find("#rollout").Attr("open")
	require.True(t, open)
	require.Equal(t, "2", doc.Find("#opt-canary").AttrOr("value", ""))
	require.Equal(t, "zone", doc.Find("#opt-order option[selected]").AttrOr("value", ""))

	doc = document(t, render(t, "en", views.PlanPage(frame(), planView(retryPlan))))
	require.Equal(t, "Try again on 3 nodes", squeezed(doc.Find("#plan-do")))
	require.Equal(t, "b1", doc.Find("#plan-form input[name=retry_of]").AttrOr("value", ""))
	require.Zero(t, doc.Find("#opt-delete_emptydir").Length(), "the options are those of the first batch")
	require.Equal(t, 1, doc.Find("#opt-confirm").Length())
	require.Equal(t, "some", doc.Find("#opt-canary[aria-invalid]").AttrOr("value", ""))
	require.Equal(t, []string{"canary", "canary_wait"}, attributes(doc.Find("#rollout input"), "name"), "the rest is a drain's own")

	doc = document(t, render(t, "en", views.PlanPage(frame(), planView(cordonPlan))))
	require.Equal(t, "canary canary_wait order wave_pause parallel max_failures", strings.Join(attributes(doc.Find("#rollout [name]"), "name"), " "))
	_, open = doc.Find("#rollout").Attr("open")
	require.False(t, open)
	require.Contains(t, squeezed(doc.Find("#about-parallel")), "Never more nodes")
}

// A batch that is named by another is named by what it did, as long as it is
// known.
func TestBatchPage_relatedBatches(t *testing.T) {
	v := afterPage(func(v *views.BatchPageView) {
		v.Batch.UndoOf = "b0"
		v.Related = map[string]batch.Batch{"b0": {ID: "b0", Operation: "drain", Total: 6}}
	})
	doc := document(t, render(t, "en", views.BatchPage(frame(), v)))
	link := doc.Find(`.facts a[href="/batches/b0"]`).First()
	require.Equal(t, "Drain · 6 nodes", link.Text())
	require.Equal(t, "b0", link.AttrOr("title", ""))
	require.Equal(t, "b4", doc.Find(`.facts a[href="/batches/b4"]`).Text(), "it is not known any more")
}

// What happened to a node is said in words: its switch, and that a reason was
// written down.
func TestBatchItems_cordonInWords(t *testing.T) {
	v := batchPageView(store.StateSucceeded)
	v.Items = []batch.Item{{
		Node: "n", State: store.ItemSucceeded, Before: json.RawMessage(`{"unschedulable":false,"annotations":{}}`),
		After: json.RawMessage(`{"unschedulable":true,"annotations":{"` + node.AnnotationReason + `":"disk","` + node.AnnotationBy + `":"ada"}}`),
	}}
	doc := document(t, render(t, "en", views.BatchItems(v)))
	require.Equal(t, "cordoned", squeezed(doc.Find(".chip.add")))
	require.True(t, strings.HasPrefix(squeezed(doc.Find(".chip.more")), "reason set"))

	v.Items[0].Before, v.Items[0].After = v.Items[0].After, v.Items[0].Before
	doc = document(t, render(t, "en", views.BatchItems(v)))
	require.Equal(t, "uncordoned", squeezed(doc.Find(".chip.add")), "it is not struck out")
	require.True(t, strings.HasPrefix(squeezed(doc.Find(".chip.more")), "reason removed"))
}
