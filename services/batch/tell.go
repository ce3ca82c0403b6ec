package batch

import (
	"errors"
	"fmt"

	"kube-node-manager/services/change"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/store"
)

// Reasons of conditions: categories, as Kubernetes wants them. The first two are those of
// its own proposal.
const (
	reasonRequested   = "AdminRequested"
	reasonDrained     = "DrainCompleted"
	reasonFailed      = "DrainFailed"
	reasonInterrupted = "DrainInterrupted"
	reasonCancelled   = "DrainCancelled"
	reasonOver        = "MaintenanceCompleted"
)

// noticeOf returns what a batch has its nodes say.
func noticeOf(b Batch, at kube.Stage, reason, what string) kube.Notice {
	text := fmt.Sprintf("%s, by %s", what, b.By)
	if b.Reason != "" {
		text += ": " + b.Reason
	}
	return kube.Notice{Stage: at, Batch: b.ID, Reason: reason, Text: text}
}

// noticeOfItem returns what the node of an item of a drain is to say: what has become of
// it, as it is stored.
func noticeOfItem(b Batch, it Item) kube.Notice {
	s := noticeOf(b, kube.StagePlanned, reasonInterrupted, "the drain was interrupted")
	switch {
	case b.State == store.StateProposed && !it.State.Ended():
		s = noticeOf(b, kube.StageUnplanned, reasonCancelled, "a drain waits for its approval")
	case b.State == store.StateScheduled && !it.State.Ended():
		s = noticeOf(b, kube.StagePlanned, reasonRequested, "a drain is scheduled")
	case !it.State.Ended():
	case restored(it.After):
		s = noticeOf(b, kube.StageNone, reasonFailed, "the drain has ended, and its cordon was lifted")
	case it.State == store.ItemSucceeded || it.State == store.ItemUnchanged:
		s = noticeOf(b, kube.StageDrained, reasonDrained, "drained")
	case it.State == store.ItemCancelled:
		s = noticeOf(b, kube.StageUnplanned, reasonCancelled, "the drain was cancelled")
	default:
		s = noticeOf(b, kube.StageHalted, reasonFailed, "the drain has failed")
	}
	s.UID = it.UID
	return s
}

// restored reports whether a drain has lifted its cordon again.
func restored(after *change.State) bool {
	return after != nil && after.Unschedulable != nil && !*after.Unschedulable
}

// say has the node of an item say something of its drain.
func (r *run) say(it Item, s kube.Notice) {
	if !r.define.Drains {
		return
	}
	s.UID = it.UID
	r.mu.Lock()
	old, said := r.told[it.Node]
	r.told[it.Node] = s.Stage
	r.mu.Unlock()
	if !said || old != s.Stage {
		r.engine.notices.say(r.batch.Cluster, r.client, it.Node, s)
	}
}

// announce has nodes say that their drain is planned, if no other batch works on them.
func (r *run) announce(items []Item) {
	planned := noticeOf(r.batch, kube.StagePlanned, reasonRequested, "a drain is planned")
	for _, it := range items {
		if r.engine.turns.ahead(r, it.Node) == "" {
			r.say(it, planned)
		}
	}
}

// announceLater has the nodes of a drain that begins later say that it is planned.
func (e *Engine) announceLater(b Batch, plan Preview) {
	if !operation.TraitsOf(b.Operation).Drains {
		return
	}
	for _, n := range plan.Nodes {
		s := noticeOf(b, kube.StagePlanned, reasonRequested, "a drain is scheduled")
		s.UID, s.Holds = n.UID, func() bool { return e.turns.first(b.Cluster, n.Node) == nil }
		e.notices.say(b.Cluster, plan.client, n.Node, s)
	}
}

// tellProgress has a node say that it is being drained.
func (r *run) tellProgress(it Item, p drain.Progress) {
	switch p.Phase {
	case drain.PhaseEvicting, drain.PhaseBlocked, drain.PhaseTerminating, drain.PhaseVerifying,
		drain.PhaseCompleting, drain.PhaseRestarting:
		r.say(it, noticeOf(r.batch, kube.StageDraining, reasonRequested, "being drained"))
	}
}

// tellOver has a node say that its maintenance is over: it takes pods again, or the drain
// that began it was taken back.
func (r *run) tellOver(it Item, result operation.Result) {
	after := result.After.Unschedulable
	uncordoned := after != nil && !*after
	if result.Maintenance == "" || !uncordoned && result.Maintenance != r.batch.UndoOf {
		return
	}
	s := noticeOf(r.batch, kube.StageNone, reasonOver, r.batch.Operation)
	s.UID = result.UID
	r.mu.Lock()
	r.told[it.Node] = s.Stage
	r.mu.Unlock()
	r.engine.notices.say(r.batch.Cluster, r.client, it.Node, s)
}

// tellRest has the nodes of a drain that were not begun say what its end means for them.
func (r *run) tellRest(items []Item) {
	cause := r.pace.stopped()
	if leavesRest(cause) {
		return // it is still planned; what was begun has said that it is interrupted
	}
	s := noticeOf(r.batch, kube.StageHalted, reasonFailed, "not drained: the batch has ended")
	if errors.Is(cause, errCancelled) {
		s = noticeOf(r.batch, kube.StageUnplanned, reasonCancelled, "the drain was cancelled")
	}
	for _, it := range items {
		r.mu.Lock()
		at, said := r.told[it.Node]
		r.mu.Unlock()
		if said && (at == kube.StagePlanned || at == kube.StageDraining) {
			r.say(it, s)
		}
	}
}

// settle waits until the nodes say what has become of them, but not for a cluster that
// takes no more of it: then the rest follows later.
func (r *run) settle() {
	nodes := r.toldNodes()
	r.changed() // it says what it waits for
	idle := noticeIdle
	if errors.Is(r.pace.stopped(), errShutdown) {
		idle = noticeStopped
	}
	left := r.engine.notices.settle(r.batch.Cluster, nodes, idle)
	if left == 0 {
		return
	}
	r.log.Warn("The conditions of nodes are not set yet", "nodes", left)
	r.engine.notices.later(func() {
		r.engine.notices.settle(r.batch.Cluster, nodes, convergeLimit)
		r.engine.refresh(r.batch.Cluster)
	})
}

// toldNodes returns the nodes that say something because of this run.
func (r *run) toldNodes() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	nodes := make(map[string]bool, len(r.told))
	for name := range r.told {
		nodes[name] = true
	}
	return nodes
}
