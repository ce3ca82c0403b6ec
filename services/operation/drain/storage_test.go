package drain

import (
	"testing"

	"github.com/stretchr/testify/require"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestStorageOf(t *testing.T) {
	owned := func(group string) metav1.ObjectMeta {
		return metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{APIVersion: group + "/v1", Kind: "X"}}}
	}
	selects := func(key string, values ...string) policyv1.PodDisruptionBudgetSpec {
		return policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: metav1.LabelSelectorOpIn, Values: values}},
		}}
	}
	for name, c := range map[string]struct {
		budget policyv1.PodDisruptionBudget
		want   string
	}{
		"owner":           {policyv1.PodDisruptionBudget{ObjectMeta: owned("ceph.rook.io")}, "Rook"},
		"owner elsewhere": {policyv1.PodDisruptionBudget{ObjectMeta: owned("notrook.io")}, ""},
		"label": {policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{
			Labels: map[string]string{"longhorn.io/component": "instance-manager"},
		}}, "Longhorn"},
		"selector":       {policyv1.PodDisruptionBudget{Spec: selects("app", "rook-ceph-osd")}, "Rook"},
		"other selector": {policyv1.PodDisruptionBudget{Spec: selects("app", "web")}, ""},
		"plain":          {policyv1.PodDisruptionBudget{}, ""},
	} {
		require.Equal(t, c.want, storageOf(&c.budget), name)
	}
}

// Nodes without zones are each a failure domain of their own.
func TestPlan_storageWithoutZones(t *testing.T) {
	pods := []Judged{{Budget: "ns/b"}}
	p := Plan{Budgets: []*Demand{{Name: "ns/b", Storage: "Rook"}}, Nodes: []NodePlan{{Node: "n1", Pods: pods}}}
	require.Empty(t, p.Storage())
	p.Nodes = append(p.Nodes, NodePlan{Node: "n2", Pods: pods})
	require.Equal(t, []StorageRisk{{Operator: "Rook", Budgets: []string{"ns/b"}, Nodes: 2}}, p.Storage())
	p.Nodes[0].Zone, p.Nodes[1].Zone = "a", "a"
	require.Empty(t, p.Storage(), "one zone")
}
