package fleet

import (
	"flag"
	"io"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// clusters parses args as devcluster does.
func clusters(t *testing.T, args ...string) ([]Cluster, error) {
	t.Helper()
	var o Options
	set := flag.NewFlagSet("test", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	o.Flags(set)
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	return o.Clusters()
}

func TestClusters(t *testing.T) {
	got, err := clusters(t,
		"--clusters", "2", "--names", "prod-cluster,staging", "--nodes", "60,12", "--not-ready", "1")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		name            string
		nodes, notReady int
	}{{"prod-cluster", 60, 1}, {"staging", 12, 1}} {
		c := got[i]
		if c.Name != want.name || c.Nodes != want.nodes || c.NotReady != want.notReady {
			t.Errorf("cluster %d is %+v, want %+v", i, c, want)
		}
	}
}

func TestClusters_defaultNames(t *testing.T) {
	got, err := clusters(t, "--clusters", "3")
	if err != nil || len(got) != 3 || got[2].Name != "dev-3" {
		t.Errorf("three clusters without names are %+v (%v)", got, err)
	}
	got, err = clusters(t)
	if err != nil || len(got) != 1 || got[0].Name != "devcluster" {
		t.Errorf("without flags, the clusters are %+v (%v)", got, err)
	}
}

func TestWrongOptions(t *testing.T) {
	for _, args := range [][]string{
		{"--clusters", "3", "--names", "a,b"},
		{"--clusters", "-1"},
		{"--names", "a,a"},
		{"--names", "../etc"},
		{"--nodes", "-1"},
		{"--nodes", "many"},
		{"--zones", ""},
	} {
		if got, err := clusters(t, args...); err == nil {
			t.Errorf("%v is accepted: %+v", args, got)
		}
	}
}

func TestNodeObjects(t *testing.T) {
	for _, n := range []int{0, 1, 3, 12, 1000} {
		c := Cluster{
			Name: "prod-cluster", Nodes: n, Region: "eu-central-1",
			Pools: []string{"general", "compute", "gpu"}, Zones: []string{"a", "b", "c"},
		}
		nodes := c.NodeObjects()
		names, addresses := map[string]bool{}, map[string]bool{}
		for _, node := range nodes {
			names[node.Name], addresses[node.Status.Addresses[0].Address] = true, true
			if !Ready(node) {
				t.Errorf("%s is not ready", node.Name)
			}
		}
		if len(nodes) != n || len(names) != n || len(addresses) != n {
			t.Errorf("%d nodes: got %d with %d names and %d addresses", n, len(nodes), len(names), len(addresses))
		}
		again := c.NodeObjects()
		if n > 0 && !reflect.DeepEqual(again[n-1].Labels, nodes[n-1].Labels) {
			t.Error("the same options return other nodes")
		}
	}
}

func TestPoolsAreMixed(t *testing.T) {
	c := Cluster{Name: "x", Nodes: 12, Pools: []string{"general", "compute", "gpu"}, Zones: []string{"a"}}
	count := map[string]int{}
	for _, node := range c.NodeObjects() {
		count[node.Labels["pool"]]++
	}
	want := map[string]int{"control-plane": 3, "general": 5, "compute": 3, "gpu": 1}
	if !reflect.DeepEqual(count, want) {
		t.Errorf("pools are %v, want %v", count, want)
	}
}

func TestTroubled(t *testing.T) {
	c := Cluster{Name: "x", Nodes: 5, NotReady: 2, Cordoned: 9, Pools: []string{"general"}, Zones: []string{"a"}}
	nodes := c.NodeObjects()
	notReady, cordoned := c.Troubled(nodes)
	if len(notReady) != 2 || len(cordoned) != 3 {
		t.Errorf("not ready %v, cordoned %v", notReady, cordoned)
	}
	if notReady[0] != nodes[4].Name {
		t.Errorf("the first to fail is %s, not the last node", notReady[0])
	}
}

func TestWorkloadObjects(t *testing.T) {
	c := Cluster{Name: "x", Nodes: 12, Pools: []string{"general", "gpu"}, Zones: []string{"a"}}
	w := c.WorkloadObjects()
	for _, b := range w.Budgets {
		if b.Name == "cart-pdb" && b.Spec.MinAvailable.IntVal != *w.Deployments[2].Spec.Replicas {
			t.Error("cart-pdb must block every eviction")
		}
	}
	if w.DaemonSets[0].Spec.Template.Spec.Tolerations[0].Operator != corev1.TolerationOpExists {
		t.Error("the agent must run on every node")
	}
}
