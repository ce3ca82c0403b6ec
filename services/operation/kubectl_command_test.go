package operation_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services/change"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
)

// plans returns what an operation would do to nodes as they are now.
func plans(t *testing.T, c *kubetest.Cluster, p operation.Params, nodes []string) []operation.NodeChange {
	t.Helper()
	var changes []operation.NodeChange
	for _, n := range nodes {
		raw, err := c.Client.CoreV1().Nodes().Get(t.Context(), n, metav1.GetOptions{})
		require.NoError(t, err)
		plan := p.Make(operation.Meta{By: "li", Reason: "it's $HOME; `rm`"}).Plan(node.FromKube(raw))
		changes = append(changes, operation.NodeChange{Node: n, Before: plan.Before, After: plan.After})
	}
	return changes
}

// A shell that runs the commands leaves the nodes as the operation would.
func TestKubectl_doesTheSame(t *testing.T) {
	for name, tt := range map[string]struct {
		operation string
		fields    form.Fields
		commands  int
	}{
		"cordon with a reason to quote": {operation.Cordon, form.Fields{}, 2},
		"labels that are new, changed and removed": {
			operation.Label, form.Fields{"label": {"new=1", "tier=gold", "team-"}}, 2,
		},
		"taints of all kinds": {
			operation.Taint, form.Fields{"taint": {"gpu=yes:NoSchedule", "old=2:NoSchedule", "gone:NoExecute-"}}, 1,
		},
		"annotations": {operation.Annotate, form.Fields{"annotation": {"note='a' \"b\" $(c)"}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := kubetest.Acquire(t)
			taints := kubetest.WithTaints(
				corev1.Taint{Key: "old", Value: "1", Effect: "NoSchedule"},
				corev1.Taint{Key: "gone", Effect: "NoExecute"},
			)
			names := c.Nodes(t, 3, taints, kubetest.WithLabels(map[string]string{"team": "web"}),
				func(i int, n *corev1.Node) {
					if i > 0 {
						n.Labels["tier"] = "silver"
					}
				})
			d, err := operation.Find(tt.operation)
			require.NoError(t, err)
			params, err := d.Read(tt.fields)
			require.NoError(t, err)
			lines := operation.Kubectl(params, plans(t, c, params, names))
			require.Len(t, lines, tt.commands, "%q", lines)
			kubectl := c.Plane().Kubectl + " --kubeconfig=" + c.Kubeconfig + " --context=" + c.Name
			script := strings.ReplaceAll("\n"+strings.Join(lines, "\n"), "\nkubectl ", "\n"+kubectl+" ")
			out, err := exec.Command("sh", "-e", "-c", script).CombinedOutput()
			require.NoError(t, err, "%s\n%s", script, out)
			for _, again := range plans(t, c, params, names) {
				require.True(t, change.Reached(again.After, again.Before), "%v", again)
			}
		})
	}
}

// A drain is one command, with the same options.
func TestKubectl_drain(t *testing.T) {
	for want, fields := range map[string]form.Fields{
		"kubectl drain a b --ignore-daemonsets --timeout=900s": {},
		"kubectl drain a b --delete-emptydir-data --force --grace-period=5 --timeout=60s" +
			" '--pod-selector=app in (web,db)' --skip-wait-for-delete-timeout=30": {
			"options": {"1"}, "delete_emptydir": {"1"}, "force": {"1"}, "grace_period": {"5"}, "timeout": {"60"},
			"pod_selector": {"app in (web,db)"}, "skip_wait_seconds": {"30"},
		},
	} {
		d, err := operation.Find(operation.Drain)
		require.NoError(t, err)
		params, err := d.Read(fields)
		require.NoError(t, err)
		off, on := false, true
		before, after := change.State{Unschedulable: &off}, change.State{Unschedulable: &on}
		lines := operation.Kubectl(params, []operation.NodeChange{
			{Node: "a", Before: before, After: after},
			{Node: "b", Before: after, After: after}, // it is cordoned already
		})
		require.Equal(t, []string{want}, lines)
	}
}
