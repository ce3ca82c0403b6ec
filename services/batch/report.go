package batch

import (
	"fmt"
	"strings"

	"kube-node-manager/services/kube"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/store"
)

// Ends of the reasons of events. Before them is the operation: "DrainBlocked".
const (
	eventStarted   = "Started"
	eventBlocked   = "Blocked"
	eventCompleted = "Completed"
	eventFailed    = "Failed"
	eventCancelled = "Cancelled"
)

// report sends an event about the node of an item. Operations that are in nobody's way have
// none.
func (r *run) report(it Item, end, what string) {
	if !disturbs(r.define) {
		return
	}
	text := fmt.Sprintf("%s, by %s", what, r.batch.By)
	if r.batch.Reason != "" {
		text += ": " + r.batch.Reason
	}
	e := kube.Event{
		Node: it.Node, UID: it.UID, Warning: end == eventFailed || end == eventBlocked,
		Reason: camel(r.batch.Operation) + end, Batch: r.batch.ID, Text: text, At: r.engine.now(),
	}
	if r.define.Drains {
		r.engine.events.send(r.batch.Cluster, r.client, e)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late = append(r.late, e)
}

// reportLate sends the events of a batch of short calls, after its work: a thousand nodes
// are cordoned within seconds, and events would take a part of what the API server can do.
func (r *run) reportLate() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.late {
		r.engine.events.send(r.batch.Cluster, r.client, e)
	}
	r.late = nil
}

// camel returns the name of an operation in CamelCase.
func camel(name string) string {
	var out strings.Builder
	for word := range strings.SplitSeq(name, "-") {
		out.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return out.String()
}

// reportOnce is report for what is said once of a node while the run lasts.
func (r *run) reportOnce(it Item, about, end, what string) {
	r.mu.Lock()
	known := r.reported[it.Node+" "+about]
	r.reported[it.Node+" "+about] = true
	r.mu.Unlock()
	if !known {
		r.report(it, end, what)
	}
}

// reportProgress reports that the drain of a node has begun, and each budget and pod that
// it waits for.
func (r *run) reportProgress(it Item, p drain.Progress) {
	switch p.Phase {
	case drain.PhaseEvicting, drain.PhaseTerminating, drain.PhaseBlocked, drain.PhaseCompleting, drain.PhaseVerifying:
		r.reportOnce(it, eventStarted, eventStarted, "being drained")
	}
	for _, b := range p.Blocks {
		about, what := b.Pod, fmt.Sprintf("the drain waits: pod %s cannot be evicted yet: %s", b.Pod, b.Message)
		if b.Budget != "" {
			about, what = b.Budget, fmt.Sprintf(
				"the drain waits for the disruption budget %s of pod %s: %d healthy, %d needed",
				b.Budget, b.Pod, b.Healthy, b.Needed)
		}
		r.reportOnce(it, about, eventBlocked, what)
	}
	for _, w := range p.Waits {
		r.reportOnce(it, w.Pod, eventBlocked, fmt.Sprintf("the drain waits until pod %s has completed", w.Pod))
	}
}

// reportEnd reports what has become of a node.
func (r *run) reportEnd(it Item) {
	name := r.batch.Operation
	switch it.State {
	case store.ItemSucceeded:
		r.report(it, eventCompleted, name+" is done")
	case store.ItemCancelled:
		r.report(it, eventCancelled, name+" was cancelled")
	case store.ItemFailed:
		r.report(it, eventFailed, name+" has failed: "+r.engine.words(it.Error))
	case store.ItemUnchanged:
		if r.define.Drains {
			r.report(it, eventCompleted, name+" is done")
		}
	}
}

// words returns a text in English.
func (e *Engine) words(t *store.Text) string {
	switch {
	case t == nil:
		return "for an unknown reason"
	case e.options.Words == nil:
		return t.ID
	default:
		return e.options.Words(*t)
	}
}
