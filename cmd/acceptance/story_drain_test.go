package acceptance

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kube-node-manager/services/kube/kubetest"
)

// finalizer keeps a pod until a test has looked at it.
const finalizer = "story.example.com/block"

// storyPod is what the pods of the story have beside their workload.
type storyPod struct {
	labels    map[string]string
	finalizer bool
}

func (s storyPod) option(pod *corev1.PodTemplateSpec) {
	for key, value := range s.labels {
		pod.Labels[key] = value
	}
	if s.finalizer {
		pod.Finalizers = []string{finalizer}
	}
}

// drainStory is a node with the workloads of Cluster API's test of node drains, and one
// for their pods to go to.
type drainStory struct {
	*program
	c    *kubetest.Cluster
	ns   string
	node string
}

// storyRule is the spec of a MachineDrainRule for the pods with a label.
func storyRule(value string, order int) map[string]any {
	selects := func(key, value string) map[string]any {
		return map[string]any{"matchLabels": map[string]any{key: value}}
	}
	return map[string]any{
		"drain":    map[string]any{"behavior": "Drain", "order": order},
		"machines": []any{map[string]any{"clusterSelector": selects("kind", "story")}},
		"pods":     []any{map[string]any{"selector": selects("mdr", value)}},
	}
}

// newDrainStory makes the cluster: Cluster API with its rules, and the workloads.
func newDrainStory(t *testing.T) drainStory {
	t.Helper()
	c := lease(t)
	s := drainStory{c: c, node: c.Nodes(t, 2)[0], ns: c.Namespace(t)}
	kinds := map[string]kubetest.Resource{}
	for kind, plural := range map[string]string{
		"Cluster": "clusters", "Machine": "machines", "MachineDrainRule": "machinedrainrules",
	} {
		kinds[kind] = kubetest.Resource{Group: "cluster.x-k8s.io", Version: "v1beta2", Kind: kind, Plural: plural}
		c.Install(t, kinds[kind])
	}
	fleet := c.Namespace(t)
	c.Add(t, kinds["Cluster"], fleet, "story", map[string]string{"kind": "story"}, map[string]any{})
	machine := map[string]string{"cluster.x-k8s.io/cluster-name": "story"}
	c.Add(t, kinds["Machine"], fleet, "story-1", machine, map[string]any{})
	c.UpdateNode(t, s.node, func(n *corev1.Node) {
		n.Annotations = map[string]string{
			"cluster.x-k8s.io/machine": "story-1", "cluster.x-k8s.io/cluster-namespace": fleet,
			"cluster.x-k8s.io/cluster-name": "story",
		}
	})
	for value, order := range map[string]int{"first": -5, "second": -1, "last": 10} {
		c.Add(t, kinds["MachineDrainRule"], fleet, "drain-order-"+value, nil, storyRule(value, order))
	}
	s.workloads(t)
	s.program = startProgram(t, c.Kubeconfig)
	return s
}

func (s drainStory) workloads(t *testing.T) {
	t.Helper()
	drainLabel := func(value string) map[string]string { return map[string]string{"cluster.x-k8s.io/drain": value} }
	for name, pod := range map[string]storyPod{
		"first":          {map[string]string{"mdr": "first"}, true},
		"second":         {map[string]string{"mdr": "second"}, true},
		"skip":           {drainLabel("skip"), true},
		"wait-completed": {drainLabel("wait-completed"), false},
		"last":           {map[string]string{"mdr": "last"}, false},
	} {
		s.c.Deployment(t, s.ns, name, 2, kubetest.OnNodes(s.node), pod.option)
	}
	s.c.Budget(t, s.ns, "last", 2)
}

// pods returns the pods of a workload on the node.
func (s drainStory) pods(ctx context.Context, t *testing.T, name string) []corev1.Pod {
	t.Helper()
	list, err := s.c.Client.CoreV1().Pods(s.ns).List(ctx, metav1.ListOptions{
		LabelSelector: "app=" + name, FieldSelector: "spec.nodeName=" + s.node,
	})
	require.NoError(t, err)
	return list.Items
}

// untouched requires that the pods of some workloads are still there and not told to end.
func (s drainStory) untouched(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		pods := s.pods(t.Context(), t, name)
		require.Len(t, pods, 2, name)
		for _, pod := range pods {
			require.Nil(t, pod.DeletionTimestamp, name)
		}
	}
}

// ending waits until all pods of a workload are told to end, and kept by their finalizer.
func (s drainStory) ending(t *testing.T, name string) {
	t.Helper()
	s.c.Eventually(t, func(ctx context.Context) error {
		for _, pod := range s.pods(ctx, t, name) {
			if pod.DeletionTimestamp == nil {
				return fmt.Errorf("%s is not told to end", pod.Name)
			}
		}
		return nil
	})
	require.Len(t, s.pods(t.Context(), t, name), 2)
}

// release removes the finalizer of the pods of a workload.
func (s drainStory) release(t *testing.T, name string) {
	t.Helper()
	for _, pod := range s.pods(t.Context(), t, name) {
		_, err := s.c.Client.CoreV1().Pods(s.ns).Patch(t.Context(), pod.Name, types.MergePatchType,
			[]byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		require.NoError(t, err)
	}
}

// drainDoc is a running drain as JSON has it.
type drainDoc struct {
	Drain struct {
		PodsLeft, PodsBlocked, PodsCompleting, PodsTerminating int
		Nodes                                                  []struct {
			Node, Phase string
			Later       int
			Waits       []struct{ Pod string }
			Blocks      []struct{ Pod, Budget string }
		}
	}
}

// reaches waits until the drain of the node is as it should be.
func (s drainStory) reaches(t *testing.T, id string, is func(d drainDoc) bool) drainDoc {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		var d drainDoc
		s.request(t, http.MethodGet, "/batches/"+id, nil, &d)
		if len(d.Drain.Nodes) == 1 && is(d) {
			return d
		}
		require.True(t, time.Now().Before(end), "%+v", d)
	}
}

// verdicts returns the verdict on the pods of each workload, with their order.
func (s drainStory) verdicts(t *testing.T, form url.Values) map[string]string {
	t.Helper()
	var plan struct {
		Drain struct {
			Nodes []struct {
				Pods []struct {
					Name, Verdict, Budget string
					Order                 int
					Reasons               []string
				}
			}
		}
	}
	s.request(t, http.MethodPost, "/clusters/"+s.c.Name+"/batches/preview", form, &plan)
	found := map[string]string{}
	for _, pod := range plan.Drain.Nodes[0].Pods {
		name := pod.Name[:strings.LastIndex(pod.Name[:strings.LastIndex(pod.Name, "-")], "-")]
		found[name] = fmt.Sprint(pod.Verdict, " ", pod.Order)
		require.Equal(t, pod.Verdict == "evict", len(pod.Reasons) == 0, "a verdict has its reason: %s", pod.Name)
	}
	return found
}

// The scenario of Cluster API's own test of node drains: workloads in an order, some with
// a finalizer, some that stay, some that have to complete, some behind a budget, and a time
// limit in the end.
//
// Source: test/e2e/node_drain.go of kubernetes-sigs/cluster-api.
func TestStory_nodeDrainOfClusterAPI(t *testing.T) {
	s := newDrainStory(t)
	form := url.Values{"operation": {"drain"}, "node": {s.node}, "reason": {"new image"}, "timeout": {"0"}}
	require.Equal(t, map[string]string{
		"first": "evict -5", "second": "evict -1", "skip": "skip 0", "wait-completed": "wait-completed 0", "last": "never 10",
	}, s.verdicts(t, form))

	var b batchDoc
	s.request(t, http.MethodPost, "/clusters/"+s.c.Name+"/batches", form, &b)
	s.ending(t, "first")
	d := s.reaches(t, b.ID, func(d drainDoc) bool { return d.Drain.PodsTerminating == 2 })
	require.Equal(t, []int{8, 4}, []int{d.Drain.PodsLeft, d.Drain.Nodes[0].Later})
	s.untouched(t, "second", "skip", "wait-completed", "last")

	s.release(t, "first")
	s.ending(t, "second")
	s.untouched(t, "skip", "wait-completed", "last")

	s.release(t, "second")
	d = s.reaches(t, b.ID, func(d drainDoc) bool { return d.Drain.Nodes[0].Phase == "completing" })
	require.Equal(t, []int{4, 2, 2}, []int{d.Drain.PodsLeft, d.Drain.PodsCompleting, d.Drain.Nodes[0].Later})
	require.Contains(t, d.Drain.Nodes[0].Waits[0].Pod, s.ns+"/wait-completed-")
	s.untouched(t, "skip", "wait-completed", "last")

	for _, pod := range s.pods(t.Context(), t, "wait-completed") {
		s.c.UpdatePodStatus(t, s.ns, pod.Name, func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded })
	}
	d = s.reaches(t, b.ID, func(d drainDoc) bool { return d.Drain.PodsBlocked == 2 })
	require.Equal(t, "blocked", d.Drain.Nodes[0].Phase)
	require.Equal(t, s.ns+"/last", d.Drain.Nodes[0].Blocks[0].Budget)
	s.untouched(t, "skip", "last")

	s.request(t, http.MethodPost, "/batches/"+b.ID+"/cancel", url.Values{}, nil)
	require.Equal(t, "cancelled", s.awaitBatch(t, b.ID).State)
	late := s.act(t, b.ID, "retry", url.Values{"timeout": {"2s"}})
	require.Equal(t, "failed", late.State)
	require.Contains(t, late.Items[0].Error, "Timed out after 2 s")
	require.Contains(t, late.Items[0].Error, s.ns+"/last")
	s.untouched(t, "skip", "last")

	budgets := s.c.Client.PolicyV1().PodDisruptionBudgets(s.ns)
	require.NoError(t, budgets.Delete(t.Context(), "last", metav1.DeleteOptions{}))
	done := s.act(t, late.ID, "retry", url.Values{"timeout": {"5m"}})
	require.Equal(t, "succeeded", done.State, done.Items)
	s.untouched(t, "skip")
	left := []string{}
	for _, name := range []string{"first", "second", "last"} {
		for _, pod := range s.pods(t.Context(), t, name) {
			left = append(left, pod.Name)
		}
	}
	require.Empty(t, slices.Compact(left))
}
