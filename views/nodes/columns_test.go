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
	for _, c := range nodes.Columns(&nodes.ListView{Columns: node.ColumnKeys()}) {
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
	columns := nodes.Columns(&nodes.ListView{Cluster: "prod"})
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

func TestColumns_chosen(t *testing.T) {
	v := &nodes.ListView{Cluster: "prod", Columns: []string{"gpus", "label:team", "status", "kernel"}}
	n := &node.Node{
		Name: "n-1", Status: "Ready", Kernel: "6.12", GPUs: map[string]int64{"nvidia.com/mig-1g.5gb": 7, "amd.com/gpu": 1},
		Labels: map[string]string{"team": "web"},
	}
	var out strings.Builder
	require.NoError(t, ui.WriteCSV(&out, nodes.Columns(v), func(yield func(*node.Node, error) bool) { yield(n, nil) }))
	require.Equal(t, "name,gpus,label:team,status,kernel\n"+
		"n-1,amd.com/gpu=1 nvidia.com/mig-1g.5gb=7,web,Ready,6.12\n", out.String())
}

func TestColumnsForm(t *testing.T) {
	f := nodes.NewColumnsForm([]string{"cpu", "label:team"})
	require.Equal(t, []string{"cpu", "label:team"}, f.Chosen())
	require.Len(t, f.Order, len(node.ColumnKeys())+1, "the others follow")
	f.Move("label:team", -1)
	f.Move("label:team", -1)
	f.Move(f.Order[len(f.Order)-1], +1)
	require.Equal(t, []string{"label:team", "cpu"}, f.Chosen())
}

func TestVersionCell_saysWhatKubernetesDoesNotSupport(t *testing.T) {
	for server, want := range map[string]string{
		"v1.36.0": "", "v1.39.9": "", "v1.40.0": "4 minor versions behind", "v1.35.9": "newer than the API server", "": "",
	} {
		v := changedNodes(func(v *nodes.ListView) { v.Servers = map[string]string{"": server} })
		doc := viewstest.Document(t, viewstest.Render(t, "en", nodes.Table(v)))
		require.Equal(t, want, doc.Find("tr#n-uid-0 td .st.warn .word").Text(), server)
	}
}
