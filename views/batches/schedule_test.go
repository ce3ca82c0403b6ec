package batches_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

// scheduled returns a batch that waits for its time.
func scheduled() batches.View {
	v := viewstest.Batch(store.StateScheduled)
	v.StartedAt, v.Counts, v.Elapsed = nil, batch.Counts{Pending: v.Total}, 0
	v.Schedule = &store.Schedule{At: time.Date(2026, 11, 28, 22, 0, 0, 0, time.UTC), Window: true}
	return v
}

func TestPanel_scheduled(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(scheduled())))
	require.Contains(t, viewstest.Squeezed(doc.Find(".note")), "Begins Sat 2026-11-28 22:00")
	require.Equal(t, []string{ui.BatchControlURL("b1", "resume"), ui.BatchControlURL("b1", "cancel")},
		viewstest.Attributes(doc.Find("form"), "hx-post"))
	require.Equal(t, "Start now", viewstest.Squeezed(doc.Find("#batch-resume")))
	require.Zero(t, doc.Find("#batch-undo, #batch-retry").Length())

	reader := scheduled()
	reader.MayControl = false
	doc = viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(reader)))
	require.Zero(t, doc.Find("form").Length())
}

func TestPanel_held(t *testing.T) {
	v := scheduled()
	v.State, v.Held = store.StateInterrupted, store.HoldPlan
	v.Schedule.Why, v.Schedule.Node = &store.Text{ID: "held_node_replaced"}, "worker-7"
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(v)))
	require.Contains(t, viewstest.Squeezed(doc.Find(".note")), "worker-7: Another node has taken this name.")
	require.Equal(t, 1, doc.Find("#batch-resume").Length())
	for _, hold := range []store.Hold{store.HoldMissed, store.HoldPlan, store.HoldWindow, store.HoldRestored} {
		v.Held = hold
		for _, language := range []string{"en", "zh-CN"} {
			require.NotContains(t, viewstest.Render(t, language, batches.Panel(v)), "interrupted_held")
		}
	}
}

// What would be refused is not offered: the page says what to do instead.
func TestPanel_heldByWhatNobodyCanAgreeTo(t *testing.T) {
	v := scheduled()
	v.State, v.Held = store.StateInterrupted, store.HoldPlan
	for why, says := range map[string]string{
		"error_force":           "anew with the option “Evict pods without a controller”",
		"error_delete_emptydir": "anew with the option “Delete emptyDir data”",
		"error_restart_first":   "anew without the option “Restart first where an eviction would interrupt”",
	} {
		v.Schedule.Why = &store.Text{ID: why, Args: map[string]any{"Count": 2, "Calls": "patch deployments"}}
		doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(v)))
		require.Contains(t, viewstest.Squeezed(doc.Find(".note")), says)
		require.Equal(t, "Check again", viewstest.Squeezed(doc.Find("#batch-resume")))
		require.False(t, doc.Find("#batch-resume").HasClass("primary"))
		require.NotRegexp(t, `held_|opt_|error_`, viewstest.Squeezed(viewstest.Document(
			t, viewstest.Render(t, "zh-CN", batches.Panel(v))).Find(".note")))
	}
}

func TestPanel_restsBetweenWindows(t *testing.T) {
	v := viewstest.Batch(store.StateRunning)
	until := time.Date(2026, 12, 5, 20, 0, 0, 0, time.UTC)
	v.Closed = &batch.Closed{Until: &until}
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(v)))
	require.Contains(t, viewstest.Squeezed(doc.Find(".note")), "The window has closed. It goes on Sat 2026-12-05 20:00")
	require.Equal(t, "Continue now", viewstest.Squeezed(doc.Find("#batch-resume")))
	v.Closed.Until = nil
	doc = viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(v)))
	require.Contains(t, viewstest.Squeezed(doc.Find(".note")), "no other is set")
}
