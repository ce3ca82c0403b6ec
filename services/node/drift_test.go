package node

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// poolOfNodes returns n nodes of a pool; change makes some of them different.
func poolOfNodes(pool string, n int, change func(i int, n *Node)) []*Node {
	nodes := make([]*Node, n)
	for i := range nodes {
		nodes[i] = &Node{
			Name: fmt.Sprintf("%s-%d", pool, i), Pool: pool,
			Labels: map[string]string{"kubernetes.io/hostname": fmt.Sprintf("%s-%d", pool, i), "team": "web"},
			Taints: []Taint{{Key: "dedicated", Value: "ml", Effect: "NoSchedule"}},
		}
		change(i, nodes[i])
	}
	return nodes
}

func TestFindDrift(t *testing.T) {
	text := func(s string) *string { return &s }
	odd := func(value *string) []Odd { return []Odd{{"p-0", value}} }
	first := func(change func(n *Node)) func(int, *Node) {
		return func(i int, n *Node) {
			if i == 0 {
				change(n)
			}
		}
	}
	set := func(key, value string) func(int, *Node) {
		return first(func(n *Node) { n.Labels[key] = value })
	}
	for name, tt := range map[string]struct {
		nodes  int
		change func(i int, n *Node)
		want   []Drift
	}{
		"all alike": {5, func(int, *Node) {}, nil},
		"another value": {5, set("team", "data"), []Drift{
			{Pool: "p", Key: "team", Want: text("web"), Agree: 4, Odd: odd(text("data"))},
		}},
		"one is missing": {10, first(func(n *Node) { delete(n.Labels, "team") }), []Drift{
			{Pool: "p", Key: "team", Want: text("web"), Agree: 9, Odd: odd(nil)},
		}},
		"one too many": {5, set("gpu", ""), []Drift{
			{Pool: "p", Key: "gpu", Agree: 4, Odd: odd(text(""))},
		}},
		"a taint is missing": {5, first(func(n *Node) { n.Taints = nil }), []Drift{
			{Pool: "p", Key: "dedicated", Effect: "NoSchedule", Want: text("ml"), Agree: 4, Odd: odd(nil)},
		}},
		"a taint with another effect": {5, first(func(n *Node) { n.Taints[0].Effect = "NoExecute" }), []Drift{
			{Pool: "p", Key: "dedicated", Effect: "NoExecute", Agree: 4, Odd: odd(text("ml"))},
			{Pool: "p", Key: "dedicated", Effect: "NoSchedule", Want: text("ml"), Agree: 4, Odd: odd(nil)},
		}},
		"fewer than four of five": {4, set("team", "data"), nil},
		"several values": {10, func(i int, n *Node) {
			if i < 2 {
				n.Labels["team"] = fmt.Sprint(i)
			}
		}, []Drift{{Pool: "p", Key: "team", Want: text("web"), Agree: 8, Odd: []Odd{
			{"p-0", text("0")}, {"p-1", text("1")},
		}}}},
		"a third differs": {9, func(i int, n *Node) {
			if i%3 == 0 {
				n.Labels["team"] = "data"
			}
		}, nil},
		"another zone":  {5, set("topology.kubernetes.io/zone", "b"), nil},
		"a disk's zone": {5, set("topology.ebs.csi.aws.com/zone", "b"), nil},
		"its rack":      {5, set("example.com/rack", "17"), nil},
		"its machine":   {5, set("example.com/machine-id", "7f3a"), nil},
		"not ready": {5, first(func(n *Node) {
			n.Taints = append(n.Taints, Taint{Key: "node.kubernetes.io/not-ready", Effect: "NoExecute"})
		}), nil},
		"without a pool": {5, func(i int, n *Node) { set("team", "data")(i, n); n.Pool = "" }, nil},
		"a word in a key": {5, set("example.com/idle", "yes"), []Drift{
			{Pool: "p", Key: "example.com/idle", Agree: 4, Odd: odd(text("yes"))},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, FindDrift(poolOfNodes("p", tt.nodes, tt.change)))
		})
	}
}

// Pools do not mix, and the order is that of pools, keys and nodes.
func TestFindDrift_pools(t *testing.T) {
	var nodes []*Node
	for _, pool := range []string{"pool-10", "pool-9"} {
		nodes = append(nodes, poolOfNodes(pool, 20, func(i int, n *Node) {
			if i == 11 || i == 2 {
				n.Labels["team"], n.Labels["a"] = "data", "b"
			}
		})...)
	}
	var got []string
	for _, d := range FindDrift(nodes) {
		got = append(got, d.Pool+" "+d.Key+" "+d.Odd[0].Node+" "+d.Odd[1].Node)
	}
	require.Equal(t, []string{
		"pool-9 a pool-9-2 pool-9-11", "pool-9 team pool-9-2 pool-9-11",
		"pool-10 a pool-10-2 pool-10-11", "pool-10 team pool-10-2 pool-10-11",
	}, got)
}
