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

// How much of a running drain is shown. The dock shows less: see app.css.
const (
	dockNodesShown = 4  // nodes in the dock
	queueShown     = 10 // of the nodes that have not begun
	blocksShown    = 20 // pods that wait
)

// draining reports whether a batch is a drain that has not ended.
func draining(v batch.View) bool { return v.Drain != nil && !v.State.Ended() }

// panelKind returns the mark of a batch's state, where a pause is a state as well.
func panelKind(v batch.View) string {
	if paused(v) {
		return "pause"
	}
	return stateKind(v.State)
}

// panelWord returns the state that panelKind marks.
func panelWord(ctx context.Context, v batch.View) string {
	if paused(v) {
		return ui.T(ctx, "state_paused")
	}
	return stateWord(ctx, v.State)
}

func paused(v batch.View) bool { return v.Paused && v.State == store.StateRunning }

// viewTime returns the time of the view.
func viewTime(v batch.View) time.Time {
	if v.StartedAt == nil {
		return v.CreatedAt
	}
	return v.StartedAt.Add(v.Elapsed)
}

// drainTally returns the counts of a running drain: its pods, and failed nodes.
func drainTally(v batch.View) []ui.Count {
	d, c := v.Drain, v.Counts
	out := []ui.Count{
		{ID: "draining_evicted", Count: d.Evicted, Class: "ok"},
		{ID: "draining_terminating", Count: d.Terminating},
		{ID: "draining_blocked", Count: d.Blocked, Class: "warn"},
		{ID: "draining_left", Count: d.Left},
	}
	if d.Completing > 0 {
		out = slices.Insert(out, 3, ui.Count{ID: "draining_completing", Count: d.Completing, Class: "warn"})
	}
	if d.Restarting > 0 {
		out = slices.Insert(out, 3, ui.Count{ID: "draining_restarting", Count: d.Restarting})
	}
	if c.Failed > 0 {
		out = append(out, ui.Count{ID: "count_failed", Count: c.Failed, Class: "bad"})
	}
	return dimmed(out)
}

// fewNodes is the number of nodes up to which the page is told of each that ends.
const fewNodes = 50

// endedNodes returns how many nodes of a small drain have ended; whenever it changes,
// the page of the batch reloads its nodes. For a large drain it is 0, and the page
// reloads them at milestones only.
func endedNodes(v batch.View) int {
	if v.Drain == nil || v.Total > fewNodes {
		return 0
	}
	return batch.Done(v.Counts)
}

// drainParts returns the parts of the bar for the nodes being drained: the share of
// their pods that are gone, and the share that waits for a budget.
func drainParts(v batch.View) []barPart {
	if v.Total == 0 || !draining(v) {
		return nil
	}
	gone, stuck := 0, 0
	for _, n := range v.Drain.Nodes {
		all := n.Evicted + n.Left
		if all > 0 {
			gone += n.Evicted * 1000 / all
			stuck += n.Blocked * 1000 / all
		}
	}
	x := batch.Done(v.Counts) * 1000 / v.Total
	var out []barPart
	for _, p := range []barPart{
		{Class: "f-accent half", Width: gone / v.Total},
		{Class: "f-warn", Width: stuck / v.Total},
	} {
		if p.Width > 0 {
			out = append(out, barPart{p.Class, x, p.Width})
			x += p.Width
		}
	}
	return out
}

// workingNodes returns the nodes that the panel lists, and how many it leaves out:
// all that have begun, and those that have not while the list is short.
func workingNodes(v batch.View) (shown []batch.DrainNode, rest int) {
	for _, n := range v.Drain.Nodes {
		if n.Phase != drain.PhaseQueued || len(shown) < queueShown {
			shown = append(shown, n)
		}
	}
	return shown, max(0, v.Total-batch.Done(v.Counts)-len(shown))
}

// heldUp returns how many nodes cannot begin because all nodes being drained wait
// for a budget.
func heldUp(v batch.View) int {
	working := 0
	for _, n := range v.Drain.Nodes {
		switch nodePhase(n) {
		case drain.PhaseQueued, drain.PhaseHeld:
		case drain.PhaseBlocked, drain.PhaseCompleting:
			working++
		default:
			return 0
		}
	}
	return max(0, v.Total-batch.Done(v.Counts)-working)
}

// blocked is a pod that cannot be evicted yet, with its node.
type blocked struct {
	drain.Block
	Node string
}

// blockedPods returns the pods that wait, the longest wait first.
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

// waitingFor says what a drain waits for when no pod is blocked.
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

// phaseKind returns the mark of a node's phase.
func phaseKind(phase string) string {
	switch phase {
	case drain.PhaseBlocked:
		return "warn"
	case drain.PhaseCompleting, drain.PhaseHeld:
		return "hold"
	case drain.PhaseQueued:
		return "idle"
	case drain.PhaseTerminating:
		return "ending"
	default:
		return "run"
	}
}

// nodePhase returns the phase of a node, which is blocked if one of its pods is and
// the others are only terminating.
func nodePhase(n batch.DrainNode) string {
	if n.Blocked > 0 && n.Phase == drain.PhaseTerminating {
		return drain.PhaseBlocked
	}
	return n.Phase
}

// aroundTime returns the parts of a sentence before and after its time, "#".
func aroundTime(sentence string) (before, after string) {
	before, after, _ = strings.Cut(sentence, "#")
	return before, after
}

// podsLeft returns how many pods a node still has; it is not known before the node
// is cordoned.
func podsLeft(n batch.DrainNode) string {
	if n.Left == 0 && (n.Phase == drain.PhaseCordoning || n.Phase == drain.PhaseHeld) {
		return ui.Unknown
	}
	return ui.Number(n.Left)
}
