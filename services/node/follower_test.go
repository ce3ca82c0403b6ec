package node

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"kube-node-manager/cache"
	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/kube/kubetest"
)

// oneCluster is a registry with one cluster.
type oneCluster struct{ client *kube.Client }

func (c oneCluster) Client(string) (*kube.Client, error) { return c.client, nil }
func (c oneCluster) Down(string) error                   { return nil }

// following is a service whose lists never expire by themselves, and its follower.
type following struct {
	*Service
	*Follower
	ctx     context.Context
	changes atomic.Int32
}

func (f *following) NodesChanged(string)              { f.changes.Add(1) }
func (f *following) NodesConfirmed(string, time.Time) {}

func follow(t *testing.T, config *rest.Config) *following {
	t.Helper()
	client, err := kube.New(config, "test", nil)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	c := cache.New(t.Context())
	t.Cleanup(c.Close)
	forever := Options{ListTTL: time.Hour, DetailTTL: time.Hour, HardAge: time.Hour}
	f := &following{Service: New(oneCluster{client}, c, forever)}
	f.Follower = NewFollower(t.Context(), f.Service, slog.New(slog.DiscardHandler), f)
	t.Cleanup(f.Follower.Close)
	f.ctx = services.WithActor(t.Context(), services.Actor{Name: "reader", Role: services.RoleViewer})
	return f
}

// list returns the nodes from the cache.
func (f *following) list(t *testing.T) Inventory {
	t.Helper()
	v, err := f.All(f.ctx, "a", false)
	require.NoError(t, err)
	return v
}

// until waits until the cache shows a node in some way.
func (f *following) until(t *testing.T, name string, ok func(n *Node) bool) {
	t.Helper()
	require.Eventually(t, func() bool { return ok(f.list(t).Find(name)) }, time.Minute, 5*time.Millisecond)
}

func isCordoned(n *Node) bool { return n != nil && n.Unschedulable }

func cordon(n *corev1.Node)   { n.Spec.Unschedulable = true }
func uncordon(n *corev1.Node) { n.Spec.Unschedulable = false }

// What others change is in the cache, with one watch however many look.
func TestFollower_othersChanges(t *testing.T) {
	c := kubetest.Acquire(t)
	names := c.Nodes(t, 3)
	proxy := c.Proxy(t)
	f := follow(t, proxy.Config())
	f.list(t)
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() { f.Look("a") })
	}
	group.Wait()
	c.UpdateNode(t, names[0], cordon)
	f.until(t, names[0], isCordoned)
	require.Eventually(t, func() bool { return f.changes.Load() > 0 }, time.Minute, time.Millisecond, "pages are told")
	added := c.Nodes(t, 1)[0]
	f.until(t, added, func(n *Node) bool { return n != nil && n.Status == StatusReady })
	require.NoError(t, c.Client.CoreV1().Nodes().Delete(t.Context(), added, metav1.DeleteOptions{}))
	f.until(t, added, func(n *Node) bool { return n == nil })
	require.Equal(t, 1, proxy.Calls("watch", "nodes"))
	require.LessOrEqual(t, proxy.Calls("list", "nodes"), 2, "that of the reader, and that of the watch")
}

// A watch that fails begins anew, and what has changed in between is seen.
func TestFollower_watchFails(t *testing.T) {
	for name, fault := range map[string]kubetest.Fault{
		"cut in an event": {Truncate: 300}, "connection lost": {Cut: kubetest.CutBefore, Connection: true},
		"too old": {Code: http.StatusGone}, "busy": {Code: http.StatusTooManyRequests, RetryAfter: 1},
		"ended by the server": {Handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }},
	} {
		t.Run(name, func(t *testing.T) {
			c := kubetest.Acquire(t)
			node := c.Nodes(t, 1)[0]
			proxy := c.Proxy(t)
			fault.Verb, fault.Resource, fault.Times = "watch", "nodes", 1
			failed := proxy.Inject(fault)
			f := follow(t, proxy.Config())
			f.list(t)
			f.Look("a")
			failed.WaitHits(t, 1)
			c.UpdateNode(t, node, cordon)
			f.until(t, node, isCordoned)
			c.UpdateNode(t, node, uncordon)
			f.until(t, node, func(n *Node) bool { return !isCordoned(n) })
			require.GreaterOrEqual(t, proxy.Calls("watch", "nodes"), 2)
		})
	}
}

// Without the right to watch, the nodes are listed from time to time.
func TestFollower_mayNotWatch(t *testing.T) {
	c := kubetest.Acquire(t)
	name := c.Nodes(t, 1)[0]
	f := follow(t, c.User(t, kubetest.Rule("", []string{"get", "list"}, []string{"nodes"})))
	f.list(t)
	f.Look("a")
	time.Sleep(time.Second) // the first list of the follower
	c.UpdateNode(t, name, cordon)
	f.until(t, name, isCordoned)
	require.Positive(t, f.changes.Load())
	page, err := f.List(f.ctx, "a", Query{}, false)
	require.NoError(t, err)
	require.True(t, page.Polled)
}

// While nothing changes, the nodes grow no older, and are not listed again.
func TestFollower_confirms(t *testing.T) {
	c := kubetest.Acquire(t)
	c.Nodes(t, 1)
	proxy := c.Proxy(t)
	f := follow(t, proxy.Config())
	f.confirmEvery = 10 * time.Millisecond
	f.Look("a")
	watches := func() bool { return proxy.Calls("watch", "nodes") == 1 }
	require.Eventually(t, watches, time.Minute, time.Millisecond)
	before := f.list(t)
	lists := proxy.Calls("list", "nodes")
	for range 3 {
		require.Eventually(t, func() bool { return f.list(t).AsOf.After(before.AsOf) }, time.Minute, time.Millisecond)
		before = f.list(t)
	}
	require.Equal(t, lists, proxy.Calls("list", "nodes"))
	page, err := f.List(f.ctx, "a", Query{}, false)
	require.NoError(t, err)
	require.False(t, page.Polled)
}

// A cluster that no longer answers is not taken for one in which nothing changes.
func TestFollower_noAnswer(t *testing.T) {
	c := kubetest.Acquire(t)
	proxy := c.Proxy(t)
	release := make(chan struct{})
	silent := proxy.Inject(kubetest.Fault{Verb: "get", Hold: release, Times: 1})
	f := follow(t, proxy.Config())
	f.confirmEvery = 10 * time.Millisecond
	f.Look("a")
	silent.WaitHits(t, 1)
	require.Equal(t, 1, proxy.Calls("watch", "nodes"))
	again := func() bool { return proxy.Calls("watch", "nodes") == 2 }
	require.Eventually(t, again, time.Minute, time.Millisecond)
	close(release)
}

// Where nobody looks any more, nothing is followed.
func TestFollower_ends(t *testing.T) {
	c := kubetest.Acquire(t)
	proxy := c.Proxy(t)
	f := follow(t, proxy.Config())
	f.lookFor = 200 * time.Millisecond
	watches := func(n int) {
		t.Helper()
		require.Eventually(t, func() bool { return proxy.Calls("watch", "nodes") == n }, time.Minute, time.Millisecond)
	}
	f.Look("a")
	watches(1)
	f.running.Wait()
	f.Look("a")
	watches(2)
}
