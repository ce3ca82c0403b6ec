package inspect

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"kube-node-manager/cache"
	"kube-node-manager/services"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/rule"
)

func TestMain(m *testing.M) {
	os.Exit(kubetest.Main(m, func() error { return goleak.Find() }))
}

// oneCluster is a registry with one cluster.
type oneCluster struct{ client *kube.Client }

func (c oneCluster) Client(string) (*kube.Client, error) { return c.client, nil }
func (c oneCluster) Down(string) error                   { return nil }

// inspector is a service over a cluster, and its reader.
type inspector struct {
	*Service
	client *kube.Client
	cache  *cache.Cache
	ctx    context.Context
}

// noRules are those of a cluster without any.
type noRules struct{}

func (noRules) Of(context.Context, string) (rule.Rules, error) { return rule.Default(), nil }

func inspect(t *testing.T, config *rest.Config) inspector {
	t.Helper()
	client, err := kube.New(config, "test", nil)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	c := cache.New(t.Context())
	t.Cleanup(c.Close)
	clusters := oneCluster{client}
	nodes := node.New(clusters, c, node.Options{ListTTL: time.Hour, DetailTTL: time.Hour, HardAge: time.Hour})
	ctx := services.WithActor(t.Context(), services.Actor{Name: "reader", Role: services.RoleViewer})
	return inspector{New(clusters, nodes, noRules{}, c, time.Hour), client, c, ctx}
}

// The verdicts are those of the plan of a drain, and each pod has its budget with what that
// allows.
func TestPods(t *testing.T) {
	c := kubetest.Acquire(t)
	name := c.Nodes(t, 1)[0]
	c.Nodes(t, 1)
	ns, here := c.Namespace(t), kubetest.OnNodes(name)
	c.Deployment(t, ns, "web", 2, here, kubetest.Requests("250m", "1Gi"))
	c.Deployment(t, ns, "cart", 2, here)
	c.Deployment(t, ns, "scratch", 1, here, kubetest.EmptyDir())
	c.DaemonSet(t, ns, "agent", 1, here)
	c.Pod(t, ns, "alone", name)
	c.Budget(t, ns, "web", 1)
	c.Budget(t, ns, "cart", 2)
	s := inspect(t, c.Config())

	got, err := s.Pods(s.ctx, "a", name, false)
	require.NoError(t, err)
	require.Len(t, got.Value.Pods, 7)
	require.Empty(t, got.Value.Plan.Unread)
	d, err := operation.Find(operation.Drain)
	require.NoError(t, err)
	params, err := d.Read(form.Fields{})
	require.NoError(t, err)
	op := params.Make(operation.Meta{}).(operation.Conductor)
	plan, err := op.Survey(t.Context(), s.client, operation.Scope{Nodes: []*node.Node{node.FromKube(c.Node(t, name))}})
	require.NoError(t, err)
	require.Equal(t, plan.Counts, got.Value.Plan.Counts)
	require.Equal(t, verdicts(plan.Nodes[0].Pods), verdictsOf(got.Value.Pods))
	for _, p := range got.Value.Pods {
		if app, _, _ := strings.Cut(p.Name, "-"); app == "web" {
			require.Equal(t, 1, p.Allows.Allowed)
			require.Equal(t, int64(250), p.CPU)
			require.Equal(t, drain.Evict, p.Judged.Verdict)
		} else if app == "cart" {
			require.Zero(t, p.Allows.Allowed)
			require.Equal(t, drain.Never, p.Judged.Verdict)
		} else {
			require.Nil(t, p.Allows)
		}
	}
}

func verdicts(pods []drain.Judged) map[string]drain.Verdict {
	all := map[string]drain.Verdict{}
	for _, p := range pods {
		all[p.Namespace+"/"+p.Name] = p.Verdict
	}
	return all
}

func verdictsOf(pods []Pod) map[string]drain.Verdict {
	all := map[string]drain.Verdict{}
	for _, p := range pods {
		all[p.ID()] = p.Judged.Verdict
	}
	return all
}

// Without the right to read budgets, pods are shown all the same, and what is missing is
// said. Without any other right, each part says so on its own.
func TestRights(t *testing.T) {
	c := kubetest.Acquire(t)
	name := c.Nodes(t, 1)[0]
	ns := c.Namespace(t)
	c.Deployment(t, ns, "web", 1)
	some := inspect(t, c.User(t, kubetest.Rule("", []string{"get", "list"}, []string{"nodes", "pods"})))
	pods, err := some.Pods(some.ctx, "a", name, false)
	require.NoError(t, err)
	require.Equal(t, drain.Unknown, pods.Value.Pods[0].Judged.Verdict)
	require.Equal(t, []string{"poddisruptionbudgets", "daemonsets"}, pods.Value.Plan.Unread)
	_, err = some.Events(some.ctx, "a", name, false)
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
	require.Equal(t, "list events", services.AsError(err).Args["Call"])
	_, err = some.Lease(some.ctx, "a", name)
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
	_, err = some.Object(some.ctx, "a", name, false)
	require.NoError(t, err)

	nobody := services.WithActor(t.Context(), services.Actor{})
	for _, read := range []func() error{
		func() error { _, err := some.Pods(nobody, "a", name, false); return err },
		func() error { _, err := some.Events(nobody, "a", name, false); return err },
		func() error { _, err := some.Lease(nobody, "a", name); return err },
		func() error { _, err := some.Object(nobody, "a", name, false); return err },
	} {
		require.Equal(t, services.CodeForbidden, services.CodeOf(read()))
	}
}

func TestEvents(t *testing.T) {
	c := kubetest.Acquire(t)
	names := c.Nodes(t, 2)
	began := time.Now().Add(-time.Hour).Truncate(time.Second)
	for i, e := range []struct{ node, reason, kind string }{
		{names[0], "Rebooted", "Warning"},
		{names[0], "NodeNotReady", "Normal"},
		{names[1], "NodeReady", "Normal"},
		{names[0], "Drain", "Normal"},
	} {
		at := metav1.NewTime(began.Add(time.Duration(i) * time.Minute))
		_, err := c.Client.CoreV1().Events("default").Create(t.Context(), &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Name: fmt.Sprintf("%s.%d", e.node, i)},
			InvolvedObject: corev1.ObjectReference{Kind: "Node", Name: e.node, APIVersion: "v1"},
			Reason:         e.reason, Type: e.kind, Message: "m", Count: int32(i + 1), FirstTimestamp: at, LastTimestamp: at,
			Source: corev1.EventSource{Component: "kubelet"},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	s := inspect(t, c.Config())
	got, err := s.Events(s.ctx, "a", names[0], false)
	require.NoError(t, err)
	require.True(t, got.Value.Complete)
	ours := got.Value.Items[:0:0]
	for _, e := range got.Value.Items {
		if e.Message == "m" { // controllers record events, too
			ours = append(ours, e)
		}
	}
	require.Len(t, ours, 3)
	require.Equal(t, Event{
		Type: "Normal", Reason: "Drain", Message: "m", Source: "kubelet", Count: 4,
		First: began.Add(3 * time.Minute).Local(), Last: began.Add(3 * time.Minute).Local(),
	}, ours[0], "the newest first")
	told := Events{Items: ours}.Conditions()
	require.Len(t, told, 2)
	require.Equal(t, []string{"NodeNotReady", "Rebooted"}, []string{told[0].Reason, told[1].Reason})
}

func TestLease(t *testing.T) {
	c := kubetest.Acquire(t)
	name := c.Nodes(t, 1)[0]
	dead := c.Nodes(t, 1, kubetest.NotReady())[0]
	s := inspect(t, c.Config())
	got, err := s.Lease(s.ctx, "a", name)
	require.NoError(t, err)
	require.True(t, got.Value.Found)
	require.NotEmpty(t, got.Value.Holder)
	require.Equal(t, 40, got.Value.Seconds)
	require.False(t, got.Value.Overdue(*got.Value.Renewed))
	require.True(t, got.Value.Overdue(got.Value.Renewed.Add(41*time.Second)))
	none, err := s.Lease(s.ctx, "a", dead)
	require.NoError(t, err)
	require.False(t, none.Value.Found)
	require.False(t, none.Value.Overdue(time.Now()))
}

func TestObject(t *testing.T) {
	c := kubetest.Acquire(t)
	long := strings.Repeat("x", 1000)
	name := c.Nodes(t, 1, func(_ int, n *corev1.Node) {
		n.Annotations = map[string]string{"note": long}
		n.Status.Images = []corev1.ContainerImage{
			{Names: []string{"a@sha256:1", "registry.example.com/a:1", "a:1"}, SizeBytes: 10},
			{Names: []string{"b@sha256:2"}, SizeBytes: 30},
			{SizeBytes: 20},
		}
	})[0]
	s := inspect(t, c.Config())
	got, err := s.Object(s.ctx, "a", name, false)
	require.NoError(t, err)
	require.Equal(t, []Image{
		{Name: "b@sha256:2", Others: []string{}, Bytes: 30},
		{Bytes: 20},
		{Name: "a:1", Others: []string{"registry.example.com/a:1", "a@sha256:1"}, Bytes: 10},
	}, got.Value.Images)
	require.Equal(t, int64(60), got.Value.ImageBytes)
	m := got.Value.Manifest
	require.True(t, strings.HasPrefix(m.YAML, "apiVersion: v1\nkind: Node\nmetadata:\n"), m.YAML)
	require.Contains(t, m.YAML, long)
	require.NotContains(t, m.YAML, "managedFields")
	require.Contains(t, m.Managed, "fieldsType: FieldsV1")
	require.False(t, m.Cut)

	_, err = s.Object(s.ctx, "a", "no-node", false)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
}

// What was read is kept until the cluster is cleared, or the node has a newer version.
func TestObject_cached(t *testing.T) {
	c := kubetest.Acquire(t)
	name := c.Nodes(t, 1)[0]
	s := inspect(t, c.Config())
	first, err := s.Object(s.ctx, "a", name, false)
	require.NoError(t, err)
	change := func(value string) {
		c.UpdateNode(t, name, func(n *corev1.Node) { n.Labels["new"] = value })
	}
	change("one")
	again, err := s.Object(s.ctx, "a", name, false)
	require.NoError(t, err)
	require.Equal(t, first, again)
	_, err = s.nodes.GetQuick(s.ctx, "a", name, true)
	require.NoError(t, err)
	now, err := s.Object(s.ctx, "a", name, false)
	require.NoError(t, err)
	require.Contains(t, now.Value.Manifest.YAML, "new: one")
	change("two")
	s.cache.InvalidateCluster("a")
	now, err = s.Object(s.ctx, "a", name, false)
	require.NoError(t, err)
	require.Contains(t, now.Value.Manifest.YAML, "new: two")
}

func TestBounded(t *testing.T) {
	line := strings.Repeat("a", 99) + "\n"
	text, cut := bounded(strings.Repeat(line, 2))
	require.False(t, cut)
	require.Equal(t, line+line, text)
	text, cut = bounded(strings.Repeat(line, ManifestSize/100+1))
	require.True(t, cut)
	require.Equal(t, ManifestSize/100*100, len(text))
	text, cut = bounded("a" + strings.Repeat("点", ManifestSize))
	require.True(t, cut)
	require.True(t, strings.HasSuffix(text, "点"))
}
