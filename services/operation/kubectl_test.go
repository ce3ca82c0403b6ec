package operation

import (
	"bytes"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/change"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/node"
)

func kubectl(t *testing.T, c *kubetest.Cluster, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(c.Plane().Kubectl, append([]string{"--kubeconfig", c.Kubeconfig}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// applied does to one node what a batch does, and reports its error.
func applied(t *testing.T, c *kubetest.Cluster, operation string, fields form.Fields, name string) error {
	t.Helper()
	op, n := operationOf(t, operation, fields), node.FromKube(c.Node(t, name))
	_, err := op.Apply(t.Context(), clientOf(t, c.Config()), Target{Node: name, UID: n.UID, Seen: n, Plan: op.Plan(n)})
	return err
}

// refusedToo requires that we refuse what kubectl refuses: as it is read, or on the
// node.
func refusedToo(t *testing.T, c *kubetest.Cluster, operation string, fields form.Fields, name string) {
	t.Helper()
	d, err := Find(operation)
	require.NoError(t, err)
	if _, err := d.Read(fields); err != nil {
		require.Equal(t, services.CodeInvalid, services.CodeOf(err))
		return
	}
	require.Equal(t, services.CodeConflict, services.CodeOf(applied(t, c, operation, fields, name)))
}

// labelsOf returns what a test set on the node, without what tells it from others.
func labelsOf(c *kubetest.Cluster, t *testing.T, name string) map[string]string {
	t.Helper()
	labels := maps.Clone(c.Node(t, name).Labels)
	delete(labels, corev1.LabelHostname)
	// a controller adds these to new nodes
	maps.DeleteFunc(labels, func(key, _ string) bool { return strings.HasPrefix(key, "beta.kubernetes.io/") })
	return labels
}

// taintsOn returns the taints of a node, in an order of their own: that of the
// list means nothing.
func taintsOn(c *kubetest.Cluster, t *testing.T, name string) []string {
	t.Helper()
	out := []string{}
	for _, one := range node.FromKube(c.Node(t, name)).Taints {
		out = append(out, one.String())
	}
	slices.Sort(out)
	return out
}

// Two nodes that are alike, one changed by kubectl and one by us, are alike
// again. Where they are not meant to be, the case says why.
func TestLabel_agreesWithKubectl(t *testing.T) {
	c := kubetest.Acquire(t)
	for name, k := range map[string]struct {
		args []string
		form form.Fields
		only string // who refuses
	}{
		"set": {
			args: []string{"new=1", "env=prod", "--overwrite"}, form: form.Fields{"label": {"new=1,env=prod"}},
		},
		"set and remove": {
			args: []string{"new=1", "env-", "ghost-"}, form: form.Fields{"label": {"new=1,env-,ghost-"}},
		},
		"the empty value": {args: []string{"new="}, form: form.Fields{"label": {"new="}}},
		"a domain":        {args: []string{"example.com/a=b"}, form: form.Fields{"label": {"example.com/a=b"}}},
		"no overwriting, equal": {
			args: []string{"env=dev", "new=1"}, form: form.Fields{"label": {"env=dev,new=1"}, "overwrite": {"0"}},
		},
		"no overwriting, other": {
			args: []string{"env=prod", "new=1"}, form: form.Fields{"label": {"env=prod,new=1"}, "overwrite": {"0"}},
			only: "both",
		},
		"a value that cannot be": {args: []string{"env=a b"}, form: form.Fields{"label": {"env=a_?"}}, only: "both"},
		// kubectl lets a key be set and removed in any order of its own; we ask
		// which of the two is meant.
		"twice alike":   {args: []string{"new=1", "new=1"}, form: form.Fields{"label": {"new=1", "new=1"}}},
		"removed twice": {args: []string{"env-", "env-"}, form: form.Fields{"label": {"env-", "env-"}}},
		"set and removed": {
			args: []string{"env=prod", "env-", "--overwrite"}, form: form.Fields{"label": {"env=prod", "env-"}}, only: "both",
		},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := c.Nodes(t, 2, kubetest.WithLabels(map[string]string{"env": "dev", "tier": "gold"}))
			out, err := kubectl(t, c, append([]string{"label", "node", nodes[0]}, k.args...)...)
			if k.only == "both" {
				require.Error(t, err, out)
				refusedToo(t, c, "label", k.form, nodes[1])
			} else {
				require.NoError(t, err, out)
				require.NoError(t, applied(t, c, "label", k.form, nodes[1]))
			}
			require.Equal(t, labelsOf(c, t, nodes[0]), labelsOf(c, t, nodes[1]))
		})
	}
}

func TestTaint_agreesWithKubectl(t *testing.T) {
	c := kubetest.Acquire(t)
	for name, k := range map[string]struct {
		args   []string
		form   form.Fields
		theirs bool // kubectl refuses, and we do not: the case says why
		both   bool // refuse
	}{
		"no overwriting, new": {
			args: []string{"maint=now:NoSchedule"}, form: form.Fields{"taint": {"maint=now:NoSchedule"}, "overwrite": {"0"}},
		},
		"no overwriting, effect": {
			args: []string{"gpu=b:PreferNoSchedule"},
			form: form.Fields{"taint": {"gpu=b:PreferNoSchedule"}, "overwrite": {"0"}},
		},
		"no overwriting, other": {
			args: []string{"gpu=b:NoSchedule"}, form: form.Fields{"taint": {"gpu=b:NoSchedule"}, "overwrite": {"0"}},
			both: true,
		},
		"no overwriting, two": {
			args: []string{"maint:NoSchedule", "gpu=b:NoExecute"},
			form: form.Fields{"taint": {"maint:NoSchedule,gpu=b:NoExecute"}, "overwrite": {"0"}}, both: true,
		},
		"two values": {
			args: []string{"maint=a:NoSchedule", "maint=b:NoSchedule"},
			form: form.Fields{"taint": {"maint=a:NoSchedule", "maint=b:NoSchedule"}}, both: true,
		},
		"set and removed": {
			args: []string{"maint=a:NoSchedule", "maint:NoSchedule-"},
			form: form.Fields{"taint": {"maint=a:NoSchedule", "maint:NoSchedule-"}}, both: true,
		},
		"set and its key gone": {
			args: []string{"gpu=b:PreferNoSchedule", "gpu-", "--overwrite"},
			form: form.Fields{"taint": {"gpu=b:PreferNoSchedule", "gpu-"}}, both: true,
		},
		// kubectl looks for the taint of a second removal after the first, and refuses; see TestParseForms for ours.
		"one, then all": {
			args: []string{"gpu:NoSchedule-", "gpu-"}, form: form.Fields{"taint": {"gpu:NoSchedule-", "gpu-"}},
		},
		"add": {
			args: []string{"maint=now:NoSchedule"}, form: form.Fields{"taint": {"maint=now:NoSchedule"}},
		},
		"without a value": {args: []string{"maint:NoExecute"}, form: form.Fields{"taint": {"maint:NoExecute"}}},
		"another effect": {
			args: []string{"gpu=a:PreferNoSchedule"}, form: form.Fields{"taint": {"gpu=a:PreferNoSchedule"}},
		},
		"another value": {
			args: []string{"gpu=b:NoSchedule", "--overwrite"}, form: form.Fields{"taint": {"gpu=b:NoSchedule"}},
		},
		"remove one effect":   {args: []string{"gpu:NoSchedule-"}, form: form.Fields{"taint": {"gpu:NoSchedule-"}}},
		"remove every effect": {args: []string{"gpu-"}, form: form.Fields{"taint": {"gpu-"}}},
		"add and remove": {
			args: []string{"maint:NoSchedule", "spot-"}, form: form.Fields{"taint": {"maint:NoSchedule,spot-"}},
		},
		"the same, overwriting": {
			args: []string{"gpu=a:NoSchedule", "--overwrite"}, form: form.Fields{"taint": {"gpu=a:NoSchedule"}},
		},
		// A batch over many nodes finds what it adds on some of them: that is no
		// fault. kubectl asks for --overwrite even where nothing would change.
		"the same": {args: []string{"gpu=a:NoSchedule"}, form: form.Fields{"taint": {"gpu=a:NoSchedule"}}, theirs: true},
		// And what it removes is missing on some.
		"remove what is not there": {args: []string{"ghost-"}, form: form.Fields{"taint": {"ghost-"}}, theirs: true},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := c.Nodes(t, 2, kubetest.WithTaints(
				corev1.Taint{Key: "gpu", Value: "a", Effect: corev1.TaintEffectNoSchedule},
				corev1.Taint{Key: "gpu", Value: "a", Effect: corev1.TaintEffectNoExecute},
				corev1.Taint{Key: "spot", Effect: corev1.TaintEffectPreferNoSchedule},
			))
			out, err := kubectl(t, c, append([]string{"taint", "node", nodes[0]}, k.args...)...)
			require.Equal(t, k.theirs || k.both, err != nil, out)
			if k.both {
				refusedToo(t, c, "taint", k.form, nodes[1])
			} else {
				require.NoError(t, applied(t, c, "taint", k.form, nodes[1]))
			}
			require.Equal(t, taintsOn(c, t, nodes[0]), taintsOn(c, t, nodes[1]))
		})
	}
}

// kubectl sends the list that it read, whatever came since. We never lose
// another writer's taint, nor since when it is there.
func TestTaint_losesNobodysTaint(t *testing.T) {
	c := kubetest.Acquire(t)
	name := c.Nodes(t, 1)[0]
	op := operationOf(t, "taint", form.Fields{"taint": {"maint:NoSchedule"}})
	old := node.FromKube(c.Node(t, name))
	since := metav1.Now().Rfc3339Copy()
	foreign := corev1.Taint{
		Key: "node.kubernetes.io/out-of-service", Value: "nodeshutdown", Effect: corev1.TaintEffectNoSchedule,
		TimeAdded: &since,
	}
	c.UpdateNode(t, name, func(n *corev1.Node) { n.Spec.Taints = append(n.Spec.Taints, foreign) })

	got, err := op.Apply(t.Context(), clientOf(t, c.Config()), Target{
		Node: name, UID: old.UID, Seen: old, Plan: op.Plan(old),
	})
	require.NoError(t, err)
	require.Equal(
		t, []string{"maint:NoSchedule", "node.kubernetes.io/out-of-service=nodeshutdown:NoSchedule"}, taintsOn(c, t, name),
	)
	for _, one := range c.Node(t, name).Spec.Taints {
		if one.Key == foreign.Key {
			require.True(t, one.TimeAdded.Equal(&since))
		}
	}
	require.False(t, got.After.Recomputed, "the node had changed, but not what is done to it")
}

func TestGuarded_saysWhenTheNodeHadChanged(t *testing.T) {
	c := kubetest.Acquire(t)
	name := c.Nodes(t, 1, kubetest.WithLabels(map[string]string{"env": "dev"}))[0]
	op := operationOf(t, "label", form.Fields{"mode": {"replace"}, "label": {"tier=gold"}})
	old := node.FromKube(c.Node(t, name))
	_, err := kubectl(t, c, "label", "node", name, "late=1")
	require.NoError(t, err)
	got, err := op.Apply(t.Context(), clientOf(t, c.Config()), Target{
		Node: name, UID: old.UID, Seen: old, Plan: op.Plan(old),
	})
	require.NoError(t, err)
	require.True(t, got.After.Recomputed)
	require.Equal(t, []string{"env-", "late-", "tier=gold"}, entriesOf(change.State{Labels: got.After.Labels}))
	require.Equal(t, []string{"env=dev", "late=1", "tier-"}, entriesOf(change.State{Labels: got.Before.Labels}))
}

// A try whose answer was lost may have done it: the next one finds the node as
// asked, and what it was before is what the first one saw.
func TestGuarded_secondTryKnowsWhatWasBefore(t *testing.T) {
	c := kubetest.Acquire(t)
	name := c.Nodes(t, 1)[0]
	client := clientOf(t, c.Config())
	op := operationOf(t, "taint", form.Fields{"taint": {"maint:NoSchedule"}})
	old := node.FromKube(c.Node(t, name))
	target := Target{Node: name, UID: old.UID, Seen: old, Plan: op.Plan(old)}
	_, err := op.Apply(t.Context(), client, target)
	require.NoError(t, err)
	target.Seen, target.Again = nil, true
	got, err := op.Apply(t.Context(), client, target)
	require.NoError(t, err)
	require.True(t, got.Changed)
	require.Equal(t, []string{"maint:NoSchedule-"}, entriesOf(got.Before))
	require.Equal(t, []string{"maint:NoSchedule"}, entriesOf(got.After))
}

func TestGuarded_givesUpOnANodeThatNeverRests(t *testing.T) {
	c := kubetest.Acquire(t)
	proxy := c.Proxy(t)
	name := c.Nodes(t, 1)[0]
	proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Code: 409})
	op := operationOf(t, "taint", form.Fields{"taint": {"maint:NoSchedule"}})
	n := node.FromKube(c.Node(t, name))
	_, err := op.Apply(t.Context(), clientOf(t, proxy.Config()), Target{Node: name, UID: n.UID, Seen: n, Plan: op.Plan(n)})
	require.Equal(t, "error_node_contended", services.AsError(err).Text)
	require.Equal(t, guardedTries, proxy.Calls("patch", "nodes"))
}
