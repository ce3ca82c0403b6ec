package node

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func overviewNodes() []*Node {
	gpu := Taint{Key: "gpu", Value: "true", Effect: "NoSchedule"}
	return []*Node{
		{
			Name: "a", Labels: map[string]string{"tier": "gold", "empty": "", "zone": "eu-1"},
			Taints: []Taint{gpu},
		},
		{
			Name: "b", Labels: map[string]string{"tier": "silver", "empty": "", "zone": "eu-1"},
			Taints: []Taint{gpu, {Key: "gpu", Effect: "NoExecute"}},
		},
		{Name: "c", Labels: map[string]string{"tier": "silver", "zone": "eu-1"}},
	}
}

func TestLabelSpread(t *testing.T) {
	require.Equal(t, []Spread{
		{Key: "empty", Nodes: 2, Values: []ValueCount{{"", 2}}},
		{Key: "tier", Nodes: 3, Values: []ValueCount{{"silver", 2}, {"gold", 1}}},
		{Key: "zone", Nodes: 3, Values: []ValueCount{{"eu-1", 3}}},
	}, LabelSpread(overviewNodes()))
	require.Empty(t, LabelSpread(nil))

	value, common := LabelSpread(overviewNodes())[0].Common()
	require.True(t, common, "an empty value is a value")
	require.Empty(t, value)
	_, common = LabelSpread(overviewNodes())[1].Common()
	require.False(t, common)
}

// Taints with the same key but another effect are counted separately.
func TestTaintSpread(t *testing.T) {
	got := TaintSpread(overviewNodes())
	require.Equal(t, []Spread{
		{Key: "gpu", Effect: "NoExecute", Nodes: 1, Values: []ValueCount{{"", 1}}},
		{Key: "gpu", Effect: "NoSchedule", Nodes: 2, Values: []ValueCount{{"true", 2}}},
	}, got)
	require.Equal(t, "gpu:NoExecute", got[0].ID())
	require.Equal(t, "tier", Spread{Key: "tier"}.ID())
}

func TestSearchSpread(t *testing.T) {
	ids := func(text string) []string {
		var out []string
		both := append(LabelSpread(overviewNodes()), TaintSpread(overviewNodes())...)
		for _, s := range SearchSpread(both, text) {
			for _, v := range s.Values {
				out = append(out, s.ID()+"="+v.Value)
			}
		}
		return out
	}
	require.Len(t, ids(""), 6)
	require.Equal(t, []string{"tier=silver", "tier=gold"}, ids("TIER"), "a key that matches keeps its values")
	require.Equal(t, []string{"tier=gold"}, ids("gold"))
	require.Equal(t, []string{"tier=gold"}, ids("tier=gold"))
	require.Equal(t, []string{"gpu:NoExecute="}, ids("gpu noexec"))
	require.Empty(t, ids("gold silver"))
	all := LabelSpread(overviewNodes())
	SearchSpread(all, "gold")
	require.Len(t, all[1].Values, 2, "the search changed its argument")
}
