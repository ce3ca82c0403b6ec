package batch

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/operation/drain"
)

// A drain that the cluster refuses gives nodes up while they are at work or wait. At its
// end they count as what their rows say.
func TestLedger_replace(t *testing.T) {
	l := newLedger(func([]Item) bool { return true }, func([]Item) {})
	l.open(Counts{Pending: 4}, nil)
	l.progress(Item{Seq: 0, Node: "a"}, drain.Progress{Phase: drain.PhaseEvicting})
	l.progress(Item{Seq: 1, Node: "b"}, drain.Progress{Phase: drain.PhaseQueued})
	l.split([]Item{{Seq: 2, Node: "c"}}, func(string) string { return "other" })
	ended := Counts{Failed: 1, Skipped: 3}
	l.replace(ended)
	v := View{Counts: l.sum()}
	l.fill(&v, true)
	require.Equal(t, ended, v.Counts)
	require.Empty(t, v.Running)
	require.Empty(t, v.WaitsFor)
}
