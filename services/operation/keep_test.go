package operation

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/node"
)

// Without overwrite a taint of the same key and effect with another value is
// named, and nothing of the node is changed.
func TestTaint_keepsWhatIsThere(t *testing.T) {
	n := &node.Node{Name: "a", Taints: []node.Taint{{Key: "gpu", Value: "a100", Effect: "NoSchedule"}, {Key: "spot", Effect: "NoExecute"}}}
	for name, c := range map[string]struct {
		taint    string
		changes  bool
		blockers []string
	}{
		"another value":            {"gpu=h100:NoSchedule", false, []string{"gpu=a100:NoSchedule"}},
		"another value, and more":  {"new:NoSchedule,gpu=h100:NoSchedule", false, []string{"gpu=a100:NoSchedule"}},
		"no value where one is":    {"gpu:NoSchedule", false, []string{"gpu=a100:NoSchedule"}},
		"two of them":              {"gpu=h100:NoSchedule,spot=1:NoExecute", false, []string{"gpu=a100:NoSchedule", "spot:NoExecute"}},
		"the same":                 {"gpu=a100:NoSchedule", false, nil},
		"the key of other effects": {"gpu=h100:NoExecute", true, nil},
		"a new one":                {"new:NoSchedule", true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := operationOf(t, "taint", url.Values{"taint": {c.taint}, "overwrite": {"0"}}).Plan(n)
			require.Equal(t, c.changes, p.Changes)
			var named []string
			for _, b := range p.Blockers {
				require.Equal(t, "error_taint_exists", b.Text)
				named = append(named, b.Args["Taint"].(string))
			}
			require.Equal(t, c.blockers, named)
			require.Empty(t, operationOf(t, "taint", url.Values{"taint": {c.taint}}).Plan(n).Blockers, "with overwrite nothing stands in the way")
		})
	}
}

// An undo names the protected keys that the batch changed, and no others.
func TestUndo_namesProtectedKeys(t *testing.T) {
	one, two := "1", "2"
	outOfService := node.Taint{Key: "node.kubernetes.io/out-of-service", Value: "nodeshutdown", Effect: "NoExecute"}
	own := node.Taint{Key: "gpu", Effect: "NoSchedule"}
	u := undoing{protect: protection(t), records: map[string]Record{
		"a": {
			Before: State{
				Labels: map[string]*string{"topology.kubernetes.io/zone": &one, "env": &one, "kubernetes.io/arch": &one},
				Taints: map[string]*node.Taint{outOfService.ID(): &outOfService, own.ID(): &own},
			},
			After: State{
				Labels: map[string]*string{"topology.kubernetes.io/zone": &two, "env": &two, "kubernetes.io/arch": &one},
				Taints: map[string]*node.Taint{outOfService.ID(): nil, own.ID(): nil},
			},
		},
	}}
	require.Equal(t, []string{"node.kubernetes.io/out-of-service", "topology.kubernetes.io/zone"}, u.Named())
	require.True(t, Privileged(u))
	require.False(t, Privileged(undoing{protect: protection(t)}))
	require.Empty(t, undoing{records: u.records}.Named(), "nothing is protected")
}
