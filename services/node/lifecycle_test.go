package node

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube"
)

func TestSays(t *testing.T) {
	const planned, drained, busy = "MaintenancePlanned", "Drained", "MaintenanceInProgress"
	ours := func(types ...string) (out []Lifecycle) {
		for _, kind := range types {
			out = append(out, Lifecycle{Type: kind, Batch: "b1"})
		}
		return out
	}
	cordoned := func(says []Lifecycle) *Node { return &Node{Unschedulable: true, Lifecycle: says} }
	for name, test := range map[string]struct {
		node *Node
		at   kube.Stage
		want bool
	}{
		"drained":            {cordoned(ours(drained, busy)), kube.StageDrained, true},
		"half of it":         {cordoned(ours(drained)), kube.StageDrained, false},
		"still draining":     {cordoned(ours(planned, "DrainInProgress")), kube.StageHalted, false},
		"failed":             {cordoned(ours(planned)), kube.StageHalted, true},
		"uncordoned":         {&Node{Lifecycle: ours(drained, busy)}, kube.StageDrained, false},
		"nothing":            {&Node{}, kube.StageNone, true},
		"planned, drained":   {cordoned(ours(drained, busy)), kube.StagePlanned, true},
		"of others":          {&Node{Lifecycle: []Lifecycle{{Type: planned}}}, kube.StageNone, true},
		"of others, and not": {cordoned([]Lifecycle{{Type: planned}}), kube.StageDrained, false},
	} {
		require.Equal(t, test.want, test.node.Says(test.at), name)
	}
}
