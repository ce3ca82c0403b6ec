package batches_test

import (
	"maps"
	"testing"

	"github.com/a-h/templ"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/viewstest"
)

func labelBatch() batches.PageView {
	v := viewstest.BatchPage(store.StateSucceeded)
	v.Batch.Operation = "label"
	v.Items = []batch.Item{
		{
			Node: "a", State: store.ItemSucceeded, StartedAt: &viewstest.Noon, EndedAt: &viewstest.Noon,
			Before: viewstest.State(`{"labels":{"tier":null,"env":"dev","old":"1","same":"x"}}`),
			After:  viewstest.State(`{"labels":{"tier":"","env":"prod","old":null,"same":"x"},"recomputed":true}`),
		},
		{
			Node: "b", State: store.ItemSucceeded,
			Before: viewstest.State(`{"taints":{"gpu:NoSchedule":{"key":"gpu","value":"a","effect":"NoSchedule"}}}`),
			After:  viewstest.State(`{"taints":{"gpu:NoSchedule":null}}`),
		},
		{
			Node: "c", State: store.ItemFailed, Before: viewstest.State(`{"labels":{"tier":null}}`),
			After: viewstest.State(`{"labels":{"tier":"gold"}}`),
		},
	}
	return v
}

func forced(v batches.PageView) batches.PageView {
	v.Batch.MayForce = true
	return v
}

func drainedPage() batches.PageView {
	v := viewstest.BatchPage(store.StateRunning)
	v.Batch = viewstest.Draining()
	for i := range v.Items {
		v.Items[i].Before = viewstest.State(`{"unschedulable":false}`)
		v.Items[i].After = viewstest.State(`{"unschedulable":true,"evictedPods":12,"skippedPods":3}`)
	}
	return v
}

// batchPages are the pages of a batch in every state.
func batchPages() map[string]templ.Component {
	out := map[string]templ.Component{
		"drain, running":   batches.Page(viewstest.Frame(), forced(drainedPage())),
		"batch of labels":  batches.Page(viewstest.Frame(), labelBatch()),
		"batch, scheduled": batches.Page(viewstest.Frame(), batches.PageView{Batch: scheduled(), Now: viewstest.Noon}),
	}
	for _, s := range []store.State{
		store.StateRunning, store.StateSucceeded, store.StatePartial, store.StateFailed, store.StateCancelled,
		store.StateInterrupted,
	} {
		out["batch "+string(s)] = batches.Page(viewstest.Docked(viewstest.Batch(store.StateRunning)), viewstest.BatchPage(s))
	}
	maps.Copy(out, historyPages())
	maps.Copy(out, groupPages())
	maps.Copy(out, controlPages())
	return out
}

func TestPages_areSound(t *testing.T) { viewstest.RequirePages(t, batchPages()) }

func TestFragments_areSound(t *testing.T) {
	viewstest.RequireFragments(t, map[string]templ.Component{
		"drain panel":  batches.Panel(viewstest.Draining()),
		"drain answer": batches.Answer(viewstest.Draining()),
		"drain items":  batches.Items(drainedPage()),
		"batch items":  batches.Items(viewstest.BatchPage(store.StateRunning)),
		"no items":     batches.Items(batches.PageView{}),
		"batch panel":  batches.Panel(viewstest.Batch(store.StateRunning)),
		"batch answer": batches.Answer(viewstest.Batch(store.StateRunning)),
	})
}
