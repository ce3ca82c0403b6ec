package nodes_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/node"
	"kube-node-manager/views/nodes"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

func TestColumns_sortByEveryKey(t *testing.T) {
	var keys []string
	for _, c := range nodes.Columns(nodes.ListView{}) {
		if c.Sort != "" {
			keys = append(keys, c.Sort)
		}
	}
	require.ElementsMatch(t, node.SortKeys(), keys)
}

func TestColumns_csv(t *testing.T) {
	since := viewstest.Noon
	n := &node.Node{
		Name: "n-1", Status: "Ready", Scheduling: node.Cordoned, Unschedulable: true, Roles: []string{"a", "b"},
		Pool: "=pool", Zone: "z", Version: "v1", InternalIP: "10.0.0.1", CreatedAt: since.Add(-time.Hour),
		Reason: "disk, old", ReasonBy: "ann", ReasonSince: &since, NoContact: true, Problems: []string{"DiskPressure", "Odd"},
		Labels: map[string]string{"b": "2", "a": "1"},
		Taints: []node.Taint{{Key: "k", Value: "v", Effect: "NoSchedule"}, {Key: "x", Effect: "NoExecute"}},
	}
	both := slices.Values([]*node.Node{n, {}})
	var out strings.Builder
	columns := nodes.Columns(nodes.ListView{Cluster: "prod"})
	require.NoError(t, ui.WriteCSV(&out, columns, func(yield func(*node.Node, error) bool) {
		both(func(n *node.Node) bool { return yield(n, nil) })
	}))
	require.Equal(t, strings.Join([]string{
		"name,status,scheduling,roles,pool,zone,version,internalIP,createdAt," +
			"reason,reasonBy,reasonSince,labels,taints,noContact,problems",
		`n-1,"Ready,SchedulingDisabled",cordoned,a b,'=pool,z,v1,10.0.0.1,2026-11-23T11:00:00Z,"disk, old",ann,` +
			`2026-11-23T12:00:00Z,a=1 b=2,k=v:NoSchedule x:NoExecute,true,DiskPressure Odd`,
		`,,,,,,,,0001-01-01T00:00:00Z,,,,,,false,`, "",
	}, "\n"), out.String())
}
