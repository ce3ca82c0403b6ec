package node

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services/kube/kubetest"
)

// podsOnNode waits until the usage says that a node has so many pods. It reads only what
// the cache has.
func (f *following) podsOnNode(t *testing.T, node string, n int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		usage, known := f.knownUsage("a")
		return known && usage[node].Pods == n
	}, time.Minute, 5*time.Millisecond)
}

// The pods are listed once, whoever asks how often, and followed from there.
func TestFollower_podsOfOthers(t *testing.T) {
	c := kubetest.Acquire(t)
	node, namespace := c.Nodes(t, 1)[0], c.Namespace(t)
	first := c.Pod(t, namespace, "first", node, kubetest.Requests("250m", "1Gi"))
	proxy := c.Proxy(t)
	f := follow(t, proxy.Config())
	f.usageEvery = 20 * time.Millisecond
	f.Look("a")
	require.Never(t, func() bool { return proxy.Calls("", "pods") > 0 }, time.Second, 100*time.Millisecond,
		"nobody has asked for the usage")
	var readers sync.WaitGroup
	for range 50 {
		readers.Go(func() {
			usage, err := f.Usage(f.ctx, "a")
			require.NoError(t, err)
			require.Equal(t, Usage{CPU: 250, Memory: 1 << 30, Pods: 1}, usage[node])
		})
	}
	readers.Wait()
	require.Eventually(t, func() bool { return proxy.Calls("watch", "pods") == 1 }, time.Minute, time.Millisecond)
	c.Pod(t, namespace, "second", node)
	f.podsOnNode(t, node, 2)
	now := metav1.DeleteOptions{GracePeriodSeconds: new(int64)}
	require.NoError(t, c.Client.CoreV1().Pods(namespace).Delete(t.Context(), first.Name, now))
	f.podsOnNode(t, node, 1)

	f.cache.InvalidateCluster("a")
	usage, err := f.Usage(f.ctx, "a")
	require.NoError(t, err)
	require.EqualValues(t, 1, usage[node].Pods)
	require.Equal(t, 1, proxy.Calls("list", "pods"), "what is followed is not listed again")
}

// Whatever ends a watch of pods, they are counted anew, and followed.
func TestFollower_podWatchFails(t *testing.T) {
	for name, fault := range map[string]kubetest.Fault{
		"connection lost": {Cut: kubetest.CutBefore, Connection: true}, "too old": {Code: http.StatusGone},
		"ended by the server": {Handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }},
	} {
		t.Run(name, func(t *testing.T) {
			c := kubetest.Acquire(t)
			node, namespace := c.Nodes(t, 1)[0], c.Namespace(t)
			proxy := c.Proxy(t)
			fault.Verb, fault.Resource, fault.Times = "watch", "pods", 1
			failed := proxy.Inject(fault)
			f := follow(t, proxy.Config())
			f.usageEvery = 20 * time.Millisecond
			_, err := f.Usage(f.ctx, "a")
			require.NoError(t, err)
			f.Look("a")
			failed.WaitHits(t, 1)
			c.Pod(t, namespace, "one", node)
			f.podsOnNode(t, node, 1)
			c.Pod(t, namespace, "two", node)
			f.podsOnNode(t, node, 2)
		})
	}
}

// Pages of pods that are listed with long pauses in between cost the table nothing.
func TestList_doesNotWaitForPods(t *testing.T) {
	c := kubetest.Acquire(t)
	names := c.Nodes(t, 2)
	proxy := c.Proxy(t)
	release := make(chan struct{})
	held := proxy.Inject(kubetest.Fault{Verb: "list", Resource: "pods", Hold: release})
	f := follow(t, proxy.Config())
	f.usageEvery = 20 * time.Millisecond
	f.Look("a")
	counted := make(chan map[string]Usage)
	go func() {
		usage, err := f.Usage(f.ctx, "a")
		require.NoError(t, err)
		counted <- usage
	}()
	held.WaitHits(t, 1)
	page, err := f.List(f.ctx, "a", Query{}, false)
	require.NoError(t, err)
	require.Len(t, page.Nodes, len(names))
	require.Nil(t, page.Usage)
	changes := f.changes.Load()
	close(release)
	require.NotNil(t, <-counted)
	require.Eventually(t, func() bool { return f.changes.Load() > changes }, time.Minute, time.Millisecond,
		"a page that has given up waiting is told")
}
