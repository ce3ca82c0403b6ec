package batch

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
)

const (
	maxTries  = 6
	firstWait = 300 * time.Millisecond // the longest wait after the first try; it doubles
	longWait  = 7 * time.Second
)

// work runs one item to its end. The caller has taken a place in the limiter.
func (r *run) work(it Item) {
	r.ledger.begin(it)
	r.changed()
	span := r.traceItem(it)
	defer func() { endItemTrace(span, it) }()
	result, err := r.try(span.In(r.pace.calls), &it)
	if err != nil && leavesRest(r.pace.stopped()) && r.isCutShort(err) {
		return // it stays marked as running; the next process takes it up
	}
	now := r.engine.now()
	it.EndedAt = &now
	if err != nil {
		r.fail(&it, err)
	} else {
		succeed(&it, result)
		r.tellOver(it, result)
	}
	if it.State == store.ItemFailed {
		r.lose()
	}
	r.reportEnd(it)
	r.ledger.end(it)
}

// isCutShort reports whether a run that ends is why a node has failed: its call was called off,
// or would have been made again.
func (r *run) isCutShort(err error) bool {
	return r.pace.calls.Err() != nil || kube.FaultOf(err).Retry
}

// try applies the operation until it works or trying again makes no sense. The
// item keeps how often it was tried and whether its outcome is unknown.
func (r *run) try(calls context.Context, it *Item) (operation.Result, error) {
	target := targetOf(*it)
	target.Old = r.ledger.hadToWait(it.Seq)
	if !target.Old {
		target.Seen = r.planned.Find(it.Node)
	}
	wait := kube.NewBackoff(firstWait, longWait)
	for tries := 1; ; tries++ {
		target.Again = it.Attempts > 0
		if target.Again {
			target.Seen = nil
		}
		it.Attempts++
		result, fault, err := r.call(calls, target)
		if err == nil {
			it.Unknown = false
			if result.Converges != "" {
				r.behind.Note(it.Node, result.Converges)
			}
			return result, nil
		}
		if fault.Unknown {
			it.Unknown = true
			r.behind.Note(it.Node, "") // what became of it has to be read
		}
		if fault.Away && r.awaitServer(err) {
			tries, wait = 0, kube.NewBackoff(firstWait, longWait)
		}
		if !fault.Retry || tries == maxTries || !r.mayTryAgain(max(fault.After, wait.Step())) {
			return operation.Result{}, err
		}
	}
}

// call calls the operation once, with the place in the limiter that was taken for
// it.
func (r *run) call(calls context.Context, t operation.Target) (operation.Result, kube.Fault, error) {
	began := time.Now()
	result, err := r.apply(calls, t)
	fault := kube.FaultOf(err)
	r.client.Limiter().Release(time.Since(began), fault)
	return result, fault, err
}

// mayTryAgain waits before the next try, and then for a place in the limiter. It
// reports whether there is to be another.
func (r *run) mayTryAgain(wait time.Duration) bool {
	return kube.Sleep(r.pace.take, wait) == nil && r.client.Limiter().Acquire(r.pace.take) == nil
}

// apply calls the operation and turns its panic into an error of this item.
func (r *run) apply(calls context.Context, t operation.Target) (result operation.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("Operation panicked", "node", t.Node, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("operation panicked: %v", p)
		}
	}()
	return r.op.Apply(calls, r.client, t)
}

func targetOf(it Item) operation.Target {
	t := operation.Target{Node: it.Node, UID: it.UID}
	if it.UID != "" {
		t.Plan = operation.Plan{Before: stateOf(it.Before), After: stateOf(it.After)}
	}
	return t
}

func succeed(it *Item, result operation.Result) {
	it.State = store.ItemSucceeded
	if !result.Changed && it.Attempts == 1 {
		it.State = store.ItemUnchanged // it was so before we came
	}
	it.UID, it.Before, it.After = result.UID, &result.Before, &result.After
}

// fail notes why an item did not work out.
func (r *run) fail(it *Item, err error) {
	e := services.AsError(err)
	it.ErrorCode, it.Error, it.State = string(e.Code), &store.Text{ID: e.Text, Args: e.Args}, store.ItemFailed
	if _, aside := errors.AsType[*operation.SkipError](err); aside {
		it.State = store.ItemSkipped
	}
	if errors.Is(r.pace.stopped(), errCancelled) && r.isCutShort(err) {
		it.State = store.ItemCancelled // it was not refused: it was cut short
	}
	if !it.Unknown {
		it.After = nil // what was planned has not happened
	}
	if e.Code == services.CodeInternal {
		it.Unknown = true
		r.log.Error("Item failed", "node", it.Node, "error", err)
	} else {
		r.log.Debug("Item failed", "node", it.Node, "error", err)
	}
	if e.Code == services.CodeForbidden {
		r.refuse(e)
	}
}

// refuse ends a batch that the cluster will refuse on every node: what one node
// needs and our account may not do, the others need too.
func (r *run) refuse(e *services.Error) {
	r.mu.Lock()
	if r.refused == nil {
		r.refused = e
	}
	r.mu.Unlock()
	r.pace.stop(e)
}
