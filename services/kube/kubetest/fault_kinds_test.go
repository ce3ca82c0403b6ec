package kubetest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"kube-node-manager/services/kube/kubetest"
)

// A client that is told to go away has its answer, and opens another connection.
func TestProxyGoAway(t *testing.T) {
	proxy := kubetest.NewProxy(t, newUpstream(t).config())
	connections := map[string]bool{}
	proxy.Inject(kubetest.Fault{Handler: func(w http.ResponseWriter, r *http.Request) {
		connections[r.RemoteAddr] = true
		_, _ = w.Write([]byte(`{"kind":"Node","apiVersion":"v1"}`))
	}, GoAway: true, Times: 3})
	set := client(t, proxy.Config())
	for range 3 {
		require.NoError(t, getNode(t, set))
		time.Sleep(50 * time.Millisecond) // until the client has read the frame
	}
	require.Len(t, connections, 3)
}

// The clock of the cluster is ahead in lists, objects and watches.
func TestProxySkews(t *testing.T) {
	cluster := kubetest.Acquire(t)
	name := cluster.Nodes(t, 1)[0]
	made := cluster.Node(t, name).CreationTimestamp
	proxy := cluster.Proxy(t)
	proxy.Inject(kubetest.Fault{Skew: time.Hour})
	nodes := client(t, proxy.Config()).CoreV1().Nodes()

	one, err := nodes.Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, made.Add(time.Hour), one.CreationTimestamp.Time)
	list, err := nodes.List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Equal(t, made.Add(time.Hour), list.Items[0].CreationTimestamp.Time)
	events, err := nodes.Watch(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	defer events.Stop()
	event := <-events.ResultChan()
	seen, err := metaOf(event)
	require.NoError(t, err)
	require.Equal(t, made.Add(time.Hour), seen.GetCreationTimestamp().Time)
}

func metaOf(e watch.Event) (metav1.Object, error) {
	object, ok := e.Object.(metav1.Object)
	if !ok {
		return nil, apierrors.FromObject(e.Object)
	}
	return object, nil
}

func TestProxyExpiresWatches(t *testing.T) {
	proxy := kubetest.NewProxy(t, newUpstream(t).config())
	proxy.Inject(kubetest.Fault{Verb: "watch", Handler: kubetest.ExpiredWatch})
	events, err := client(t, proxy.Config()).CoreV1().Nodes().Watch(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	defer events.Stop()
	event := <-events.ResultChan()
	require.Equal(t, watch.Error, event.Type)
	require.True(t, apierrors.IsResourceExpired(apierrors.FromObject(event.Object)))
}
