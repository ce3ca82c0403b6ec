package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/kube/kubetest"
)

func TestNewFleet(t *testing.T) {
	day := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	at := func(hours int) *time.Time {
		when := day.Add(time.Duration(hours) * time.Hour)
		return &when
	}
	nodes := []*Node{
		{Name: "a", Status: StatusReady, Scheduling: Schedulable, Pool: "x", Version: "v1.36.9"},
		{Name: "b", Status: StatusReady, Scheduling: Cordoned, Unschedulable: true, Pool: "x", Version: "v1.36.10"},
		{Name: "c", Status: StatusReady, Scheduling: Cordoned, Unschedulable: true, ReasonSince: at(5), Zone: "z"},
		{Name: "d", Status: StatusNotReady, Unschedulable: true, ReasonSince: at(2), Pool: "x", Version: "v1.36.10"},
		{Name: "e", Status: StatusReady, Scheduling: Limited, Pool: "y", Version: "v1.36.9"},
	}
	for _, n := range nodes {
		n.Cluster, n.AllocatableCPU, n.AllocatablePods = "c", 1000, 10
	}
	f := newFleet(nodes, nil)
	require.Equal(t, Share{Nodes: 5, Ready: 1, Limited: 1, Cordoned: 2, NotReady: 1}, f.Total)
	require.Equal(t, []Share{
		{Value: "", Nodes: 1, Cordoned: 1},
		{Value: "x", Nodes: 3, Ready: 1, Cordoned: 1, NotReady: 1},
		{Value: "y", Nodes: 1, Limited: 1},
	}, f.Pools)
	require.Equal(t, []string{"v1.36.10", "v1.36.9", ""}, []string{
		f.Versions[0].Value, f.Versions[1].Value, f.Versions[2].Value,
	})
	require.Equal(t, []*Node{nodes[3], nodes[2], nodes[1]}, f.Cordons)
	require.Equal(t, []*Node{nodes[3]}, f.Lost)
	require.Equal(t, Room{Name: "cpu", Unit: "cpu", Allocatable: 5000, Requested: -1, Free: -1}, f.Resources[0])

	f = newFleet(nodes, Usages{"c": {"a": {CPU: 400, Pods: 3}, "b": {CPU: 100}, "e": {CPU: 1500, Pods: 1}}})
	require.Equal(t, Room{Name: "cpu", Unit: "cpu", Allocatable: 5000, Requested: 2000, Free: 600}, f.Resources[0])
	require.Equal(t, Room{Name: "pods", Allocatable: 50, Requested: 4, Free: 16}, f.Resources[2])
}

func TestSkews(t *testing.T) {
	versions := []Share{
		{Value: "v1.38.0", Nodes: 1},
		{Value: "v1.37.2+k3s1", Nodes: 2},
		{Value: "v1.34.0", Nodes: 3},
		{Value: "v1.33.9", Nodes: 4},
		{Value: "", Nodes: 5},
	}
	require.Equal(t, []Skew{
		{"v1.38.0", 1, -1, false}, {"v1.37.2+k3s1", 2, 0, true}, {"v1.34.0", 3, 3, true}, {"v1.33.9", 4, 4, false},
	}, Skews("v1.37.2-eks-1", versions))
	require.Nil(t, Skews("", versions))
}

// The overview of a real cluster counts its nodes and their pods, and finds the node that
// differs from its pool.
func TestFleet(t *testing.T) {
	c := kubetest.Acquire(t)
	names := c.Nodes(t, 5, kubetest.WithLabels(map[string]string{"pool": "web", "team": "shop"}))
	c.Deployment(t, c.Namespace(t), "web", 2, kubetest.OnNodes(names[0]), kubetest.Requests("500m", "1Gi"))
	c.UpdateNode(t, names[4], func(n *corev1.Node) {
		delete(n.Labels, "team")
		n.Spec.Unschedulable = true
	})
	f := follow(t, c.Config())
	got, err := f.Service.Fleet(f.ctx, "a", false, false)
	require.NoError(t, err)
	require.False(t, got.UsageKnown)
	require.Equal(t, int64(-1), got.Resources[0].Requested)
	got, err = f.Service.Fleet(f.ctx, "a", true, true)
	require.NoError(t, err)
	require.Equal(t, Share{Nodes: 5, Ready: 4, Cordoned: 1}, got.Total)
	require.Equal(t, Room{Name: "cpu", Unit: "cpu", Allocatable: 40_000, Requested: 1000, Free: 31_000}, got.Resources[0])
	require.Equal(t, []Drift{{
		Pool: "web", Key: "team", Want: new("shop"), Agree: 4, Odd: []Odd{{Node: names[4]}},
	}}, got.Drift)
	known, ok := f.KnownFleet("a")
	require.True(t, ok)
	require.Equal(t, got.Drift, known.Drift)

	_, err = f.Service.Fleet(services.WithActor(t.Context(), services.Actor{}), "a", false, false)
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
}
