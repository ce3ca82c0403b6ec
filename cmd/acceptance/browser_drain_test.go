package acceptance

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kube-node-manager/services/kube/kubetest"
)

// podsOn returns the pods that are bound to a node.
func podsOn(t testing.TB, c *kubetest.Cluster, node string) []corev1.Pod {
	t.Helper()
	list, err := c.Client.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	require.NoError(t, err)
	return list.Items
}

// A drain shows its plan first, evicts the pods that may be evicted, and leaves
// the nodes empty and cordoned.
func TestBrowser_drainByItsPlan(t *testing.T) {
	c := lease(t)
	names, spare := c.Nodes(t, 2), c.Nodes(t, 1, kubetest.Cordoned())[0]
	namespace := c.Namespace(t)
	c.Deployment(t, namespace, "web", 4, kubetest.OnNodes(names[0], spare))
	c.Budget(t, namespace, "web", 3)
	changeBehind(t, c, spare, `{"spec":{"unschedulable":null}}`) // there is a node for the pods
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "")
	x.tick(names[0], names[1])
	x.fill("#reason", "kernel CVE")
	x.press("#bar button[value=drain]")
	x.until(`document.querySelector("#plan-form")`)
	x.until(`document.querySelectorAll('[data-verdict=evict]').length === 4`)
	require.Len(t, podsOn(t, c, names[0]), 4, "the plan has done nothing")
	require.Empty(t, p.cordonedIn(t, c.Name))
	require.Equal(t, "kernel CVE", value[string](x, `document.querySelector("#opt-reason").value`))

	x.press("#plan-do")
	id := x.untilBatch("succeeded")
	b := p.batch(t, id)
	require.Equal(t, []string{"drain", "kernel CVE", "succeeded"}, []string{b.Operation, b.Reason, b.State})
	for _, name := range names {
		require.Empty(t, podsOn(t, c, name), "drained means that the pods are gone")
	}
	c.WaitRunning(t, namespace, "web", 4)
	x.openNodes(c.Name, "?sched=cordoned")
	x.untilRows("Ready,SchedulingDisabled", names...)
	require.Contains(t, p.log(t), "Invalidated cache for cluster "+c.Name+" after batch drain operation")
}

// A drain that is blocked by a budget names it. An administrator may delete a
// waiting pod, one at a time and by typing its name; and the drain ends when it
// is cancelled.
func TestBrowser_drainHeldUpByABudget(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	namespace := c.Namespace(t)
	c.Deployment(t, namespace, "web", 2, kubetest.OnNodes(names[0]))
	c.Budget(t, namespace, "web", 2)
	p := startProgram(t, c.Kubeconfig)
	chromium := startBrowser(t)
	x := chromium.tab(p).signIn()
	x.open(nodesPath(c.Name) + "/" + names[0])
	x.press("#drain")
	x.until(`document.querySelector("#plan-do")`)
	x.press("#plan-do")
	id := x.untilBatch("running")
	x.until(fmt.Sprintf(`document.querySelector("#progress .waits")?.textContent.includes(%q)`, namespace+"/web"))
	other := chromium.tab(p).signIn()
	other.openNodes(c.Name, "")
	require.Equal(t, id, other.untilBatch("running"))
	pods := podsOn(t, c, names[0])
	require.Len(t, pods, 2, "no pod has been forced out")

	victim := pods[0]
	form := fmt.Sprintf(`#progress tr[data-pod=%q] form`, namespace+"/"+victim.Name)
	x.until(fmt.Sprintf(`document.querySelector(%q)`, form))
	x.press(form + " button")
	x.until(`document.querySelector("#opt-confirm")`)
	x.fill("#opt-confirm", victim.Name)
	x.press("#plan-do")
	deleted := x.untilBatch("succeeded")
	require.Equal(t, "delete-pod", p.batch(t, deleted).Operation)
	c.Eventually(t, func(context.Context) error {
		left := podsOn(t, c, names[0])
		if len(left) != 1 || left[0].UID == victim.UID {
			return fmt.Errorf("%d pods are left", len(left))
		}
		return nil
	})

	other.press("#batch-cancel")
	require.Equal(t, id, other.untilBatch("cancelled"))
	require.Equal(t, pods[1].UID, podsOn(t, c, names[0])[0].UID, "the other pod is where it was")
}

// A plan that needs consent, a budget that blocks, somebody who relaxes it, and
// a fresh table at the end.
func TestBrowser_drainGoesOnWhenItsBudgetIsRelaxed(t *testing.T) {
	c := lease(t)
	victim, namespace := c.Nodes(t, 1)[0], c.Namespace(t)
	c.Deployment(t, namespace, "web", 2, kubetest.EmptyDir())
	c.Budget(t, namespace, "web", 2)
	c.Nodes(t, 1) // there is a node for the pods
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "")
	x.tick(victim)
	x.press("#bar button[value=drain]")
	x.until(`document.querySelector("#plan-form")`)
	x.expect("422")
	x.press("#plan-do")
	x.until(`document.querySelector("#wrong-delete_emptydir")`) // refused, with the option that is missing
	require.Empty(t, p.cordonedIn(t, c.Name))
	x.press("#opt-delete_emptydir")
	x.press("#plan-do")
	id := x.untilBatch("running")
	x.until(fmt.Sprintf(`document.querySelector("#progress .waits")?.textContent.includes(%q)`, namespace+"/web"))
	_, err := c.Client.PolicyV1().PodDisruptionBudgets(namespace).Patch(t.Context(), "web", types.MergePatchType,
		[]byte(`{"spec":{"minAvailable":1}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	require.Equal(t, id, x.untilBatch("succeeded"))
	require.Empty(t, podsOn(t, c, victim))
	x.openNodes(c.Name, "?sched=cordoned")
	x.untilRows("Ready,SchedulingDisabled", victim)
}
