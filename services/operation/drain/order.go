package drain

import (
	"math"
	"time"
)

// firstOrder returns the lowest order of the pods that have to go: only they may go now.
func (n *nodeState) firstOrder() int {
	first := math.MaxInt
	for _, p := range n.pods {
		first = min(first, p.Order)
	}
	return first
}

// later reports whether a pod waits until those of the lowest order are gone.
func (p *podState) later(first int) bool {
	return p.Order > first && (p.phase == podTodo || p.phase == podBlocked || p.phase == podRestarting)
}

// stuck reports whether only pods are left that can never go, and those that wait for
// others: nothing will get better.
func (n *nodeState) stuck() bool {
	first := n.firstOrder()
	for _, p := range n.pods {
		if p.phase != podStuck && p.phase != podCompleting && !p.later(first) {
			return false
		}
	}
	return true
}

// waitedEnough reports whether a pod was waited for as long as the cluster's rules say.
func (d *conductor) waitedEnough(n *nodeState, j Judged) bool {
	if j.Verdict != WaitCompleted || j.AtMost == 0 || n.startedAt.IsZero() {
		return false
	}
	end := n.startedAt.Add(j.atMost())
	over := !d.now.Before(end)
	if !over {
		d.due(end)
	}
	return over
}

func (j Judged) atMost() time.Duration { return time.Duration(j.AtMost) * time.Second }

// Completion is a pod that is waited for until it has completed.
type Completion struct {
	Pod   string    `json:"pod"` // "namespace/name"
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"` // it is evicted then
}

func (n *nodeState) completion(p *podState) Completion {
	c := Completion{Pod: p.key(), Since: p.waiting}
	if p.AtMost > 0 && !n.startedAt.IsZero() {
		c.Until = n.startedAt.Add(p.atMost())
	}
	return c
}
