package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
)

const (
	maxTries  = 6
	firstWait = 200 * time.Millisecond // between two tries; it doubles
	longWait  = 5 * time.Second
)

// work runs one item to its end. The caller has taken a place in the limiter.
func (r *run) work(it Item) {
	r.begin(it)
	result, err := r.try(&it)
	if err != nil && errors.Is(context.Cause(r.take), errShutdown) && r.calls.Err() != nil {
		return // it stays marked as running; the next process takes it up
	}
	now := r.engine.now()
	it.EndedAt = &now
	if err != nil {
		r.fail(&it, err)
	} else {
		succeed(&it, result)
	}
	if it.State == store.ItemFailed {
		r.lose()
	}
	r.ended <- it
}

func (r *run) begin(it Item) {
	r.mu.Lock()
	r.active[it.Seq] = it.Node
	r.mu.Unlock()
	r.engine.watcher.BatchChanged(r.batch.Cluster, r.batch.ID)
}

// try applies the operation until it works or trying again makes no sense. The
// item keeps how often it was tried and whether its outcome is unknown.
func (r *run) try(it *Item) (operation.Result, error) {
	target, err := targetOf(*it)
	if err != nil {
		r.client.Limiter().Release(0, kube.Fault{})
		return operation.Result{}, err
	}
	if target.Old = r.hadToWait(it.Seq); !target.Old {
		target.Seen = r.planned.Find(it.Node)
	}
	for tries := 1; ; tries++ {
		if target.Again = it.Attempts > 0; target.Again {
			target.Seen = nil
		}
		it.Attempts++
		began := time.Now()
		result, err := r.apply(target)
		fault := kube.FaultOf(err)
		r.client.Limiter().Release(time.Since(began), fault)
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
		if !fault.Retry || tries == maxTries || !r.pause(tries, fault.After) {
			return operation.Result{}, err
		}
		if r.client.Limiter().Acquire(r.take) != nil {
			return operation.Result{}, err
		}
	}
}

// hadToWait reports whether another batch had the item's node first.
func (r *run) hadToWait(seq int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waited[seq]
}

// apply calls the operation and turns its panic into an error of this item.
func (r *run) apply(t operation.Target) (result operation.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("Operation panicked", "node", t.Node, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("operation panicked: %v", p)
		}
	}()
	return r.op.Apply(r.calls, r.client, t)
}

// pause waits before the next try: as long as the server asks for, and longer
// with every try. It reports whether there is to be one.
func (r *run) pause(tries int, atLeast time.Duration) bool {
	wait := min(longWait, firstWait<<(tries-1))
	wait = max(atLeast, wait/2+rand.N(wait)) // spread, so that refused calls do not come back together
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.take.Done():
		return false
	}
}

func targetOf(it Item) (operation.Target, error) {
	t := operation.Target{Node: it.Node, UID: it.UID}
	if it.UID == "" {
		return t, nil
	}
	if err := json.Unmarshal(it.Before, &t.Plan.Before); err != nil {
		return t, fmt.Errorf("decode what the item was before: %w", err)
	}
	if err := json.Unmarshal(it.After, &t.Plan.After); err != nil {
		return t, fmt.Errorf("decode what the item is to be: %w", err)
	}
	t.Plan.Changes = string(it.Before) != string(it.After)
	return t, nil
}

func succeed(it *Item, result operation.Result) {
	it.State = store.ItemSucceeded
	if !result.Changed && it.Attempts == 1 {
		it.State = store.ItemUnchanged // it was so before we came
	}
	it.UID = result.UID
	it.Before, it.After = encode(result.Before, it.Before), encode(result.After, it.After)
}

func encode(s operation.State, otherwise json.RawMessage) json.RawMessage {
	raw, err := json.Marshal(s)
	if err != nil {
		return otherwise
	}
	return raw
}

// fail notes why an item did not work out.
func (r *run) fail(it *Item, err error) {
	e := services.AsError(err)
	it.ErrorCode, it.Error, it.State = string(e.Code), &store.Text{ID: e.Text, Args: e.Args}, store.ItemFailed
	if _, aside := errors.AsType[*operation.SkipError](err); aside {
		it.State = store.ItemSkipped
	}
	if errors.Is(context.Cause(r.take), errCancelled) && (kube.FaultOf(err).Retry || r.calls.Err() != nil) {
		it.State = store.ItemCancelled // it was not refused; it was called off
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
	r.stop(e)
}
