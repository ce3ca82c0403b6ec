package acceptance

import (
	"net/http"
	"net/url"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"kube-node-manager/services/kube/kubetest"
)

// passes is how many calls of a node a fault strikes that passes.
const passes = 2

// onWrites returns a strike at the writes of a batch. The first node's fail for good: of a
// drain the evictions of its pods, else its patches. Of the second and the third node, the
// first patches and evictions fail.
func onWrites(f kubetest.Fault) func(*scene) {
	return func(s *scene) {
		s.struck(f, 0, 0)
		s.struck(f, 1, passes)
		s.struck(f, 2, passes)
		s.submit()
	}
}

// struck adds a fault for the writes of one node; times is 0 for all of them.
func (s *scene) struck(f kubetest.Fault, node, times int) {
	f.Times = times
	if !s.deed.pods || times > 0 {
		f.Verb, f.Resource, f.Name = "patch", "nodes", s.names[node]
		s.inject(f)
	}
	for _, pod := range s.pods[s.names[node]] {
		f.Verb, f.Resource, f.Name = "create", "pods/eviction", pod.Name
		s.inject(f)
	}
}

// onAll returns a strike at all calls that the fault selects.
func onAll(f kubetest.Fault) func(*scene) {
	return func(s *scene) {
		s.inject(f)
		s.program.follow(s, "cluster="+s.cluster.Name) // somebody has the cluster open, so that it is watched
		s.submit()
	}
}

// slowly holds the answer to the first write of the first node for longer than the program
// waits, and delays those of all others.
func slowly(s *scene) {
	s.deed.form = s.patient()
	s.struck(kubetest.Fault{DelayAnswer: longHold}, 0, 1)
	for node := 1; node < sceneNodes; node++ {
		s.struck(kubetest.Fault{DelayAnswer: time.Second}, node, passes)
	}
	s.submit()
}

// patient returns the form with a longer timeout of a drain.
func (s *scene) patient() url.Values {
	if s.deed.pods {
		return url.Values{"timeout": {"90"}}
	}
	return s.deed.form
}

// skewed has the cluster's clock behind for reads, and ahead for writes. A drain would skip
// pods that have been terminating for some time.
func skewed(s *scene) {
	if s.deed.pods {
		s.deed.form = url.Values{"timeout": {"60"}, "skip_wait_seconds": {"30"}}
	}
	for _, verb := range []string{"get", "list", "watch"} {
		s.inject(kubetest.Fault{Verb: verb, Skew: -time.Hour})
	}
	s.inject(kubetest.Fault{Skew: time.Hour})
	s.submit()
}

// holdRest holds the patches of all nodes but the first until the returned function is
// called, and starts the batch.
func (s *scene) holdRest() (release func()) {
	hold := make(chan struct{})
	var last *kubetest.Injected
	for _, name := range s.names[1:] {
		last = s.inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Name: name, Times: 1, Hold: hold})
	}
	s.submit()
	last.WaitHits(s, 1)
	return func() { close(hold) }
}

// revocable returns an account that can be taken away.
func revocable(s *scene) *rest.Config {
	rules := append(kubetest.ReadingRules(),
		kubetest.Rule("", []string{"patch"}, []string{"nodes"}),
		kubetest.Rule("", []string{"create"}, []string{"pods/eviction"}),
	)
	return s.cluster.User(s, rules...)
}

// revoke deletes the account of the program in the middle of the batch.
func revoke(s *scene) {
	release := s.holdRest()
	accounts := s.cluster.Client.CoreV1().ServiceAccounts(metav1.NamespaceDefault)
	require.NoError(s, accounts.DeleteCollection(s.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
	config := s.proxy.Config()
	client, err := rest.HTTPClientFor(config)
	require.NoError(s, err)
	defer client.CloseIdleConnections()
	s.eventually("the API server knows the account no longer", func() bool {
		response, err := client.Get(config.Host + "/version")
		require.NoError(s, err)
		require.NoError(s, response.Body.Close())
		return response.StatusCode == http.StatusUnauthorized
	})
	s.figures.faults++
	release()
}

// replaceFirst replaces the first node by another of its name while its first patch is on
// its way.
func replaceFirst(s *scene) {
	hold := make(chan struct{})
	held := s.inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Name: s.names[0], Times: 1, Hold: hold})
	s.submit()
	held.WaitHits(s, 1)
	require.NoError(s, s.cluster.Client.CoreV1().Nodes().Delete(s.Context(), s.names[0], metav1.DeleteOptions{}))
	s.cluster.Nodes(s, 1, kubetest.Named(s.names[0]), s.deed.before)
	close(hold)
}

// ownServer starts an API server that can be restarted.
func ownServer(s *scene) *rest.Config {
	s.server = s.cluster.APIServer(s)
	return s.server.Config()
}

// restartServer kills the API server of the program in the middle of the batch.
func restartServer(s *scene) {
	release := s.holdRest()
	s.server.Stop()
	release()
	s.server.Start(s)
	s.figures.faults++
}

// pauseStorage suspends etcd for ten seconds in the middle of the batch.
func pauseStorage(s *scene) {
	release := s.holdRest()
	resume := s.cluster.Plane().HaltStorage(s)
	release()
	time.Sleep(10 * time.Second)
	resume()
	s.figures.faults++
}
