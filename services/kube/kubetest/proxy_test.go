package kubetest_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"kube-node-manager/services/kube/kubetest"
)

// upstream is a fake API server that counts the calls that reach it.
type upstream struct {
	*httptest.Server
	mu      sync.Mutex
	reached map[string]int // Per method.
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{reached: map[string]int{}}
	u.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.mu.Lock()
		u.reached[r.Method]++
		u.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		annotations := map[string]string{"token": r.Header.Get("Authorization")}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"kind": "Node", "apiVersion": "v1",
			"metadata": map[string]any{"name": "a", "annotations": annotations},
		})
	}))
	u.EnableHTTP2 = true
	u.StartTLS()
	t.Cleanup(u.Close)
	return u
}

func (u *upstream) count(method string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.reached[method]
}

func (u *upstream) config() *rest.Config {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: u.Certificate().Raw})
	return &rest.Config{Host: u.URL, BearerToken: "secret", TLSClientConfig: rest.TLSClientConfig{CAData: ca}}
}

// client returns a client whose connections the test's end closes.
func client(t *testing.T, config *rest.Config) *kubernetes.Clientset {
	t.Helper()
	config.QPS = -1
	tlsConfig, err := rest.TLSConfigFor(config)
	require.NoError(t, err)
	transport := &http.Transport{TLSClientConfig: tlsConfig, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	wrapped, err := rest.HTTPWrappersForConfig(config, transport)
	require.NoError(t, err)
	set, err := kubernetes.NewForConfigAndClient(config, &http.Client{Transport: wrapped})
	require.NoError(t, err)
	return set
}

func getNode(t *testing.T, set *kubernetes.Clientset) error {
	t.Helper()
	return set.CoreV1().RESTClient().Get().Resource("nodes").Name("a").MaxRetries(0).Do(t.Context()).Error()
}

func patchNode(t *testing.T, set *kubernetes.Clientset) error {
	t.Helper()
	return set.CoreV1().RESTClient().Patch("application/merge-patch+json").Resource("nodes").Name("a").
		Body([]byte(`{"spec":{"unschedulable":true}}`)).MaxRetries(0).Do(t.Context()).Error()
}

func TestProxyPassesCallsThrough(t *testing.T) {
	up := newUpstream(t)
	proxy := kubetest.NewProxy(t, up.config())
	config, err := clientcmd.BuildConfigFromFlags("", proxy.Kubeconfig(t, "prod"))
	require.NoError(t, err)
	set := client(t, config)

	node, err := set.CoreV1().Nodes().Get(t.Context(), "a", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "Bearer secret", node.Annotations["token"])
	require.NoError(t, patchNode(t, set))

	require.Equal(t, 1, proxy.Calls("get", "nodes"))
	require.Equal(t, 1, proxy.Calls("patch", ""))
	require.Equal(t, 0, proxy.Calls("list", "nodes"))
	require.Equal(t, 2, proxy.Calls("", ""))
	last := proxy.Requests()[1]
	require.Equal(t, "a", last.Name)
	require.Equal(t, 200, last.Code)
	require.JSONEq(t, `{"spec":{"unschedulable":true}}`, string(last.Body))
	proxy.Reset()
	require.Empty(t, proxy.Requests())
}

func TestProxyAnswersWithCodes(t *testing.T) {
	up := newUpstream(t)
	proxy := kubetest.NewProxy(t, up.config())
	set := client(t, proxy.Config())
	for code, is := range map[int]func(error) bool{
		429: apierrors.IsTooManyRequests,
		500: apierrors.IsInternalError,
		503: apierrors.IsServiceUnavailable,
		504: apierrors.IsTimeout,
		403: apierrors.IsForbidden,
		409: apierrors.IsConflict,
		410: apierrors.IsResourceExpired,
	} {
		proxy.Reset()
		proxy.Inject(kubetest.Fault{Resource: "nodes", Code: code, Times: 1})
		err := getNode(t, set)
		require.True(t, is(err), "code %d: %v", code, err)
		require.Equal(t, code, proxy.Requests()[0].Code)
	}
	require.Zero(t, up.count("GET"), "a refused call must not reach the API server")
}

func TestProxyRetryAfter(t *testing.T) {
	proxy := kubetest.NewProxy(t, newUpstream(t).config())
	proxy.Inject(kubetest.Fault{Code: 429, RetryAfter: 7, Message: "slow down"})
	err := getNode(t, client(t, proxy.Config()))
	seconds, suggested := apierrors.SuggestsClientDelay(err)
	require.True(t, suggested)
	require.Equal(t, 7, seconds)
	require.ErrorContains(t, err, "slow down")
}

func TestProxySkipTimesAndRemove(t *testing.T) {
	proxy := kubetest.NewProxy(t, newUpstream(t).config())
	set := client(t, proxy.Config())
	fault := proxy.Inject(kubetest.Fault{Verb: "get", Name: "a", Skip: 1, Times: 2, Code: 500})
	proxy.Inject(kubetest.Fault{Verb: "get", Name: "other", Code: 500})
	require.NoError(t, getNode(t, set))
	require.Error(t, getNode(t, set))
	require.Error(t, getNode(t, set))
	require.NoError(t, getNode(t, set))
	require.Equal(t, 2, fault.Hits())

	forever := proxy.Inject(kubetest.Fault{Code: 503})
	require.Error(t, getNode(t, set))
	forever.Remove()
	require.NoError(t, getNode(t, set))
}

func TestProxyCuts(t *testing.T) {
	for _, whole := range []bool{false, true} {
		t.Run(fmt.Sprintf("connection=%t", whole), func(t *testing.T) {
			up := newUpstream(t)
			proxy := kubetest.NewProxy(t, up.config())
			set := client(t, proxy.Config())

			proxy.Inject(kubetest.Fault{Cut: kubetest.CutBefore, Connection: whole, Times: 1})
			require.Error(t, patchNode(t, set))
			require.Equal(t, 0, up.count("PATCH"), "cut before it was forwarded")

			proxy.Inject(kubetest.Fault{Cut: kubetest.CutAfter, Connection: whole, Times: 1})
			err := patchNode(t, set)
			require.Error(t, err)
			_, isStatus := err.(apierrors.APIStatus)
			require.False(t, isStatus, "the client must not see an answer: %v", err)
			require.Equal(t, 1, up.count("PATCH"), "cut after it was forwarded")
			require.NoError(t, patchNode(t, set), "the next call works")
			require.Zero(t, proxy.Requests()[0].Code)
		})
	}
}

func TestProxyTruncates(t *testing.T) {
	proxy := kubetest.NewProxy(t, newUpstream(t).config())
	set := client(t, proxy.Config())
	proxy.Inject(kubetest.Fault{Truncate: 10, Times: 1})
	require.Error(t, getNode(t, set))
	require.NoError(t, getNode(t, set))
}

func TestProxyHoldsTheAnswer(t *testing.T) {
	up := newUpstream(t)
	proxy := kubetest.NewProxy(t, up.config())
	set := client(t, proxy.Config())
	release := make(chan struct{})
	fault := proxy.Inject(kubetest.Fault{Verb: "get", HoldAnswer: release, Times: 1})
	answered := make(chan error, 1)
	go func() { answered <- getNode(t, set) }()
	fault.WaitAnswers(t, 1)
	require.Equal(t, 1, up.count("GET"), "forwarded at once")
	require.Empty(t, answered)
	close(release)
	require.NoError(t, <-answered)
}

func TestProxyHoldsBeforeForwarding(t *testing.T) {
	up := newUpstream(t)
	proxy := kubetest.NewProxy(t, up.config())
	set := client(t, proxy.Config())
	fault := proxy.Inject(kubetest.Fault{Hold: make(chan struct{}), Times: 1})
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan error, 1)
	go func() {
		answered <- set.CoreV1().RESTClient().Get().Resource("nodes").Name("a").Do(ctx).Error()
	}()
	fault.WaitHits(t, 1)
	require.Zero(t, up.count("GET"))
	cancel()
	require.Error(t, <-answered)
	require.NoError(t, getNode(t, set))
	require.Equal(t, 1, up.count("GET"), "a call that its client cancelled was forwarded")
}

func TestProxyDelays(t *testing.T) {
	proxy := kubetest.NewProxy(t, newUpstream(t).config())
	set := client(t, proxy.Config())
	const delay = 50 * time.Millisecond
	proxy.Inject(kubetest.Fault{Delay: delay, DelayAnswer: delay})
	begin := time.Now()
	require.NoError(t, getNode(t, set))
	require.GreaterOrEqual(t, time.Since(begin), 2*delay)
}

func TestProxyHandler(t *testing.T) {
	proxy := kubetest.NewProxy(t, newUpstream(t).config())
	teapot := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }
	proxy.Inject(kubetest.Fault{Handler: teapot})
	err := getNode(t, client(t, proxy.Config()))
	require.ErrorContains(t, err, "418")
	require.Equal(t, http.StatusTeapot, proxy.Requests()[0].Code)
}

// Many concurrent calls share one connection, which has 100 streams.
func TestProxyLimitsStreams(t *testing.T) {
	proxy := kubetest.NewProxy(t, newUpstream(t).config())
	set := client(t, proxy.Config())
	require.NoError(t, getNode(t, set)) // Opens the connection.
	release := make(chan struct{})
	fault := proxy.Inject(kubetest.Fault{Hold: release})
	var calls sync.WaitGroup
	for range 40 {
		calls.Go(func() { _ = getNode(t, set) })
	}
	fault.WaitHits(t, 40)
	require.Equal(t, 40, proxy.Peak("get", "nodes"))
	require.Equal(t, 40, proxy.Peak("", ""))
	close(release)
	calls.Wait()
}

func TestProxyEndsWithCallsInProgress(t *testing.T) {
	set := (*kubernetes.Clientset)(nil)
	answered := make(chan error, 1)
	t.Run("proxy", func(t *testing.T) {
		proxy := kubetest.NewProxy(t, newUpstream(t).config())
		set = client(t, proxy.Config())
		fault := proxy.Inject(kubetest.Fault{HoldAnswer: make(chan struct{})})
		get := set.CoreV1().RESTClient().Get().Resource("nodes").Name("a").MaxRetries(0)
		go func() { answered <- get.Do(context.Background()).Error() }()
		fault.WaitHits(t, 1)
	})
	require.Error(t, <-answered)
}

func TestProxyStreamsWatches(t *testing.T) {
	cluster := kubetest.Acquire(t)
	proxy := cluster.Proxy(t)
	set := client(t, proxy.Config())
	list, err := set.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Empty(t, list.Items)
	fromNow := metav1.ListOptions{ResourceVersion: list.ResourceVersion}
	events, err := set.CoreV1().Nodes().Watch(t.Context(), fromNow)
	require.NoError(t, err)
	defer events.Stop()
	name := cluster.Nodes(t, 1)[0]
	select {
	case event := <-events.ResultChan():
		require.Equal(t, name, event.Object.(*corev1.Node).Name)
	case <-time.After(time.Minute):
		require.Fail(t, "no event came through the proxy")
	}
	require.Equal(t, 1, proxy.Calls("watch", "nodes"))
}

// A delayed LIST shows the state at the time of the call, however late it arrives.
func TestProxySlowList(t *testing.T) {
	cluster := kubetest.Acquire(t)
	proxy := cluster.Proxy(t)
	set := client(t, proxy.Config())
	release := make(chan struct{})
	fault := proxy.Inject(kubetest.Fault{Verb: "list", Resource: "nodes", HoldAnswer: release, Times: 1})
	answered := make(chan int, 1)
	go func() {
		list, err := set.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Error(err)
		}
		answered <- len(list.Items)
	}()
	fault.WaitAnswers(t, 1)
	cluster.Nodes(t, 2)
	close(release)
	require.Zero(t, <-answered, "the answer is older than the nodes")
	list, err := set.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, list.Items, 2)
}

// The API server ends the connection of a client that it does not know. Calls that meet that
// are answered all the same, as without a proxy.
func TestProxyUnknownClient(t *testing.T) {
	config := rest.AnonymousClientConfig(kubetest.Acquire(t).Proxy(t).Config())
	config.BearerToken = "nobody's"
	set := client(t, config)
	var calls sync.WaitGroup
	errs := make([]error, 200)
	for i := range errs {
		calls.Go(func() {
			_, errs[i] = set.CoreV1().Nodes().Patch(
				t.Context(), "a", types.MergePatchType, []byte(`{}`), metav1.PatchOptions{})
		})
	}
	calls.Wait()
	for _, err := range errs {
		require.True(t, apierrors.IsUnauthorized(err), "%v", err)
	}
}
