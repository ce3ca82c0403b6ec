package batch_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/store"
)

// eventsOf returns our events about a node.
func eventsOf(ctx context.Context, c *kubetest.Cluster, name string) ([]corev1.Event, error) {
	about := "involvedObject.kind=Node,involvedObject.name=" + name
	list, err := c.Client.CoreV1().Events("default").List(ctx, metav1.ListOptions{FieldSelector: about})
	if err != nil {
		return nil, err
	}
	var ours []corev1.Event
	for _, e := range list.Items {
		if e.Source.Component == "kube-node-manager" {
			ours = append(ours, e)
		}
	}
	return ours, nil
}

// awaitEvents waits until the reasons of our events about a node are just these, in any
// order.
func awaitEvents(t *testing.T, c *kubetest.Cluster, name string, reasons ...string) map[string]corev1.Event {
	t.Helper()
	found := map[string]corev1.Event{}
	c.Eventually(t, func(ctx context.Context) error {
		all, err := eventsOf(ctx, c, name)
		if err != nil {
			return err
		}
		for _, e := range all {
			found[e.Reason] = e
		}
		for _, reason := range reasons {
			if found[reason].Name == "" {
				return fmt.Errorf("%s has no event %s, but %d others", name, reason, len(all))
			}
		}
		if len(all) != len(reasons) {
			return fmt.Errorf("%s has %d events, not %d", name, len(all), len(reasons))
		}
		return nil
	})
	return found
}

// A drain tells on its nodes when it begins, what it waits for, each once, and how it ends;
// kubectl describe shows it.
func TestEvents_followADrain(t *testing.T) {
	c := lease(t)
	nodes, ns := c.Nodes(t, 2), c.Namespace(t)
	c.Deployment(t, ns, "cart", 1, kubetest.OnNodes(nodes[0]))
	c.Budget(t, ns, "cart", 1)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	v, err := p.drain(t, c.Name, nodes)
	require.NoError(t, err)
	said := awaitEvents(t, c, nodes[0], "DrainStarted", "DrainBlocked")
	blocked := said["DrainBlocked"]
	require.Equal(t, corev1.EventTypeWarning, blocked.Type)
	require.Equal(t, "kube-node-manager", blocked.ReportingController)
	require.True(t, strings.HasPrefix(blocked.Message,
		"kube-node-manager batch "+v.ID+": the drain waits for the disruption budget "+ns+"/cart of pod "+ns+"/cart-"))
	require.True(t, strings.HasSuffix(blocked.Message, ": 1 healthy, 1 needed, by oncall: kernel CVE"), blocked.Message)
	awaitEvents(t, c, nodes[1], "DrainStarted", "DrainCompleted")

	describe := exec.CommandContext(
		t.Context(), c.Plane().Kubectl, "--kubeconfig", c.Kubeconfig, "describe", "node", nodes[0])
	shown, err := describe.CombinedOutput()
	require.NoError(t, err, "%s", shown)
	require.Contains(t, string(shown), blocked.Message)

	_, err = p.engine.Cancel(as(t, services.RoleAdmin), v.ID)
	require.NoError(t, err)
	p.wait(t, v.ID)
	awaitEvents(t, c, nodes[0], "DrainStarted", "DrainBlocked", "DrainCancelled")

	p.wait(t, p.submit(t, c.Name, "uncordon", nodes[1]).ID)
	awaitEvents(t, c, nodes[1], "DrainStarted", "DrainCompleted", "UncordonCompleted")
}

func TestEvents_ofFailures(t *testing.T) {
	c := lease(t)
	nodes, ns := c.Nodes(t, 2), c.Namespace(t)
	c.Deployment(t, ns, "cart", 1, kubetest.OnNodes(nodes[0]))
	c.Budget(t, ns, "cart", 1)
	o := usual
	o.Words = func(text store.Text) string { return "no more time for " + fmt.Sprint(text.Args["Budget"]) }
	p := startProcess(t, c.Kubeconfig, t.TempDir(), o)
	require.Equal(t, store.StateFailed, p.drained(t, c.Name, nodes[:1], "timeout", "1").State)
	said := awaitEvents(t, c, nodes[0], "DrainStarted", "DrainBlocked", "DrainFailed")
	require.Contains(t, said["DrainFailed"].Message, "drain has failed: no more time for "+ns+"/cart, by oncall")

	labelled, err := p.engine.Submit(as(t, services.RoleAdmin), batch.Request{
		Cluster: c.Name, Operation: "label", Nodes: nodes[1:], Fields: form.Fields{"label": {"a=b"}},
	})
	require.NoError(t, err)
	p.wait(t, labelled.ID)
	p.wait(t, p.submit(t, c.Name, "cordon", nodes[1]).ID)
	awaitEvents(t, c, nodes[1], "CordonCompleted")
}

// Where the account may not, or the cluster has no time for them, events are left out;
// nothing waits for them.
func TestEvents_areNotInTheWay(t *testing.T) {
	for name, test := range map[string]struct {
		option  string
		allowed bool
		sent    bool
		dropped bool
	}{
		"auto":                {"auto", true, true, false},
		"auto, not allowed":   {"auto", false, false, false},
		"off":                 {"off", true, false, false},
		"on, and not allowed": {"on", false, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := lease(t)
			nodes := c.Nodes(t, 2)
			rules := operatorRules()
			if test.allowed {
				rules = append(rules, kubetest.Rule("", []string{"create"}, []string{"events"}))
			}
			p := eventsProcess(t, c, rules, test.option)
			require.Equal(t, store.StateSucceeded, p.drained(t, c.Name, nodes).State)
			if test.sent {
				awaitEvents(t, c, nodes[0], "DrainStarted", "DrainCompleted")
				awaitEvents(t, c, nodes[1], "DrainStarted", "DrainCompleted")
			}
			p.stop() // sends what is left
			require.Equal(t, test.dropped, strings.Contains(p.seen.log(), "Events about nodes were dropped"), p.seen.log())
			all, err := eventsOf(t.Context(), c, nodes[0])
			require.NoError(t, err)
			require.Equal(t, test.sent, len(all) > 0)
		})
	}
}

func eventsProcess(t *testing.T, c *kubetest.Cluster, rules []rbacv1.PolicyRule, option string) *process {
	t.Helper()
	proxy := kubetest.NewProxy(t, c.User(t, rules...))
	p := startProcess(t, proxy.Kubeconfig(t, c.Name), t.TempDir(), usual)
	_, err := p.rules.Set(as(t, services.RoleAdmin), c.Name, form.Fields{"node_events": {option}})
	require.NoError(t, err)
	return p
}

// A cluster that does not answer for events holds up no batch.
func TestEvents_slowCluster(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes := c.Nodes(t, 3)
	hold := make(chan struct{})
	stuck := proxy.Inject(kubetest.Fault{Verb: "create", Resource: "events", Hold: hold})
	require.Equal(t, store.StateSucceeded, p.wait(t, p.submit(t, c.Name, "cordon", nodes...).ID).State)
	stuck.WaitHits(t, 2)
	stuck.Remove()
	close(hold)
	for _, name := range nodes {
		awaitEvents(t, c, name, "CordonCompleted")
	}
	began := time.Now()
	p.stop()
	require.Less(t, time.Since(began), 15*time.Second)
}
