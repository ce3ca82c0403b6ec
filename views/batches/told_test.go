package batches_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/viewstest"
)

// What becomes of a batch, and what waits for a person, is told in both languages; what goes
// on by itself is not.
func TestTold(t *testing.T) {
	row := func(state store.State) batch.Batch {
		return batch.Batch{ID: "1k-01", Cluster: "prod", Operation: "drain", State: state, Total: 3}
	}
	paused := func(b batch.Batch) batch.Batch {
		b.Paused = true
		return b
	}
	until, failed := viewstest.Noon, &batch.Health{Failed: true, PausesAt: viewstest.Noon}
	proposed := row(store.StateProposed)
	proposed.Approval = &store.Approval{Changed: true}
	held := row(store.StateInterrupted)
	held.Held = store.HoldMissed
	for name, v := range map[string]batch.View{
		"failed":      {Batch: row(store.StatePartial), Counts: batch.Counts{Succeeded: 2, Failed: 1}},
		"held":        {Batch: held},
		"canary":      {Batch: paused(row(store.StateRunning)), Gate: &batch.Gate{Canary: true}},
		"unhealthy":   {Batch: paused(row(store.StateRunning)), Gate: &batch.Gate{Health: failed}},
		"asked again": {Batch: proposed},
	} {
		require.NotEmpty(t, batches.ToldKey(v), name)
		for _, language := range []string{"en", "zh-CN"} {
			a := viewstest.Document(t, viewstest.Render(t, language, batches.Told(v))).Find("a")
			require.Equal(t, "/batches/1k-01", a.AttrOr("href", ""))
			require.Equal(t, "1k-all", a.AttrOr("data-tag", ""), "one notification for a group")
			require.Contains(t, a.AttrOr("data-title", ""), "prod")
			require.NotEmpty(t, a.AttrOr("data-body", ""), name)
			require.NotContains(t, a.AttrOr("data-body", ""), "#", name)
			require.Equal(t, language, a.AttrOr("data-lang", ""))
		}
	}
	for name, v := range map[string]batch.View{
		"runs":   {Batch: row(store.StateRunning)},
		"paused": {Batch: paused(row(store.StateRunning))},
		"rests":  {Batch: row(store.StateRunning), Gate: &batch.Gate{Until: &until}},
		"paused while it rests": {
			Batch: paused(row(store.StateRunning)), Gate: &batch.Gate{Until: &until},
		},
		"waits":    {Batch: row(store.StateScheduled)},
		"proposed": {Batch: func() batch.Batch { b := row(store.StateProposed); b.Approval = &store.Approval{}; return b }()},
	} {
		require.Empty(t, batches.ToldKey(v), name)
	}
}

// Only on one's own batch, until it has ended, is there a button.
func TestPage_tellButton(t *testing.T) {
	v := batches.PageView{Now: viewstest.Noon.Add(time.Minute), Mine: true}
	v.Batch.Batch = batch.Batch{ID: "1k", Cluster: "prod", Operation: "drain", State: store.StateRunning, Total: 3}
	has := func() int {
		html := viewstest.Render(t, "en", batches.Page(viewstest.Frame(), v))
		return viewstest.Document(t, html).Find("#tell[hidden]").Length()
	}
	require.Equal(t, 1, has())
	v.Mine = false
	require.Zero(t, has())
	v.Mine, v.Batch.State = true, store.StateSucceeded
	require.Zero(t, has())
}
