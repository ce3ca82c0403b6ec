package batch

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/change"
	"kube-node-manager/services/form"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
)

// aNode is a ready node; change makes it another.
func aNode(name string, change ...func(*node.Node)) *node.Node {
	n := &node.Node{Name: name, UID: "uid-" + name, Status: node.StatusReady}
	for _, c := range change {
		c(n)
	}
	return n
}

func someNodes(prefix string, count int, change ...func(*node.Node)) []*node.Node {
	out := make([]*node.Node, count)
	for i := range out {
		out[i] = aNode(fmt.Sprintf("%s%d", prefix, i), change...)
	}
	return out
}

func inPool(name string) func(*node.Node) { return func(n *node.Node) { n.Pool = name } }
func inZone(name string) func(*node.Node) { return func(n *node.Node) { n.Zone = name } }
func cordoned(n *node.Node)               { n.Unschedulable = true }
func notReady(n *node.Node)               { n.Status = node.StatusNotReady }
func control(n *node.Node)                { n.Roles = []string{"control-plane"} }

func tainted(key, value, effect string) func(*node.Node) {
	return func(n *node.Node) { n.Taints = append(n.Taints, node.Taint{Key: key, Value: value, Effect: effect}) }
}

// plansOf are the plans of an operation over nodes, as the engine makes them.
func plansOf(t *testing.T, name string, fields form.Fields, nodes ...*node.Node) []NodePlan {
	t.Helper()
	d, err := operation.Find(name)
	require.NoError(t, err)
	params, err := d.Read(fields)
	require.NoError(t, err)
	protect, err := operation.NewProtection()
	require.NoError(t, err)
	op := params.Make(operation.Meta{By: "ada", At: time.Unix(0, 0), Protect: protect})
	out := make([]NodePlan, len(nodes))
	for i, n := range nodes {
		out[i] = planFor(op, n.Name, n)
	}
	return out
}

func TestReach(t *testing.T) {
	taint := func(text string) form.Fields { return form.Fields{"taint": {text}} }
	for name, tt := range map[string]struct {
		all       []*node.Node
		first     int // so many of them are in the plan
		operation string
		form      form.Fields
		want      []string
	}{
		"few of many":             {all: someNodes("n", 100), first: 9, operation: "cordon"},
		"many, but a small share": {all: someNodes("n", 100), first: 20, operation: "cordon"},
		"a share": {
			all: someNodes("n", 100), first: 21, operation: "cordon", want: []string{"share  21/100"},
		},
		"a large share, but few": {all: someNodes("n", 20), first: 9, operation: "cordon"},
		"ten of twenty": {
			all: someNodes("n", 20), first: 10, operation: "cordon", want: []string{"share  10/20"},
		},
		"all of a small cluster": {
			all: someNodes("n", 2), first: 2, operation: "cordon", want: []string{"cluster  2/2"},
		},
		"cordoned before": {all: someNodes("n", 20, cordoned), first: 20, operation: "cordon"},
		"a drain of what is cordoned": {
			all: someNodes("n", 20, cordoned), first: 12, operation: "drain", want: []string{"share  12/20"},
		},
		"uncordon": {all: someNodes("n", 20, cordoned), first: 20, operation: "uncordon"},
		"labels": {
			all: someNodes("n", 20), first: 20, operation: "label", form: form.Fields{"label": {"a=b"}},
		},
		"a taint that only asks": {
			all: someNodes("n", 20), first: 20, operation: "taint", form: taint("a=b:PreferNoSchedule"),
		},
		"a taint": {
			all: someNodes("n", 20), first: 12, operation: "taint", form: taint("a=b:NoSchedule"),
			want: []string{"share  12/20"},
		},
		"a taint that evicts": {
			all: someNodes("n", 20), first: 12, operation: "taint", form: taint("a:NoExecute"), want: []string{"share  12/20"},
		},
		"a taint that is there": {
			all: someNodes("n", 20, tainted("a", "b", "NoSchedule")), first: 20, operation: "taint",
			form: taint("a=b:NoSchedule"),
		},
		"a taint with another value": {
			all: someNodes("n", 20, tainted("a", "x", "NoSchedule")), first: 12, operation: "taint",
			form: taint("a=b:NoSchedule"), want: []string{"share  12/20"},
		},
		"a taint that goes": {
			all: someNodes("n", 20, tainted("a", "x", "NoSchedule")), first: 20, operation: "taint",
			form: taint("a:NoSchedule-"),
		},
		"the last of a pool": {
			all: append(someNodes("p", 2, inPool("gpu")), someNodes("n", 9)...), first: 2, operation: "cordon",
			want: []string{"pool gpu 2/2"},
		},
		"one is left in the pool": {
			all: append(someNodes("p", 3, inPool("gpu")), someNodes("n", 9)...), first: 2, operation: "cordon",
		},
		"the one left is cordoned": {
			all:   append([]*node.Node{aNode("p0", inPool("gpu")), aNode("p1", inPool("gpu"), cordoned)}, someNodes("n", 9)...),
			first: 1, operation: "cordon", want: []string{"pool gpu 1/2"},
		},
		"the one left is not ready": {
			all:   append([]*node.Node{aNode("z0", inZone("a")), aNode("z1", inZone("a"), notReady)}, someNodes("n", 9)...),
			first: 1, operation: "cordon", want: []string{"zone a 1/2"},
		},
		"the one left repels": {
			all: append([]*node.Node{
				aNode("z0", inZone("a")), aNode("z1", inZone("a"), tainted("x", "", "NoSchedule")),
			}, someNodes("n", 9)...),
			first: 1, operation: "cordon", want: []string{"zone a 1/2"},
		},
		"what a pool is meant to repel": {
			all: append(someNodes("p", 2, inPool("gpu"), tainted("gpu", "", "NoSchedule")), someNodes("n", 9)...), first: 1,
			operation: "cordon",
		},
		"a cordon that is just lifted": {
			all: append([]*node.Node{
				aNode("p0", inPool("a")), aNode("p1", inPool("a"), tainted("node.kubernetes.io/unschedulable", "", "NoSchedule")),
			}, someNodes("n", 9)...),
			first: 1, operation: "cordon",
		},
		"the last of the control plane": {
			all: append(someNodes(
				"c", 3, control, tainted("node-role.kubernetes.io/control-plane", "", "NoSchedule"),
			), someNodes("n", 9)...),
			first: 3, operation: "cordon", want: []string{"control-plane  3/3"},
		},
		"two of the control plane": {
			all: append(someNodes(
				"c", 3, control, tainted("node-role.kubernetes.io/control-plane", "", "NoSchedule"),
			), someNodes("n", 9)...),
			first: 2, operation: "cordon",
		},
		"a node that is not ready, nothing": {
			all: append(someNodes("p", 1, inPool("gpu"), notReady), someNodes("n", 9)...), first: 1, operation: "cordon",
		},
		"several parts at once": {
			all:   append(someNodes("p", 10, inPool("gpu"), inZone("a")), someNodes("n", 9, inPool("std"), inZone("b"))...),
			first: 10, operation: "cordon",
			want: []string{"share  10/19", "pool gpu 10/10", "zone a 10/10"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			plans := plansOf(t, tt.operation, tt.form, tt.all[:tt.first]...)
			var got []string
			for _, r := range reachOf(tt.all, plans, tt.operation == "drain", ReachLimit{Percent: 20, Nodes: 10}) {
				got = append(got, fmt.Sprintf("%s %s %d/%d", r.Kind, r.Name, r.Nodes, r.Of))
			}
			require.Equal(t, tt.want, got)
		})
	}
}

// What an undo puts back counts as what a cordon or a taint does.
func TestReach_undo(t *testing.T) {
	yes, no := true, false
	all := someNodes("n", 2)
	lifted := NodePlan{
		Node: "n0", Plan: operation.Plan{Before: change.State{Unschedulable: &no}, After: change.State{Unschedulable: &yes}},
	}
	refused := NodePlan{Node: "n1", Plan: operation.Plan{
		Before: change.State{Unschedulable: &no}, After: change.State{Unschedulable: &yes},
		Blockers: []*services.Error{services.NewError(services.CodeConflict, "error_node_gone")},
	}}
	limit := ReachLimit{Percent: 20, Nodes: 10}
	require.Empty(t, reachOf(all, []NodePlan{lifted, refused}, false, limit), "what is not done reaches nothing")
	refused.Blockers = nil
	require.Len(t, reachOf(all, []NodePlan{lifted, refused}, false, limit), 1)
}

// A form that a person sends needs the plan's digest; a script's request does
// not.
func TestGuarded(t *testing.T) {
	far := Preview{Reach: []Reach{{Kind: ReachCluster, Nodes: 2, Of: 2}}}
	require.NoError(t, far.guarded(Request{}))
	require.NoError(t, Preview{}.guarded(Request{Guarded: true}))
	err := far.guarded(Request{Guarded: true})
	require.Equal(t, services.CodeConflict, services.CodeOf(err))
	require.Equal(t, TextReach, services.AsError(err).Text)
	seen := Consents{Plan: "d"}
	require.NoError(t, far.guarded(Request{Consents: seen, Guarded: true}))
	require.Error(t, far.agreed(services.Actor{}, "prod", seen), "the digest is another plan's")
}

// A digest stands for the reach too, and not for the reason.
func TestDigest(t *testing.T) {
	nodes := someNodes("n", 3, cordoned)
	plans := plansOf(t, "cordon", nil, nodes...)
	reach := []Reach{{Kind: ReachPool, Name: "gpu", Nodes: 3, Of: 3}}
	require.NotEqual(t, digest(plans, nil, nil), digest(plans, reach, nil))
	reach[0].Of = 4
	require.Equal(
		t, digest(plans, []Reach{{Kind: ReachPool, Name: "gpu"}}, nil), digest(plans, reach, nil),
		"one more node in the pool is the same plan",
	)
	before := digest(plans, reach, nil)
	why := "disk"
	plans[0].After = plans[0].After.WithoutAnnotations() // a copy
	plans[0].After.Annotations[node.AnnotationReason] = &why
	require.True(t, plans[0].Changes(), "a reason was added")
	require.Equal(t, before, digest(plans, reach, nil))
}
