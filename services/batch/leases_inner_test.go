package batch

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/operation/drain"
)

// A node is only shown as held together with its holder: what the drain says is a moment older
// than the leases.
func TestLeases_correct(t *testing.T) {
	l := &leases{waits: map[string]LeaseWait{"a": {Node: "a", Holder: "node-maintenance"}}}
	nodes := []DrainNode{
		{Node: "a", Progress: drain.Progress{Phase: drain.PhaseHeld}},
		{Node: "b", Progress: drain.Progress{Phase: drain.PhaseHeld}},
		{Node: "c", Progress: drain.Progress{Phase: drain.PhaseQueued}},
	}
	l.correct(nodes)
	require.Equal(t, []string{drain.PhaseHeld, drain.PhaseCordoning, drain.PhaseQueued},
		[]string{nodes[0].Phase, nodes[1].Phase, nodes[2].Phase})
}
