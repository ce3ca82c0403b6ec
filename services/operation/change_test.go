package operation

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services/change"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/node"
)

func protection(t testing.TB, patterns ...string) Protection {
	t.Helper()
	p, err := NewProtection(patterns...)
	require.NoError(t, err)
	return p
}

// operationOf makes an operation of a form, as the engine does.
func operationOf(t testing.TB, name string, fields form.Fields) Operation {
	t.Helper()
	d, err := Find(name)
	require.NoError(t, err)
	params, err := d.Read(fields)
	require.NoError(t, err)
	return params.Make(Meta{By: "oncall", At: at, Protect: protection(t)})
}

// entriesOf writes a touched part of a node as kubectl would: "key=value",
// "key-" for what is absent.
func entriesOf(s change.State) []string {
	out := []string{}
	for key, value := range s.Labels {
		if value == nil {
			out = append(out, key+"-")
		} else {
			out = append(out, key+"="+*value)
		}
	}
	for id, taint := range s.Taints {
		if taint == nil {
			out = append(out, id+"-")
		} else {
			out = append(out, taint.String())
		}
	}
	slices.Sort(out)
	return out
}

func TestProtection(t *testing.T) {
	p := protection(t, "team.example/*", "owner", "!node-role.kubernetes.io/*")
	for key, want := range map[string]bool{
		"kubernetes.io/hostname": true, "topology.kubernetes.io/zone": true, "node.kubernetes.io/not-ready": true,
		"eks.amazonaws.com/nodegroup": true, "karpenter.sh/nodepool": true, "node.cluster.x-k8s.io/uninitialized": true,
		"ToBeDeletedByClusterAutoscaler": true, "DeletionCandidateOfClusterAutoscaler": true,
		"team.example/a": true, "sub.team.example/a": true, "owner": true,
		"node-role.kubernetes.io/worker": false, "owner2": false, "tier": false, "example.com/a": false,
		"notkubernetes.io/a": false, "kubernetes.io": false, "myteam.example/a": false,
	} {
		require.Equal(t, want, p.Label(key), key)
		require.Equal(t, want, p.Taint(node.Taint{Key: key}), key)
	}
	for _, wrong := range []string{"a b", "Example_/*", "!", "", "x/y/*"} {
		_, err := NewProtection(wrong)
		require.ErrorContains(t, err, `"`+wrong+`"`)
	}
}

// Every plan, from what is on the node to what will be, in kubectl's words.
func TestPlanOfLabelsAndTaints(t *testing.T) {
	since := at.Add(-time.Hour)
	n := &node.Node{
		Name: "n",
		Labels: map[string]string{
			"env": "dev", "tier": "gold", "empty": "", "kubernetes.io/hostname": "n", "eks.amazonaws.com/nodegroup": "a",
		},
		Taints: []node.Taint{
			{Key: "node.kubernetes.io/unschedulable", Effect: "NoSchedule", TimeAdded: &since},
			{Key: "gpu", Value: "a100", Effect: "NoSchedule"},
			{Key: "gpu", Value: "a100", Effect: "NoExecute", TimeAdded: &since},
			{Key: "spot", Effect: "PreferNoSchedule"},
		},
	}
	for name, c := range map[string]struct {
		operation     string
		form          form.Fields
		before, after []string
		protected     []string
		blocked       bool
		same          bool
	}{
		"set a label": {
			operation: "label", form: form.Fields{"label": {"env=prod", "new="}}, before: []string{"env=dev", "new-"},
			after: []string{"env=prod", "new="},
		},
		"set what it is": {
			operation: "label", form: form.Fields{"label": {"env=dev", "empty="}}, before: []string{"empty=", "env=dev"},
			after: []string{"empty=", "env=dev"}, same: true,
		},
		"remove labels": {
			operation: "label", form: form.Fields{"mode": {"remove"}, "label": {"env", "ghost"}}, before: []string{"env=dev"},
			after: []string{"env-"},
		},
		"remove nothing": {
			operation: "label", form: form.Fields{"label": {"ghost-"}}, before: []string{}, after: []string{}, same: true,
		},
		"not over a value": {
			operation: "label", form: form.Fields{"label": {"env=prod", "new=1"}, "overwrite": {"0"}},
			before: []string{"env=dev", "new-"}, after: []string{"env=prod", "new=1"}, blocked: true, same: true,
		},
		"the value it has": {
			operation: "label", form: form.Fields{"label": {"env=dev", "new=1"}, "overwrite": {"0"}},
			before: []string{"env=dev", "new-"}, after: []string{"env=dev", "new=1"},
		},
		"replace labels": {
			operation: "label", form: form.Fields{"mode": {"replace"}, "label": {"env=prod"}},
			before: []string{"empty=", "env=dev", "tier=gold"}, after: []string{"empty-", "env=prod", "tier-"},
			protected: []string{"eks.amazonaws.com/nodegroup", "kubernetes.io/hostname"},
		},
		"add a taint": {
			operation: "taint", form: form.Fields{"taint": {"maint:NoSchedule"}}, before: []string{"maint:NoSchedule-"},
			after: []string{"maint:NoSchedule"},
		},
		"another effect": {
			operation: "taint", form: form.Fields{"taint": {"gpu=a100:PreferNoSchedule"}},
			before: []string{"gpu:PreferNoSchedule-"}, after: []string{"gpu=a100:PreferNoSchedule"},
		},
		"another value": {
			operation: "taint", form: form.Fields{"taint": {"gpu=h100:NoSchedule"}}, before: []string{"gpu=a100:NoSchedule"},
			after: []string{"gpu=h100:NoSchedule"},
		},
		"not over a taint": {
			operation: "taint", form: form.Fields{"taint": {"gpu=h100:NoSchedule", "maint:NoSchedule"}, "overwrite": {"0"}},
			before: []string{"gpu=a100:NoSchedule", "maint:NoSchedule-"},
			after:  []string{"gpu=h100:NoSchedule", "maint:NoSchedule"}, blocked: true, same: true,
		},
		"beside a taint": {
			operation: "taint", form: form.Fields{"taint": {"gpu=h100:PreferNoSchedule"}, "overwrite": {"0"}},
			before: []string{"gpu:PreferNoSchedule-"}, after: []string{"gpu=h100:PreferNoSchedule"},
		},
		"the value of a taint": {
			operation: "taint", form: form.Fields{"taint": {"gpu=a100:NoSchedule", "maint:NoSchedule"}, "overwrite": {"0"}},
			before: []string{"gpu=a100:NoSchedule", "maint:NoSchedule-"},
			after:  []string{"gpu=a100:NoSchedule", "maint:NoSchedule"},
		},
		"the taint it has": {
			operation: "taint", form: form.Fields{"taint": {"spot:PreferNoSchedule"}},
			before: []string{"spot:PreferNoSchedule"}, after: []string{"spot:PreferNoSchedule"}, same: true,
		},
		"remove one effect": {
			operation: "taint", form: form.Fields{"taint": {"gpu:NoExecute-"}}, before: []string{"gpu=a100:NoExecute"},
			after: []string{"gpu:NoExecute-"},
		},
		"remove every effect": {
			operation: "taint", form: form.Fields{"mode": {"remove"}, "taint": {"gpu"}},
			before: []string{"gpu=a100:NoExecute", "gpu=a100:NoSchedule"}, after: []string{"gpu:NoExecute-", "gpu:NoSchedule-"},
		},
		"remove and add": {
			operation: "taint", form: form.Fields{"taint": {"spot-", "maint:NoSchedule"}},
			before: []string{"maint:NoSchedule-", "spot:PreferNoSchedule"},
			after:  []string{"maint:NoSchedule", "spot:PreferNoSchedule-"},
		},
		"replace taints": {
			operation: "taint", form: form.Fields{"mode": {"replace"}, "taint": {"gpu=a100:NoSchedule"}},
			before:    []string{"gpu=a100:NoExecute", "gpu=a100:NoSchedule", "spot:PreferNoSchedule"},
			after:     []string{"gpu:NoExecute-", "gpu=a100:NoSchedule", "spot:PreferNoSchedule-"},
			protected: []string{"node.kubernetes.io/unschedulable:NoSchedule"},
		},
		"remove a taint never": {
			operation: "taint", form: form.Fields{"taint": {"ghost-"}}, before: []string{}, after: []string{}, same: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := operationOf(t, c.operation, c.form).Plan(n)
			require.Equal(t, c.before, entriesOf(p.Before))
			require.Equal(t, c.after, entriesOf(p.After))
			require.Equal(t, c.protected, p.Protected)
			require.Equal(t, c.blocked, len(p.Blockers) > 0)
			require.Equal(t, !c.same, p.Changes())
		})
	}
}

func TestNamed(t *testing.T) {
	for _, c := range []struct {
		operation string
		form      form.Fields
		want      []string
	}{
		{
			"label",
			form.Fields{"label": {"tier=gold", "topology.kubernetes.io/zone=b", "kubernetes.io/os-"}},
			[]string{"kubernetes.io/os", "topology.kubernetes.io/zone"},
		},
		{"label", form.Fields{"mode": {"replace"}, "label": {"tier=gold"}}, nil},
		{
			"taint",
			form.Fields{"taint": {"node.kubernetes.io/out-of-service=x:NoExecute", "gpu-"}},
			[]string{"node.kubernetes.io/out-of-service"},
		},
	} {
		require.ElementsMatch(t, c.want, operationOf(t, c.operation, c.form).Named(nil))
	}
}

// What takes a batch back touches the protected keys that the batch has changed,
// on the nodes that are asked for.
func TestNamed_ofAnUndo(t *testing.T) {
	value := func(s string) *string { return &s }
	taint := &node.Taint{Key: "node.kubernetes.io/out-of-service", Effect: "NoExecute"}
	u := undoing{protect: protection(t), records: map[string]Record{
		"n1": {
			Before: change.State{
				Labels: map[string]*string{"kubernetes.io/os": value("linux"), "tier": nil},
				Taints: map[string]*node.Taint{taint.ID(): taint},
			},
			After: change.State{
				Labels: map[string]*string{"kubernetes.io/os": nil, "tier": value("gold")},
				Taints: map[string]*node.Taint{taint.ID(): nil},
			},
		},
		"n2": {
			Before: change.State{
				Taints: map[string]*node.Taint{taint.ID(): nil, "gpu:NoSchedule": nil},
				Labels: map[string]*string{"k8s.io/a": value("b")},
			},
			After: change.State{
				Taints: map[string]*node.Taint{taint.ID(): taint, "gpu:NoSchedule": {Key: "gpu"}},
				Labels: map[string]*string{"k8s.io/a": value("b")},
			},
		},
	}}
	require.Equal(
		t, []string{"kubernetes.io/os", "node.kubernetes.io/out-of-service"}, u.Named([]string{"n1", "n2", "ghost"}),
	)
	require.Equal(
		t, []string{"node.kubernetes.io/out-of-service"}, u.Named([]string{"n2"}), "what the batch left alone stays",
	)
	require.Empty(t, u.Named(nil))
}

func TestCopy_leavesProtectedTaintsBehind(t *testing.T) {
	source := []node.Taint{
		{Key: "gpu", Value: "a100", Effect: "NoSchedule"}, {Key: "node.kubernetes.io/unschedulable", Effect: "NoSchedule"},
	}
	_, left := protection(t).Split(source)
	require.Equal(t, source[1:], left)
	c := newCopying(CopyParams{Source: "n0", Mode: ModeReplace, Taints: source}, protection(t))
	p := c.Plan(&node.Node{Taints: []node.Taint{
		{Key: "spot", Effect: "NoSchedule"}, {Key: "node.kubernetes.io/not-ready", Effect: "NoExecute"},
	}})
	require.Equal(t, []string{"gpu=a100:NoSchedule", "spot:NoSchedule-"}, entriesOf(p.After))
	require.Equal(t, []string{"node.kubernetes.io/not-ready:NoExecute"}, p.Protected)
	require.Empty(t, c.Named(nil), "a copy never touches what is protected, so it needs no consent")
}

// The pods that a NoExecute taint would evict, counted as the controller that
// evicts them reads tolerations.
func TestEvictions(t *testing.T) {
	c := kubetest.Acquire(t)
	nodes, ns := c.Nodes(t, 2), c.Namespace(t)
	for name, tolerations := range map[string][]corev1.Toleration{
		"plain": nil,
		"other": {{Key: "spot", Operator: corev1.TolerationOpExists}},
		"stays": {{Key: "maint", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}},
		"all":   {{Operator: corev1.TolerationOpExists}},
		"value": {{Key: "maint", Operator: corev1.TolerationOpEqual, Value: "now"}},
		"a-while": {
			{
				Key: "maint", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute,
				TolerationSeconds: new(int64(600)),
			},
		},
	} {
		c.Pod(t, ns, name, nodes[0], kubetest.Tolerations(tolerations...))
	}
	finish(t, c, ns, nodes[0])
	client := clientOf(t, c.Config())
	count := func(fields form.Fields) Evictions {
		var list []*node.Node
		for _, name := range nodes {
			list = append(list, node.FromKube(c.Node(t, name)))
		}
		e, err := operationOf(t, "taint", fields).Evictions(t.Context(), client, list)
		require.NoError(t, err)
		return e
	}
	require.Equal(
		t, Evictions{Pods: 4, Delayed: 1, ByNode: map[string]int{nodes[0]: 4}},
		count(form.Fields{"taint": {"maint:NoExecute"}}), "plain, other, value and, later, a-while",
	)
	require.Equal(
		t, 3, count(form.Fields{"taint": {"maint=now:NoExecute"}}).Pods, "the value of one pod's toleration fits now",
	)
	require.False(t, count(form.Fields{"taint": {"maint:NoSchedule"}}).Any())
	require.False(t, count(form.Fields{"taint": {"maint-"}}).Any())
}
