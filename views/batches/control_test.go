package batches_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/services/store"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

// afterPage is a batch that has ended, with all that may follow.
func afterPage(change func(*batches.PageView)) batches.PageView {
	v := viewstest.BatchPage(store.StatePartial)
	v.Batch.ClearedAt, v.Batch.MayUndo = &viewstest.Noon, true
	v.Batch.Rollout = json.RawMessage(
		`{"canary":5,"canaryWait":900,"order":"pool","wavePause":90,"parallel":1,"maxFailures":3,"maxFailedPercent":10}`,
	)
	v.Later = batch.Successors{Retries: []string{"b2", "b3"}, Undos: []string{"b4"}}
	if change != nil {
		change(&v)
	}
	return v
}

// atGate is a batch between two portions of its nodes.
func atGate(gate batch.Gate) batches.View {
	v := viewstest.Batch(store.StateRunning)
	v.Gate, v.Paused, v.Counts = &gate, gate.Until == nil, batch.Counts{
		Succeeded: 4, Failed: gate.Failed, Pending: 236 - gate.Failed,
	}
	v.StartedAt, v.Running = &viewstest.Noon, nil
	return v
}

func inTurn() batches.View {
	v := viewstest.Batch(store.StateRunning)
	v.WaitsFor, v.Running, v.Counts = []string{"b7", "b8"}, nil, batch.Counts{Waiting: 3, Pending: 237}
	return v
}

func full() batches.View {
	v := viewstest.Batch(store.StateRunning)
	v.Full, v.Running = &batch.Room{Kind: batch.ReachPool, Name: "gpu", Max: 2, Now: 2, After: 3}, nil
	return v
}

// controlPages are the pages of what can be done about a batch.
func controlPages() map[string]templ.Component {
	until := viewstest.Noon.Add(12 * time.Minute)
	return map[string]templ.Component{
		"batch, afterwards": batches.Page(viewstest.Frame(), afterPage(nil)),
		"batch waits for room": batches.Page(viewstest.Docked(full()), batches.PageView{
			Batch: full(), Now: viewstest.Noon,
		}),
		"batch in turn": batches.Page(viewstest.Docked(inTurn()), batches.PageView{
			Batch: inTurn(), Now: viewstest.Noon,
		}),
		"batch, canary done": batches.Page(viewstest.Frame(), batches.PageView{
			Batch: atGate(batch.Gate{Canary: true, Failed: 1}), Now: viewstest.Noon,
		}),
		"batch, timed gate": batches.Page(viewstest.Frame(), batches.PageView{
			Batch: atGate(batch.Gate{Until: &until}), Now: viewstest.Noon,
		}),
	}
}

func TestControl_afterwards(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Page(viewstest.Frame(), afterPage(nil))))
	forms := doc.Find("#progress .afterwards form")
	require.Equal(t, 2, forms.Length())
	forms.Each(func(_ int, s *goquery.Selection) {
		require.Equal(t, "post", s.AttrOr("method", ""))
		require.Equal(t, ui.PreviewURL(viewstest.OddCluster), s.AttrOr("action", ""), "the plan comes first")
	})
	require.Equal(t, "Retry 100 nodes", viewstest.Squeezed(doc.Find("#batch-retry")))
	require.Equal(t, []string{"cordon", "b1", "kernel"}, viewstest.Attributes(forms.First().Find("input"), "value"))
	require.Equal(t, []string{"undo", "b1"}, viewstest.Attributes(forms.Last().Find("input"), "value"))
	facts := viewstest.Squeezed(doc.Find(".facts"))
	for _, want := range []string{
		"Retried byb2 b3", "Undone byb4", "5 nodes first, then continues after 15m unless one failed", "one pool at a time",
		"90s between waves", "1 node at a time", "stops after 3 failed nodes", "stops when 10% have failed",
	} {
		require.Contains(t, facts, want)
	}
	require.Contains(
		t,
		viewstest.Squeezed(
			viewstest.Document(
				t, viewstest.Render(t, "zh-CN", batches.Page(viewstest.Frame(), afterPage(nil))),
			).Find("#batch-retry"),
		),
		"重试 100 个节点",
	)

	for name, change := range map[string]func(*batches.PageView){
		"a viewer":      func(v *batches.PageView) { v.Batch.MayControl, v.Batch.MayUndo = false, false },
		"a deleted pod": func(v *batches.PageView) { v.Batch.Operation = "delete-pod" },
		"not ended":     func(v *batches.PageView) { v.Batch.State = store.StateRunning },
		"nothing to do": func(v *batches.PageView) { v.Batch.Counts, v.Batch.ClearedAt = batch.Counts{Unchanged: 240}, nil },
	} {
		require.Zero(
			t,
			viewstest.Document(
				t, viewstest.Render(t, "en", batches.Page(viewstest.Frame(), afterPage(change))),
			).Find(".afterwards").Length(),
			name,
		)
	}
}

func TestControl_gates(t *testing.T) {
	until := viewstest.Noon.Add(12 * time.Minute)
	for name, c := range map[string]struct {
		gate         batch.Gate
		text, button string
		zh           string
	}{
		"a person": {
			batch.Gate{Canary: true, Failed: 1},
			"The first 5 nodes are done, 1 failed. Continue?", "Continue",
			"前 5 个节点已完成，1 个失败。是否继续？",
		},
		"a time": {
			batch.Gate{Canary: true, Until: &until},
			"The first 4 nodes are done, none failed. Continues at 12:12:00 UTC",
			"Continue now", "12:12:00",
		},
		"between zones": {
			batch.Gate{Until: &until},
			"4 nodes are done, none failed. Continues at 12:12:00 UTC", "Continue now",
			"4 个节点已完成",
		},
	} {
		t.Run(name, func(t *testing.T) {
			doc := viewstest.Document(t, "<body>"+viewstest.Render(t, "en", batches.Panel(atGate(c.gate)))+"</body>")
			require.Contains(t, viewstest.Squeezed(doc.Find(".gate")), c.text)
			require.Equal(t, c.button, viewstest.Squeezed(doc.Find("#batch-resume")))
			require.Equal(t, 1, doc.Find("#batch-cancel").Length())
			require.Contains(t, doc.Find(".panel").AttrOr("data-say", ""), c.text)
			require.Contains(
				t,
				viewstest.Squeezed(
					viewstest.Document(
						t, "<body>"+viewstest.Render(t, "zh-CN", batches.Panel(atGate(c.gate)))+"</body>",
					).Find(".gate"),
				),
				c.zh,
			)
		})
	}
	viewer := atGate(batch.Gate{Canary: true})
	viewer.MayControl = false
	require.NotContains(t, viewstest.Render(t, "en", batches.Panel(viewer)), "<button")
	turn := viewstest.Document(t, "<body>"+viewstest.Render(t, "en", batches.Panel(inTurn()))+"</body>").Find(".turn")
	require.Equal(t, "3 nodes wait for another batch: b7 b8", viewstest.Squeezed(turn))
	require.Equal(t, []string{"/batches/b7", "/batches/b8"}, viewstest.Attributes(turn.Find("a"), "href"))
}

// A batch that is named by another is named by what it did, as long as it is
// known.
func TestBatchPage_relatedBatches(t *testing.T) {
	v := afterPage(func(v *batches.PageView) {
		v.Batch.UndoOf = "b0"
		v.Related = map[string]batch.Batch{"b0": {ID: "b0", Operation: "drain", Total: 6}}
	})
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Page(viewstest.Frame(), v)))
	link := doc.Find(`.facts a[href="/batches/b0"]`).First()
	require.Equal(t, "Drain · 6 nodes", link.Text())
	require.Equal(t, "b0", link.AttrOr("title", ""))
	require.Equal(t, "b4", doc.Find(`.facts a[href="/batches/b4"]`).Text(), "it is not known any more")
}

// What happened to a node is said in words: its switch, and that a reason was
// written down.
func TestBatchItems_cordonInWords(t *testing.T) {
	v := viewstest.BatchPage(store.StateSucceeded)
	v.Items = []batch.Item{{
		Node: "n", State: store.ItemSucceeded, Before: viewstest.State(`{"unschedulable":false,"annotations":{}}`),
		After: viewstest.State(
			`{"unschedulable":true,"annotations":{"` + node.AnnotationReason + `":"disk","` + node.AnnotationBy + `":"ada"}}`,
		),
	}}
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Items(v)))
	require.Equal(t, "cordoned", viewstest.Squeezed(doc.Find(".chip.add")))
	require.True(t, strings.HasPrefix(viewstest.Squeezed(doc.Find(".chip.more")), "reason set"))

	v.Items[0].Before, v.Items[0].After = v.Items[0].After, v.Items[0].Before
	doc = viewstest.Document(t, viewstest.Render(t, "en", batches.Items(v)))
	require.Equal(t, "uncordoned", viewstest.Squeezed(doc.Find(".chip.add")), "it is not struck out")
	require.True(t, strings.HasPrefix(viewstest.Squeezed(doc.Find(".chip.more")), "reason removed"))
}
