package viewstest

import (
	"encoding/json"
	"fmt"
	"time"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/change"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/store"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/ui"
)

// Draining is a drain of five nodes that waits for a budget.
func Draining() batches.View {
	began := Noon.Add(-4*time.Minute - 12*time.Second)
	v := Batch(store.StateRunning)
	v.Operation, v.Total, v.Counts, v.Failed = "drain", 5, batch.Counts{
		Succeeded: 2, Failed: 1, Running: 1, Waiting: 1,
	}, nil
	v.StartedAt, v.Elapsed, v.Rate, v.Remaining = &began, Noon.Sub(began), 0, 0
	wait := drain.Block{
		Pod: "checkout/cart-1", UID: "uid-1", Budget: "checkout/cart-pdb", Healthy: 2, Needed: 2,
		Since: Noon.Add(-160 * time.Second), Next: Noon.Add(9 * time.Second),
	}
	later, two := wait, wait
	later.Pod, later.UID, later.Since = "checkout/cart-2", "uid-2", Noon.Add(-time.Minute)
	two.Pod, two.UID, two.Budget = "odd/one", "uid-3", ""
	two.Message, two.Since = "the API server said no", Noon.Add(-time.Second)
	v.Drain = &batch.Drain{Left: 16, Evicted: 91, Terminating: 13, Blocked: 3, Nodes: []batch.DrainNode{
		{
			Node: "ip-10-0-4-29.prod",
			Progress: drain.Progress{
				Phase: drain.PhaseEvicting, Left: 14, Evicted: 14, Terminating: 12, Blocked: 2, Blocks: []drain.Block{later, two},
			},
		},
		{
			Node: "ip-10-0-3-26.prod",
			Progress: drain.Progress{
				Phase: drain.PhaseBlocked, Left: 2, Evicted: 6, Terminating: 1, Blocked: 1, Blocks: []drain.Block{wait},
			},
		},
	}}
	for i, phase := range []string{
		drain.PhaseCordoning, drain.PhaseQueued, drain.PhaseTerminating, drain.PhaseVerifying, drain.PhaseRestoring,
		drain.PhaseHeld,
	} {
		v.Drain.Nodes = append(v.Drain.Nodes, batch.DrainNode{
			Node: fmt.Sprintf("n-%d", i), Progress: drain.Progress{Phase: phase},
		})
	}
	v.Leases = []batch.LeaseWait{
		{Node: "n-5", Holder: "node-maintenance", Until: Noon.Add(40 * time.Minute), Since: Noon.Add(-3 * time.Minute)},
		{Node: "n-6", Until: Noon.Add(time.Minute), Since: Noon},
	}
	return v
}

// itemErrors are more reasons than a page has room for.
func itemErrors() []batch.ItemErrors {
	groups := []batch.ItemErrors{
		{State: store.ItemFailed, Error: store.Text{ID: "error_node_replaced"}, Count: 1200, Nodes: []string{"a<b", "c.x"}},
		{State: store.ItemSkipped, Error: store.Text{ID: "no such text"}, Count: 1, Nodes: []string{"d"}},
	}
	for i := len(groups); i <= batch.ErrorsShown; i++ {
		groups = append(groups, batch.ItemErrors{
			State: store.ItemFailed, Error: store.Text{ID: fmt.Sprint("odd ", i)}, Count: 1, Nodes: []string{"e"},
		})
	}
	return groups
}

func Batch(state store.State) batches.View {
	v := batch.View{
		Batch: batch.Batch{
			ID: "b1", Cluster: OddCluster, Operation: "cordon", By: "oncall", Reason: "kernel", State: state, CreatedAt: Noon,
			Total: 240, RetryOf: "b0", UndoOf: "b-1",
		},
		Counts:  batch.Counts{Succeeded: 152, Unchanged: 12, Failed: 3, Running: 16, Pending: 57},
		Running: []string{"n1", "n2"}, Rate: 41.2, Remaining: 3 * time.Second, Elapsed: 4 * time.Second,
		Failed: []batch.Item{
			{Node: "n3.x", State: store.ItemFailed, Error: &store.Text{ID: "problem_unknown"}},
			{Node: "n4.x", State: store.ItemFailed, Error: &store.Text{ID: "problem_unknown"}, Unknown: true},
		},
	}
	switch {
	case state == store.StateSucceeded:
		v.Counts, v.Failed = batch.Counts{Succeeded: 228, Unchanged: 12}, nil
	case state.Ended():
		v.Counts = batch.Counts{Succeeded: 140, Failed: 3, Cancelled: 97}
		v.EndedAt = &Noon
	}
	return batches.View{View: v, MayControl: true, More: 2, IdempotencyKey: "key-2"}
}

// State returns the state that is stored as this JSON.
func State(stored string) *change.State {
	s := &change.State{}
	if err := json.Unmarshal([]byte(stored), s); err != nil {
		panic(err)
	}
	return s
}

func BatchPage(state store.State) batches.PageView {
	v := batches.PageView{Batch: Batch(state), Now: Noon}
	v.Query.Page, v.Pages, v.Match, v.Counts, v.Errors = 1, 1, 8, v.Batch.Counts, itemErrors()
	for _, s := range []store.ItemState{
		store.ItemPending, store.ItemRunning, store.ItemWaiting, store.ItemSucceeded, store.ItemUnchanged, store.ItemFailed,
		store.ItemSkipped, store.ItemCancelled,
	} {
		v.Items = append(v.Items, batch.Item{
			Node: string(s) + ".x", State: s, Attempts: 1, StartedAt: &Noon, EndedAt: &Noon,
			Before: State(`{"unschedulable":false,"pod":"a","annotations":{"k/reason":null}}`),
			After:  State(`{"unschedulable":true,"pod":"b","annotations":{"k/reason":"why"}}`),
		})
	}
	return v
}

// Docked is a frame with a batch in its dock.
func Docked(v batches.View) ui.Frame {
	f := Frame()
	f.Dock = batches.Dock(v)
	return f
}
