package batches

import (
	"slices"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation/drain"
)

// completing is a pod that is waited for until it has completed, with its node.
type completing struct {
	drain.Completion
	Node string
}

// completingPods returns the pods that are waited for, the longest wait first.
func completingPods(d *batch.Drain) []completing {
	var out []completing
	for _, n := range d.Nodes {
		for _, c := range n.Waits {
			out = append(out, completing{c, n.Node})
		}
	}
	slices.SortStableFunc(out, func(a, b completing) int { return a.Since.Compare(b.Since) })
	return out
}

// completingOnly reports whether every node that is being drained waits for pods to
// complete, and for nothing else.
func completingOnly(d *batch.Drain) bool {
	return !slices.ContainsFunc(d.Nodes, func(n batch.DrainNode) bool {
		return n.Phase != drain.PhaseCompleting && n.Phase != drain.PhaseQueued
	})
}
