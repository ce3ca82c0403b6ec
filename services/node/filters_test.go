package node

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services"
)

// conditionsNode returns a node with these conditions, each as "Type=Status".
func conditionsNode(name string, conditions ...string) *Node {
	n := &corev1.Node{}
	n.Name = name
	for _, c := range conditions {
		of, status, _ := strings.Cut(c, "=")
		n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{
			Type: corev1.NodeConditionType(of), Status: corev1.ConditionStatus(status),
		})
	}
	return FromKube(n)
}

func TestProblems(t *testing.T) {
	for name, tc := range map[string]struct{ conditions, want []string }{
		"healthy": {[]string{"Ready=True", "MemoryPressure=False", "NetworkingReady=True", "EtcdIsVoter=True"}, []string{}},
		"pressures": {
			[]string{"PIDPressure=True", "DiskPressure=True", "NetworkUnavailable=True", "Ready=False"},
			[]string{"DiskPressure", "NetworkUnavailable", "PIDPressure"},
		},
		"of a detector": {
			[]string{"KubeletProblem=True", "KernelDeadlock=True"}, []string{"KernelDeadlock", "KubeletProblem"},
		},
		"good when true":  {[]string{"StorageReady=False", "EtcdIsVoter=False"}, []string{"EtcdIsVoter", "StorageReady"}},
		"kubelet is gone": {[]string{"Ready=Unknown", "MemoryPressure=Unknown", "StorageReady=Unknown"}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, conditionsNode("n", tc.conditions...).Problems)
		})
	}
}

func TestFilters_placeVersionCondition(t *testing.T) {
	nodes := []*Node{
		{Name: "a", Pool: "gpu", Zone: "r1-a", Version: "v1.36.2", Problems: []string{"DiskPressure", "KernelDeadlock"}},
		{Name: "b", Pool: "gpu-2", Zone: "r1-b", Version: "v1.36.20"},
		{Name: "c", Version: "v1.36.2", Problems: []string{"DiskPressure"}},
	}
	for _, tt := range []struct {
		q    Query
		want string
	}{
		{Query{Pool: "gpu"}, "a"},
		{Query{Pool: "GPU"}, ""},
		{Query{Pool: NoValue}, "c"},
		{Query{Zone: "r1-b"}, "b"},
		{Query{Zone: NoValue}, "c"},
		{Query{Version: "v1.36.2"}, "a c"},
		{Query{Condition: "DiskPressure"}, "a c"},
		{Query{Condition: "KernelDeadlock"}, "a"},
		{Query{Condition: "Ready"}, ""},
		{Query{Condition: "DiskPressure", Pool: "gpu"}, "a"},
		{Query{Zone: "r1-a", Pool: "gpu-2"}, ""},
	} {
		matched, _ := tt.q.filter(nodes, sight{now: searchNow})
		var names []string
		for _, n := range matched {
			names = append(names, n.Name)
		}
		require.Equal(t, tt.want, strings.Join(names, " "), "%+v", tt.q)
	}
	require.Equal(t, []string{"DiskPressure", "KernelDeadlock"}, summarize(nodes).Conditions)
}

func TestFilters_refused(t *testing.T) {
	long := strings.Repeat("x", services.MaxFilter+1)
	for field, q := range map[string]Query{
		"pool": {Pool: long}, "zone": {Zone: "\xff"}, "version": {Version: "a\x00"}, "condition": {Condition: long},
	} {
		_, err := q.normal()
		require.Equal(t, services.CodeInvalid, services.CodeOf(err), field)
		require.Equal(t, field, services.AsError(err).Fields[0].Field)
	}
}
