package batch

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/node"
)

func TestBaseline_needed(t *testing.T) {
	web := node.Workload{Namespace: "ns", Kind: "Deployment", Name: "web"}
	b := baseline{Pending: 2, Workloads: []begun{
		{web, 15, "a"}, {node.Workload{Namespace: "ns", Kind: "Deployment", Name: "later"}, 4, "b"},
	}}
	needed := b.needed(90, func(node string) bool { return node == "a" })
	require.Equal(t, map[node.Workload]int{web: 14}, needed, "rounded up; b has not had its turn")
	require.Empty(t, missing(needed, map[node.Workload]int{web: 14}))
	require.Equal(t, []Finding{{Check: CheckWorkloads, Count: 1, Workloads: []WorkloadHealth{
		{web, 13, 14},
	}}}, missing(needed, map[node.Workload]int{web: 13}))

	more := 1
	require.Empty(t, b.crowded(nil, 100))
	require.Empty(t, b.crowded(&more, 3))
	require.Equal(t, []Finding{{Check: CheckPending, Count: 4, Most: 3}}, b.crowded(&more, 4))
}
