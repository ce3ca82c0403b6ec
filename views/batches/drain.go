package batches

import (
	"context"
	"slices"
	"strings"
	"time"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// How much of a drain at work is shown. The dock shows the first of it: see
// app.css.
const (
	dockNodesShown = 4
	queueShown     = 10
	blocksShown    = 20
)

// draining reports whether a batch is a drain at work.
func draining(v batch.View) bool { return v.Drain != nil && !v.State.Ended() }

// panelKind and panelWord are the state of a batch; a pause is a state of its
// own for who looks at it.
func panelKind(v batch.View) string {
	if paused(v) {
		return "pause"
	}
	return stateKind(v.State)
}

func panelWord(ctx context.Context, v batch.View) string {
	if paused(v) {
		return ui.T(ctx, "state_paused")
	}
	return stateWord(ctx, v.State)
}

func paused(v batch.View) bool { return v.Paused && v.State == store.StateRunning }

// viewTime is when the view was made.
func viewTime(v batch.View) time.Time {
	if v.StartedAt == nil {
		return v.CreatedAt
	}
	return v.StartedAt.Add(v.Elapsed)
}

// drainTally gives the numbers of a drain at work: its pods, and then its nodes.
func drainTally(v batch.View) []ui.Count {
	d, c := v.Drain, v.Counts
	out := []ui.Count{
		{ID: "draining_evicted", Count: d.Evicted, Class: "ok"},
		{ID: "draining_terminating", Count: d.Terminating},
		{ID: "draining_blocked", Count: d.Blocked, Class: "warn"},
		{ID: "draining_left", Count: d.Left},
	}
	if c.Failed > 0 {
		out = append(out, ui.Count{ID: "count_failed", Count: c.Failed, Class: "bad"})
	}
	for i := range out {
		if out[i].Count == 0 {
			out[i].Class = "none"
		}
	}
	return out
}

// fewNodes is up to how many nodes every single one that ends is news.
const fewNodes = 50

// endedNodes is how many nodes of a small drain have ended: at each the page of
// the batch loads its nodes again. Of a larger one the milestones have to do.
func endedNodes(v batch.View) int {
	if v.Drain == nil || v.Total > fewNodes {
		return 0
	}
	return batch.Done(v.Counts)
}

// drainParts continue the bar with the nodes at work, each by the share of its
// pods that have left, and by the share that waits for a budget.
func drainParts(v batch.View) []barPart {
	if v.Total == 0 || !draining(v) {
		return nil
	}
	gone, stuck := 0, 0
	for _, n := range v.Drain.Nodes {
		if all := n.Evicted + n.Left; all > 0 {
			gone += n.Evicted * 1000 / all
			stuck += n.Blocked * 1000 / all
		}
	}
	x := batch.Done(v.Counts) * 1000 / v.Total
	var out []barPart
	for _, p := range []barPart{{Class: "f-accent half", Width: gone / v.Total}, {Class: "f-warn", Width: stuck / v.Total}} {
		if p.Width > 0 {
			out = append(out, barPart{p.Class, x, p.Width})
			x += p.Width
		}
	}
	return out
}

// workingNodes gives the nodes that the panel lists: those at work, and of those
// that wait their turn the first, as long as the list is short.
func workingNodes(v batch.View) (shown []batch.DrainNode, rest int) {
	for _, n := range v.Drain.Nodes {
		if n.Phase != drain.PhaseQueued || len(shown) < queueShown {
			shown = append(shown, n)
		}
	}
	return shown, max(0, v.Total-batch.Done(v.Counts)-len(shown))
}

// heldUp gives how many nodes cannot begin because every one at work waits for
// a budget.
func heldUp(v batch.View) int {
	working := 0
	for _, n := range v.Drain.Nodes {
		switch nodePhase(n) {
		case drain.PhaseQueued:
		case drain.PhaseBlocked:
			working++
		default:
			return 0
		}
	}
	return max(0, v.Total-batch.Done(v.Counts)-working)
}

// blocked is a pod that waits for its budget, with its node.
type blocked struct {
	drain.Block
	Node string
}

// blockedPods gives the pods that wait, the longest wait first.
func blockedPods(d *batch.Drain) []blocked {
	var out []blocked
	for _, n := range d.Nodes {
		for _, b := range n.Blocks {
			out = append(out, blocked{b, n.Node})
		}
	}
	slices.SortStableFunc(out, func(a, b blocked) int { return a.Since.Compare(b.Since) })
	return out
}

// waitingFor says what a drain waits for when it is no budget.
func waitingFor(ctx context.Context, v batch.View) string {
	d := v.Drain
	switch {
	case v.CancelRequested:
		return ui.T(ctx, "draining_now_cancelled")
	case d.Left > 0 && d.Terminating == d.Left:
		return ui.N(ctx, "draining_now_terminating", d.Left)
	case d.Left > 0:
		return ui.N(ctx, "draining_now_evicting", d.Left)
	default:
		return idleWord(ctx, v)
	}
}

func phaseWord(ctx context.Context, phase string) string { return ui.T(ctx, "phase_"+phase) }

// phaseKind gives the mark of what a node is doing.
func phaseKind(phase string) string {
	switch phase {
	case drain.PhaseBlocked:
		return "warn"
	case drain.PhaseQueued:
		return "idle"
	case drain.PhaseTerminating:
		return "ending"
	default:
		return "run"
	}
}

// nodePhase is what a node is doing; one that evicts and is held up as well says
// so.
func nodePhase(n batch.DrainNode) string {
	if n.Blocked > 0 && n.Phase == drain.PhaseTerminating {
		return drain.PhaseBlocked
	}
	return n.Phase
}

// aroundTime cuts a sentence at its time, which has an element of its own.
func aroundTime(sentence string) (before, after string) {
	before, after, _ = strings.Cut(sentence, "#")
	return before, after
}

// podsLeft gives how many pods have to go from a node; before its cordon nobody
// has looked.
func podsLeft(n batch.DrainNode) string {
	if n.Left == 0 && n.Phase == drain.PhaseCordoning {
		return ui.Unknown
	}
	return ui.Number(n.Left)
}
