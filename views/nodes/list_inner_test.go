package nodes

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

func TestLayStrip(t *testing.T) {
	tests := map[string][]int{
		"all": {100, 0, 0, 0}, "rare": {5000, 1, 1, 1}, "even": {10, 10, 10, 10}, "last": {0, 0, 0, 3}, "none": {0, 0, 0, 0},
	}
	for name, counts := range tests {
		parts := make([]stripPart, len(counts))
		for i, n := range counts {
			parts[i].Count = n
		}
		layStrip(parts)
		end, gap := 0, 0
		for _, p := range parts {
			if p.Count == 0 {
				require.Zero(t, p.Width, name)
				continue
			}
			require.GreaterOrEqual(t, p.Width, stripLeast, name)
			require.Equal(t, end+gap, p.X, name)
			end, gap = p.X+p.Width, stripGap
		}
		if name != "none" {
			require.Equal(t, stripWidth, end, name)
		}
	}
}

func TestStripParts_secondClickTakesTheFilterOff(t *testing.T) {
	v := &ListView{
		Cluster: "c", Page: node.Page{Query: node.Query{Status: node.StatusReady, Scheduling: node.Cordoned, Page: 3}},
	}
	for _, p := range stripParts(v) {
		require.Equal(t, p.Kind == "hold", p.Current)
		require.Equal(t, p.Current, p.URL == ui.NodesURL("c", node.Query{}))
	}
}

func TestSplitName_losesNothing(t *testing.T) {
	for _, name := range []string{
		"", "short", strings.Repeat("x", 24), strings.Repeat("y", 63), "ip-10-0-0-1.eu.internal", ".odd", "odd.",
	} {
		head, tail, _ := splitName(name)
		require.Equal(t, name, head+tail)
	}
	head, _, host := splitName("ip-10-0-0-1.eu-central-1.compute.internal")
	require.Equal(t, "ip-10-0-0-1", head)
	require.True(t, host)
}

func TestSplitZone(t *testing.T) {
	zones := []string{"eu-central-1a", "eu-central-1b"}
	tests := []struct {
		zones               []string
		name, region, shown string
	}{
		{zones, "eu-central-1a", "eu-central-", "1a"},
		{append(zones, "us-east-1a"), "eu-central-1a", "", "eu-central-1a"},
		{[]string{"a", "b"}, "a", "", "a"},
		{nil, "", "", ""},
	}
	for _, tt := range tests {
		region, rest := splitZone(tt.zones, tt.name)
		require.Equal(t, tt.region, region)
		require.Equal(t, tt.shown, rest)
	}
}

func TestTagsOf_showsWhatTellsNodesApart(t *testing.T) {
	n := &node.Node{
		Unschedulable: true,
		Taints: []node.Taint{
			{Key: "node.kubernetes.io/unschedulable", Effect: "NoSchedule"},
			{Key: "example.com/gpu", Value: "a/b", Effect: "NoExecute"},
		},
		Labels: map[string]string{
			"kubernetes.io/hostname": "h", "beta.kubernetes.io/os": "linux", "topology.kubernetes.io/zone": "a",
			"node-role.kubernetes.io/worker": "", "node.kubernetes.io/instance-type": "m6i", "team": "web",
		},
	}
	shown, rest := tagsOf(&ListView{Cluster: "c"}, n)
	require.Len(t, shown, 3)
	require.Equal(
		t,
		tag{
			Short: "gpu=a/b:NoExecute", Full: "example.com/gpu=a/b:NoExecute",
			URL: "/clusters/c/nodes?taint=example.com%2Fgpu%3Da%2Fb%3ANoExecute", Taint: true,
		},
		shown[0],
	)
	require.Equal(t, "team=web", shown[1].Short)
	require.Equal(t, "instance-type=m6i", shown[2].Short)
	require.Equal(t, 5, rest)
	require.Len(t, strings.Split(allTags(n), "\n"), 8)
}

func TestQuantity(t *testing.T) {
	require.Equal(t, "6.15", quantity("cpu", 6150))
	require.Equal(t, "8", quantity("cpu", 8000))
	require.Equal(t, "30.0 GiB", quantity("memory", 30<<30))
	require.Equal(t, "512 MiB", quantity("memory", 512<<20))
	require.Equal(t, "1,200", quantity("", 1200))
	require.Equal(t, ui.Unknown, quantity("memory", -1))
}

func TestStateMarks(t *testing.T) {
	require.Equal(t, "bad", statusKind(&node.Node{Status: node.StatusUnknown, Unschedulable: true}))
	require.Equal(
		t, "hold", statusKind(&node.Node{Status: node.StatusReady, Unschedulable: true, Scheduling: node.Cordoned}),
	)
	require.Equal(t, "warn", statusKind(&node.Node{Status: node.StatusReady, Scheduling: node.Limited}))
	require.Equal(t, "ok", statusKind(&node.Node{Status: node.StatusReady, Scheduling: node.Schedulable}))
	require.Equal(t, "ok", conditionKind(node.Condition{Type: "MemoryPressure", Status: "False"}))
	require.Equal(t, "bad", conditionKind(node.Condition{Type: "Ready", Status: "False"}))
	require.Equal(t, "warn", podKind("Init:0/2"))
	require.Equal(t, "bad", podKind("Init:CrashLoopBackOff"))
}
