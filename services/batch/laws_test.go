package batch_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
)

// law is what the laws' tests need to know of one operation. Every operation
// must be in the table: TestLaws_holdForEveryOperation fails for one that is
// not.
type law struct {
	// form is the operation's own fields; it may make what they speak of.
	form func(t *testing.T, k *court) form.Fields
	// done reports whether the table shows the node as the operation leaves it.
	done func(n *node.Node) bool
	// verb and resource are the call that does it.
	verb, resource string
	count          int             // nodes of a batch; 1 for an operation on one node only
	refused        []services.Role // who may not
	log            string          // of the cache's clearing, for a batch of that size
	waits          bool            // after a restart it waits for a person
}

func formOf(pairs ...string) func(*testing.T, *court) form.Fields {
	return func(*testing.T, *court) form.Fields {
		fields := form.Fields{}
		for i := 0; i < len(pairs); i += 2 {
			fields[pairs[i]] = append(fields[pairs[i]], pairs[i+1])
		}
		return fields
	}
}

func hasTaint(id string) func(*node.Node) bool {
	return func(n *node.Node) bool {
		return slices.ContainsFunc(n.Taints, func(t node.Taint) bool { return t.ID() == id })
	}
}

func laws() map[string]law {
	onlyViewer := []services.Role{services.RoleViewer}
	allButAdmin := []services.Role{services.RoleViewer, services.RoleUser}
	return map[string]law{
		"cordon": {
			form: formOf(), verb: "patch", resource: "nodes", count: 6, refused: onlyViewer, log: "cordon with progress",
			done: func(n *node.Node) bool { return n.Unschedulable && n.Reason == "kernel CVE" },
		},
		"uncordon": {
			form: func(t *testing.T, k *court) form.Fields {
				for _, name := range k.names {
					_, err := k.c.Client.CoreV1().Nodes().Patch(
						t.Context(), name, types.MergePatchType, []byte(`{"spec":{"unschedulable":true}}`), metav1.PatchOptions{},
					)
					require.NoError(t, err)
				}
				return form.Fields{"others": {"1"}} // that is somebody else's cordon
			},
			verb: "patch", resource: "nodes", count: 6, refused: onlyViewer, log: "uncordon with progress",
			done: func(n *node.Node) bool { return !n.Unschedulable },
		},
		"drain": {
			form: formOf(), verb: "patch", resource: "nodes", count: 6, refused: allButAdmin, log: "drain with progress",
			waits: true,
			done:  func(n *node.Node) bool { return n.Unschedulable },
		},
		"delete-pod": {
			form: func(t *testing.T, k *court) form.Fields {
				pod := k.c.Pod(t, k.c.Namespace(t), "stuck", k.names[0])
				return form.Fields{
					"pod": {pod.Namespace + "/" + pod.Name}, "uid": {string(pod.UID)}, "confirm": {pod.Name}, "node": k.names,
				}
			},
			verb: "delete", resource: "pods", count: 1, refused: allButAdmin, log: "pod delete",
			done: func(*node.Node) bool { return true },
		},
		"label": {
			form: formOf("label", "tier=gold,old-"), verb: "patch", resource: "nodes", count: 6, refused: onlyViewer,
			log:  "label update",
			done: func(n *node.Node) bool { _, old := n.Labels["old"]; return n.Labels["tier"] == "gold" && !old },
		},
		"taint": {
			form: formOf("taint", "maint=now:NoSchedule"), verb: "patch", resource: "nodes", count: 6, refused: onlyViewer,
			log:  "taint update",
			done: hasTaint("maint:NoSchedule"),
		},
		"annotate": {
			form: formOf("annotation", "team=platform, on call", "annotation", "gone-"),
			verb: "patch", resource: "nodes", count: 6, refused: onlyViewer, log: "annotation update",
			done: func(n *node.Node) bool { return n.Annotations["team"] == "platform, on call" },
		},
		"copy-taints": {
			form: func(t *testing.T, k *court) form.Fields {
				source := k.c.Nodes(
					t, 1, kubetest.WithTaints(corev1.Taint{Key: "gpu", Value: "a", Effect: corev1.TaintEffectNoSchedule}),
				)
				return form.Fields{"source": source, "mode": {"merge"}}
			},
			verb: "patch", resource: "nodes", count: 6, refused: onlyViewer, log: "taint copy",
			done: hasTaint("gpu:NoSchedule"),
		},
		"undo": {
			form: func(t *testing.T, k *court) form.Fields {
				v, err := k.engine.Submit(as(t, services.RoleUser), batch.Request{
					Cluster: k.c.Name, Operation: "label", Nodes: k.names, Fields: form.Fields{"label": {"tier=gold,old-"}},
				})
				require.NoError(t, err)
				k.wait(t, v.ID)
				return form.Fields{"undo_of": {v.ID}}
			},
			verb: "patch", resource: "nodes", count: 6, refused: onlyViewer, log: "undo",
			done: func(n *node.Node) bool { _, tier := n.Labels["tier"]; return !tier && n.Labels["old"] == "1" },
		},
	}
}

// court is one operation before the laws: a cluster behind a proxy, nodes with
// what others put there, and the request.
type court struct {
	law
	*process
	c       *kubetest.Cluster
	proxy   *kubetest.Proxy
	dir     string
	names   []string
	request batch.Request
	earlier int // batches from before
}

func newCourt(t *testing.T, name string, l law) *court {
	t.Helper()
	c := lease(t)
	k := &court{law: l, c: c, proxy: c.Proxy(t), dir: t.TempDir()}
	k.names = c.Nodes(t, l.count,
		kubetest.WithLabels(map[string]string{"old": "1", "foreign": "stays"}),
		kubetest.WithTaints(corev1.Taint{Key: "foreign", Value: "stays", Effect: corev1.TaintEffectPreferNoSchedule}))
	k.process = startProcess(t, k.proxy.Kubeconfig(t, c.Name), k.dir, usual)
	k.request = batch.Request{Cluster: c.Name, Operation: name, Nodes: k.names, Reason: "kernel CVE", Fields: l.form(t, k)}
	k.earlier = k.batches(t)
	k.seen.forget()
	k.proxy.Reset()
	return k
}

// nodesNow reads the table as a page would.
func (k *court) nodesNow(t *testing.T) node.Inventory {
	t.Helper()
	all, err := k.nodes.All(as(t, services.RoleViewer), k.c.Name, false)
	require.NoError(t, err)
	return all
}

func (k *court) ask(ctx context.Context, t *testing.T) batch.View {
	t.Helper()
	v, err := k.engine.Submit(ctx, k.request)
	require.NoError(t, err)
	return v
}

func (k *court) batches(t *testing.T) int {
	t.Helper()
	stored, err := k.store.Batches(t.Context(), store.BatchQuery{Scope: services.Scope{All: true}, Limit: 10})
	require.NoError(t, err)
	return len(stored)
}

func (k *court) writes() int { return k.proxy.Calls(k.verb, k.resource) }

// TestLaws_holdForEveryOperation runs the laws over every operation.
func TestLaws_holdForEveryOperation(t *testing.T) {
	table := laws()
	for _, d := range operation.All() {
		l, known := table[d.Name]
		require.True(t, known, "operation %s is not in the table of the laws: add it", d.Name)
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			t.Run("denied by default, and a plan writes nothing", func(t *testing.T) { newCourt(t, d.Name, l).denies(t) })
			t.Run(
				"done means visible, touches only what was asked, is accounted for",
				func(t *testing.T) { newCourt(t, d.Name, l).judge(t) },
			)
			t.Run("what nobody knows clears the cache", func(t *testing.T) { newCourt(t, d.Name, l).unknown(t) })
			t.Run("accepted means durable", func(t *testing.T) { newCourt(t, d.Name, l).restarts(t) })
		})
	}
	for name := range table {
		_, err := operation.Find(name)
		require.NoError(t, err, "the table has an operation that is none")
	}
}

// denies is law 10: roles, and nobody at all. Nothing is written, nothing
// stored, and neither by a preview.
func (k *court) denies(t *testing.T) {
	for _, role := range append(k.refused, "") {
		_, err := k.engine.Submit(as(t, role), k.request)
		require.Equal(t, services.CodeForbidden, services.CodeOf(err), "role %q", role)
		_, err = k.engine.Preview(as(t, role), k.request)
		require.Equal(t, services.CodeForbidden, services.CodeOf(err), "role %q", role)
	}
	p, err := k.engine.Preview(as(t, services.RoleAdmin), k.request)
	require.NoError(t, err)
	require.Len(t, p.Nodes, len(k.names))
	for _, n := range p.Nodes {
		require.True(t, n.Changes(), n.Node)
	}
	require.Nil(t, p.Refusal)
	for _, call := range k.proxy.Requests() {
		reads := slices.Contains([]string{"get", "list", "watch"}, call.Verb) ||
			strings.HasSuffix(call.Path, "/selfsubjectaccessreviews") // asks what is allowed
		require.True(t, reads || strings.Contains(call.Query, "dryRun=All"), "%s %s?%s", call.Verb, call.Path, call.Query)
	}
	require.Equal(t, k.earlier, k.batches(t))
	require.Empty(t, k.seen.all())
}

// judge is laws 1, 2, 7, 8 and 9 over a batch that ends well.
func (k *court) judge(t *testing.T) {
	k.nodesNow(t) // now it is cached
	var atEnd node.Inventory
	k.seen.onEnd = func() { atEnd = k.nodesNow(t) }
	v := k.wait(t, k.ask(as(t, services.RoleAdmin), t).ID)
	require.Equal(t, store.StateSucceeded, v.State, "%+v", v.Failed)
	require.Equal(t, batch.Counts{Succeeded: len(k.names)}, v.Counts)

	seen := k.seen.all()
	require.Equal(t, []string{"cleared", "nodes changed", "ended succeeded"}, seen[len(seen)-3:])
	require.Equal(t, 1, strings.Count(k.seen.log(), "Invalidated cache for cluster "+k.c.Name+" after batch "+k.log+"\""))
	for name, it := range k.items(t, v.ID) {
		require.True(t, k.done(atEnd.Find(name)), "%s at the moment of the end", name)
		require.Equal(t, store.ItemSucceeded, it.State)
		require.NotNil(t, it.StartedAt)
		require.NotNil(t, it.EndedAt)
		require.NotNil(t, it.Before)
		require.NotEqual(t, it.Before, it.After, "what was before and after is recorded")
		now := k.c.Node(t, name)
		require.Equal(t, "stays", now.Labels["foreign"])
		require.True(
			t,
			slices.ContainsFunc(
				now.Spec.Taints, func(one corev1.Taint) bool { return one.Key == "foreign" && one.Value == "stays" },
			),
		)
	}
	require.Equal(t, []string{"oncall", "kernel CVE", "r1", "127.0.0.1"}, []string{v.By, v.Reason, v.RequestID, v.Address})
	require.True(t, json.Valid(v.Params))

	calls := k.writes()
	again, err := k.engine.Submit(as(t, services.RoleAdmin), k.request)
	require.NoError(t, err)
	k.wait(t, again.ID)
	require.Equal(t, calls+k.again(), k.writes(), "what is so already is not written again")
}

// again is how many calls the same request costs a second time.
func (k *court) again() int {
	if k.resource == "pods" {
		return 1 // whether a pod is gone is asked by deleting it
	}
	return 0
}

// unknown is law 3: an answer that never came may have been a success.
func (k *court) unknown(t *testing.T) {
	k.nodesNow(t)
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	held := k.proxy.Inject(kubetest.Fault{Verb: k.verb, Resource: k.resource, HoldAnswer: never})
	v := k.ask(as(t, services.RoleAdmin), t)
	held.WaitHits(t, 1)
	_, err := k.engine.Cancel(as(t, services.RoleAdmin), v.ID)
	require.NoError(t, err)
	v = k.wait(t, v.ID)
	require.Contains(t, k.seen.all(), "cleared", "the batch is %s: %+v", v.State, v.Counts)
	now, admitted := k.nodesNow(t), 0
	for name, it := range k.items(t, v.ID) {
		require.NotEqual(t, store.ItemSucceeded, it.State, "nobody has seen a success")
		require.True(t, it.Unknown || !k.done(now.Find(name)), "%s is %s, and has changed", name, it.State)
		if it.Unknown {
			admitted++
		}
	}
	require.Positive(t, admitted)
}

// restarts is law 4: the process ends in the middle, and the next one ends the
// batch, at once or when a person says so.
func (k *court) restarts(t *testing.T) {
	hold := make(chan struct{})
	held := k.proxy.Inject(kubetest.Fault{Verb: k.verb, Resource: k.resource, Hold: hold})
	v := k.ask(as(t, services.RoleAdmin), t)
	held.WaitHits(t, 1)
	time.AfterFunc(100*time.Millisecond, func() { close(hold) }) // while it stops
	k.stop()
	k.proxy.Reset()
	k.process = startProcess(t, k.proxy.Kubeconfig(t, k.c.Name), k.dir, usual)
	if now, err := k.engine.View(as(t, services.RoleViewer), v.ID); k.waits {
		require.NoError(t, err)
		require.Equal(t, store.StateInterrupted, now.State)
		_, err = k.engine.Resume(as(t, services.RoleAdmin), v.ID, nil)
		require.NoError(t, err)
	}
	v = k.wait(t, v.ID)
	require.Equal(t, store.StateSucceeded, v.State, "%+v", v.Failed)
	require.Equal(t, len(k.names), v.Counts.Succeeded+v.Counts.Unchanged)
	now := k.nodesNow(t)
	items := k.items(t, v.ID)
	require.Len(t, items, len(k.names))
	for name := range items {
		require.True(t, k.done(now.Find(name)), name)
	}
}
