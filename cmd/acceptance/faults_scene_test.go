package acceptance

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/store/storetest/postgres"
)

const (
	sceneNodes = 4
	podsEach   = 2 // of the nodes of a drain, on average
	// longest is how long a batch of the suite may take on a busy machine.
	longest = 4 * time.Minute
)

// scene is one case of the fault suite: a batch of one operation meets one fault, while
// another program changes the same nodes.
type scene struct {
	testing.TB
	fault   fault
	deed    deed
	figures *figures

	cluster   *kubetest.Cluster
	proxy     *kubetest.Proxy
	program   *program
	server    *kubetest.APIServer // of a fault that restarts it
	postgres  *postgres.Server    // of a fault of the database server
	wire      *wire               // to it, of a fault of the network
	disk      string              // of a database on a disk of its own
	small     string              // address of that database
	names     []string
	pods      map[string][]corev1.Pod // that a drain has to evict, by node
	neighbour *neighbour

	injected []*kubetest.Injected
	batch    batchDoc
	events   <-chan event            // of the batch
	shown    map[string]*corev1.Node // the table at the end of the batch
}

// newScene prepares the nodes and the program.
func newScene(t testing.TB, c *kubetest.Cluster, f fault, d deed) *scene {
	t.Helper()
	s := &scene{TB: t, fault: f, deed: d, figures: &figures{}, cluster: c}
	s.names = c.Nodes(t, sceneNodes, d.before)
	if d.pods {
		s.runPods()
	}
	upstream := c.Config()
	if f.upstream != nil {
		upstream = f.upstream(s)
	}
	s.proxy = kubetest.NewProxy(t, upstream)
	s.program = emptyProgram(t, releaseBuild.binary(t), s.proxy.Kubeconfig(t, c.Name), followed)
	s.program.args = append(s.program.args, f.args...)
	s.program.env = f.env
	if f.place != nil {
		f.place(s)
	}
	var err error
	s.program.Token, err = addAdministrator(s.program.path, s.useDatabase()...)
	require.NoError(t, err)
	s.program.start(t)
	s.table() // as the page that somebody has open
	s.neighbour = startNeighbour(t.Context(), c.Client, s.names)
	t.Cleanup(func() { s.neighbour.stop() })
	return s
}

// useDatabase has the program use a database of the engine of the suite, and returns the
// options for that.
func (s *scene) useDatabase() []string {
	s.Helper()
	if engineOfSuite() == onSQLite {
		return []string{"--data", s.program.Data}
	}
	place := s.fault.database
	if place == nil {
		place = func(s *scene) string { return postgres.Database(s) }
	}
	options := []string{"--database", place(s)}
	s.program.args = append(s.program.args, options...)
	s.program.env = append(slices.Clone(s.program.env), newKey())
	return options
}

// runPods starts the pods that a drain has to evict.
func (s *scene) runPods() {
	s.pods = map[string][]corev1.Pod{}
	options := append([]kubetest.PodOption{kubetest.OnNodes(s.names...)}, s.fault.pods...)
	all := s.cluster.Deployment(s, s.cluster.Namespace(s), "web", podsEach*sceneNodes, options...)
	for _, pod := range all {
		s.pods[pod.Spec.NodeName] = append(s.pods[pod.Spec.NodeName], pod)
	}
}

// inject adds a fault whose hits count.
func (s *scene) inject(f kubetest.Fault) *kubetest.Injected {
	i := s.proxy.Inject(f)
	s.injected = append(s.injected, i)
	return i
}

// submit starts the batch and follows it.
func (s *scene) submit() {
	s.Helper()
	s.post("/clusters/"+url.PathEscape(s.cluster.Name)+"/batches", s.form())
}

// post sends a form that makes a batch, and follows that.
func (s *scene) post(path string, form url.Values) {
	s.Helper()
	s.batch = batchDoc{}
	s.program.request(s, http.MethodPost, path, form, &s.batch)
	s.events = s.program.follow(s, url.Values{"cluster": {s.cluster.Name}, "batch": {s.batch.ID}}.Encode())
}

func (s *scene) form() url.Values {
	form := url.Values{"operation": {s.deed.operation}, "node": s.names, "reason": {"kernel CVE"}}
	maps.Copy(form, s.deed.form)
	return form
}

// await waits for the last event of the batch, or for the batch itself when its stream was
// cut off. Then it reads the table at once.
func (s *scene) await() {
	s.Helper()
	over := time.After(longest)
	for open := true; open; {
		select {
		case e, more := <-s.events:
			open = more && e.Name != "done"
		case <-over:
			open = false
		}
	}
	if s.deed.inTable && !s.fault.blind && s.fault.kills == 0 {
		s.shown = s.table()
	}
	for end := time.Now().Add(longest); s.batch.EndedAt == nil && time.Now().Before(end); {
		s.batch = s.program.batch(s, s.batch.ID)
		if s.batch.State == "interrupted" && s.fault.kills > 0 {
			s.resume()
		}
		if s.batch.EndedAt == nil {
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// resume resumes a batch as a person does who finds it interrupted.
func (s *scene) resume() {
	s.Helper()
	s.program.request(s, http.MethodPost, "/batches/"+s.batch.ID+"/resume", url.Values{}, nil)
}

// state returns the true state of a node, past the program: "" if there is no such node.
func (s *scene) state(name string) string {
	s.Helper()
	n, err := s.cluster.Client.CoreV1().Nodes().Get(s.Context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return ""
	}
	require.NoError(s, err)
	return s.deed.state(n) + s.stateOfPods(name)
}

// stateOfPods says how many of the pods are left that a drain has to evict.
func (s *scene) stateOfPods(node string) string {
	s.Helper()
	if !s.deed.pods {
		return ""
	}
	left := 0
	for _, pod := range s.pods[node] {
		now, err := s.cluster.Client.CoreV1().Pods(pod.Namespace).Get(s.Context(), pod.Name, metav1.GetOptions{})
		if err == nil && now.UID == pod.UID {
			left++
		}
	}
	return fmt.Sprintf(", %d pods", left)
}

// from and to are the states of a node before the batch and after it.
func (s *scene) from(node string) string {
	if s.deed.pods {
		return fmt.Sprintf("%s, %d pods", s.deed.from, len(s.pods[node]))
	}
	return s.deed.from
}

func (s *scene) to() string {
	if s.deed.pods {
		return s.deed.to + ", 0 pods"
	}
	return s.deed.to
}

// table returns the nodes as the node table shows them.
func (s *scene) table() map[string]*corev1.Node {
	s.Helper()
	var list struct {
		Items []struct {
			Name          string
			UID           types.UID
			Unschedulable bool
			Labels        map[string]string
			Taints        []corev1.Taint
		}
	}
	path := "/clusters/" + url.PathEscape(s.cluster.Name) + "/nodes?size=200"
	s.program.request(s, http.MethodGet, path, nil, &list)
	nodes := map[string]*corev1.Node{}
	for _, row := range list.Items {
		n := &corev1.Node{}
		n.Name, n.UID, n.Labels = row.Name, row.UID, row.Labels
		n.Spec.Unschedulable, n.Spec.Taints = row.Unschedulable, row.Taints
		nodes[row.Name] = n
	}
	return nodes
}

// page returns the text of a page of the program.
func (s *scene) page(path string) (status int, text string) {
	s.Helper()
	return s.pageIn("en", path)
}

// pageIn returns the text of a page in a language.
func (s *scene) pageIn(language, path string) (status int, text string) {
	s.Helper()
	r, err := s.program.newRequest(s.Context(), http.MethodGet, path, nil)
	require.NoError(s, err)
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Accept-Language", language)
	response, err := s.program.client.Do(r)
	require.NoError(s, err)
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	require.NoError(s, err)
	return response.StatusCode, string(raw)
}

// eventually waits until a condition holds.
func (s *scene) eventually(what string, holds func() bool) {
	s.Helper()
	for end := time.Now().Add(longest); !holds(); time.Sleep(100 * time.Millisecond) {
		require.True(s, time.Now().Before(end), what)
	}
}
