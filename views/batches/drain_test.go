package batches_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/store"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

func TestDrainPanel_deletesForAdministratorsOnly(t *testing.T) {
	v := viewstest.Draining()
	require.Zero(t, viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(v))).Find("[name=pod]").Length())
	v.MayForce = true
	form := viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(v))).Find("[data-pod] form").First()
	require.Equal(t, ui.PreviewURL(viewstest.OddCluster), form.AttrOr("action", ""))
	require.Equal(
		t,
		url.Values{"operation": {"delete-pod"}, "pod": {"checkout/cart-1"}, "uid": {"uid-1"}, "node": {"ip-10-0-3-26.prod"}},
		viewstest.FormValues(form),
	)
}

func TestDrainPanel(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(viewstest.Draining())))
	require.Equal(
		t, []string{"91 evicted", "13 terminating", "3 blocked", "16 left", "1 failed", "3 of 5 nodes done"},
		viewstest.Texts(doc.Find(".drain-tally li")),
	)
	require.Equal(
		t,
		"Waiting 2 min 40 s for checkout/cart-pdb · needs 2 healthy pods and has 2 · retries in 9 s, or at once when "+
			"it allows more · 2 more pods wait",
		viewstest.Squeezed(doc.Find(".waits")),
	)
	require.Equal(t, "4 min 12 s", viewstest.Squeezed(doc.Find(".panel-head .pace")))
	require.Equal(t, []string{"since", "until"}, viewstest.Attributes(doc.Find(".waits time"), "data-span"))
	require.Equal(t, "< 1 s|# s|# min # s|# h # min", doc.Find(".waits").Closest("[data-spell]").AttrOr("data-spell", ""))
	require.Equal(
		t, []string{"checkout/cart-1", "checkout/cart-2", "odd/one"},
		viewstest.Attributes(doc.Find("[data-pod]"), "data-pod"), "the longest wait first",
	)
	require.Contains(t, viewstest.Squeezed(doc.Find(`[data-node="ip-10-0-4-29.prod"]`)), "evicting14 left")
	require.Equal(t, []string{"pause", "cancel"}, controls(doc))

	v := viewstest.Draining()
	v.Paused = true
	doc = viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(v)))
	require.Contains(t, viewstest.Squeezed(doc.Find(".panel-head")), "paused")
	require.Contains(t, viewstest.Squeezed(doc.Find(".waits")), "Paused: nothing new is started.")
	require.Equal(t, []string{"resume", "cancel"}, controls(doc))
	require.Equal(t, "running", doc.Find("[data-batch]").AttrOr("data-state", ""), "the stream goes on")
}

func TestDrainPanel_waitsForNoBudget(t *testing.T) {
	for want, d := range map[string]batch.Drain{
		"Waiting for 25 terminating pods.":                   {Left: 25, Terminating: 25},
		"1 pod still has to be evicted; nothing is blocked.": {Left: 1},
		"Starting": {},
	} {
		v := viewstest.Draining()
		v.Drain = &d
		require.Equal(
			t, want, viewstest.Squeezed(viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(v))).Find(".at-work")),
		)
	}
}

func TestDrainPanel_saysWhatIsHeldUp(t *testing.T) {
	v := viewstest.Draining()
	v.Total, v.Counts = 60, batch.Counts{Succeeded: 10, Waiting: 50}
	v.Drain.Nodes = v.Drain.Nodes[1:2]
	for i := range 49 {
		v.Drain.Nodes = append(v.Drain.Nodes, batch.DrainNode{
			Node: fmt.Sprintf("n-%d", i), Progress: drain.Progress{Phase: drain.PhaseQueued},
		})
	}
	v.Drain.Blocked = 1
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(v)))
	require.True(
		t, strings.HasSuffix(viewstest.Squeezed(doc.Find(".waits")), "when it allows more · 49 nodes wait behind them"),
	)
	require.Equal(t, 10, doc.Find(".working tbody tr").Length(), "of the queue only its beginning")
	require.Equal(t, "40 more nodes", viewstest.Squeezed(doc.Find(".page-only.faint")))
	require.Equal(t, "46 more nodes", viewstest.Squeezed(doc.Find(".dock-only.faint")))

	v.Drain.Nodes[1].Phase = drain.PhaseCordoning
	doc = viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(v)))
	require.Contains(
		t, viewstest.Squeezed(doc.Find(`[data-node="n-0"] .num`).First()), "–", "nobody has looked at its pods yet",
	)
}

func TestDrain_cancelled(t *testing.T) {
	v := viewstest.Draining()
	v.State, v.Drain, v.Counts = store.StateCancelled, nil, batch.Counts{Succeeded: 2, Cancelled: 3}
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(v)))
	require.Equal(t, []string{"2 done", "3 not drained"}, viewstest.Texts(doc.Find(".tally li")))
	require.Contains(
		t, doc.Find("[data-batch]").AttrOr("data-say", ""), "Cancelled: 2 of 5 nodes drained, 0 failed, 3 not drained.",
	)
	require.NotContains(t, doc.Text(), "not started", "its nodes were cordoned")
	require.NotContains(
		t, viewstest.Document(t, viewstest.Render(t, "en", batches.Items(drainedPage()))).Text(), "not started",
	)
}

func controls(doc *goquery.Document) []string {
	return doc.Find(".panel-head button").Map(
		func(_ int, s *goquery.Selection) string { return strings.TrimPrefix(s.AttrOr("id", ""), "batch-") },
	)
}

// Pods that have to complete are counted and named, with the end of the wait.
func TestDrainPanel_completing(t *testing.T) {
	v := viewstest.Draining()
	since := viewstest.Noon.Add(-2 * time.Minute)
	v.Drain = &batch.Drain{Left: 2, Completing: 2, Nodes: []batch.DrainNode{{Node: "n-1", Progress: drain.Progress{
		Phase: drain.PhaseCompleting, Left: 3, Completing: 2, Later: 1, Waits: []drain.Completion{
			{Pod: "ci/build-1", Since: since, Until: viewstest.Noon.Add(time.Hour)}, {Pod: "ml/train-1", Since: since},
		},
	}}}}
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(v)))
	require.Contains(t, viewstest.Texts(doc.Find(".drain-tally li")), "2 must complete")
	require.Equal(t, "Waiting for 2 pods to complete.", viewstest.Squeezed(doc.Find(".waits")))
	require.Equal(t, "waiting for pods to complete", viewstest.Squeezed(doc.Find(`[data-node="n-1"] .st`)))
	require.Contains(t, viewstest.Squeezed(doc.Find(`[data-completing="ci/build-1"]`)), "evicted in 1 h")
	require.Contains(t, viewstest.Squeezed(doc.Find(`[data-completing="ml/train-1"]`)), "until it has completed2 min")
}
