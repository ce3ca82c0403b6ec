package web

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services/kube/kubetest"
)

const (
	hookSecret = "the secret of a receiver"
	// hookPatience is how long a test waits for what takes up to three seconds on an idle machine.
	hookPatience = time.Minute
)

// hookService is a service that refuses the first message, because it has no time.
type hookService struct {
	*httptest.Server
	hookFormat

	mu    sync.Mutex
	tries int
	heard []string // the texts that it has accepted
	wrong []error
}

func (s *hookService) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	text, err := s.read(q, body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries++
	answer := s.accepted
	switch {
	case err != nil:
		s.wrong, answer = append(s.wrong, err), hookAnswer{http.StatusForbidden, err.Error()}
	case s.tries == 1:
		answer = s.busy
	default:
		s.heard = append(s.heard, text)
	}
	w.WriteHeader(answer.status)
	_, _ = io.WriteString(w, answer.body)
}

// has returns the texts that have arrived.
func (s *hookService) has(t *testing.T) []string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Empty(t, s.wrong)
	return slices.Clone(s.heard)
}

func (s *hookService) tried() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries
}

// hookTest is the program with a drain that a budget blocks, and with a webhook for each
// format. Its clock is set forward, so that nobody waits for the minutes of a webhook.
type hookTest struct {
	*testApp
	clock    *testClock
	c        *kubetest.Cluster
	ns       string
	services map[string]*hookService // by the name of the webhook
}

func newHookTest(t *testing.T) *hookTest {
	t.Helper()
	h := &hookTest{clock: &testClock{}, c: kubetest.Acquire(t), services: map[string]*hookService{}}
	h.ns = h.c.Namespace(t)
	h.testApp = signedIn(t, h.clock.option, func(o *Options) {
		o.Kubeconfig = h.c.Kubeconfig
		o.WebhookNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	return h
}

// add adds a webhook with a service of its own.
func (h *hookTest) add(t *testing.T, name, format string, minutes int) {
	t.Helper()
	s := &hookService{hookFormat: hookFormats[format]}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	h.services[name] = s
	got := h.post("/hooks", url.Values{
		"name": {name}, "format": {format}, "url": {s.URL + "/hook?access_token=robot"}, "secret": {hookSecret},
		"language": {s.language}, "minutes": {strconv.Itoa(minutes)}, "cluster": {h.c.Name},
	})
	require.Equal(t, http.StatusSeeOther, got.status, got.body)
}

// read reads JSON of the program.
func (h *hookTest) read(t *testing.T, path string, into any) {
	t.Helper()
	got := h.get(path, "Accept", "application/json")
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.NoError(t, json.Unmarshal([]byte(got.body), into))
}

// drain begins to drain a node.
func (h *hookTest) drain(t *testing.T, node string) (id string) {
	t.Helper()
	form := url.Values{"operation": {"drain"}, "node": {node}, "reason": {"kernel update"}}
	got := h.post("/clusters/"+h.c.Name+"/batches", form, "Accept", "application/json")
	require.Equal(t, http.StatusAccepted, got.status, got.body)
	var b struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(got.body), &b))
	return b.ID
}

// blocked waits until a budget blocks a drain, and returns since when.
func (h *hookTest) blocked(t *testing.T, id string) (since time.Time) {
	t.Helper()
	require.Eventually(t, func() bool {
		var b struct {
			Drain struct {
				Nodes []struct{ Blocks []struct{ Since time.Time } }
			}
		}
		h.read(t, "/batches/"+id, &b)
		if len(b.Drain.Nodes) == 0 || len(b.Drain.Nodes[0].Blocks) == 0 {
			return false
		}
		since = b.Drain.Nodes[0].Blocks[0].Since
		return true
	}, hookPatience, 50*time.Millisecond)
	return since
}

// hookLine is a line of the log of webhooks.
type hookLine struct {
	Hook, Event, State, Answer string
	Attempts                   int
	CreatedAt                  time.Time
}

// log returns the log of webhooks, the newest line first.
func (h *hookTest) log(t *testing.T) []hookLine {
	t.Helper()
	var list struct{ Deliveries []hookLine }
	h.read(t, "/hooks", &list)
	return list.Deliveries
}

// awaitLine waits for a line of the log.
func (h *hookTest) awaitLine(t *testing.T, name, event, state string) (line hookLine) {
	t.Helper()
	is := func(l hookLine) bool { return l.Hook == name && l.Event == event && l.State == state }
	require.Eventually(t, func() bool {
		all := h.log(t)
		i := slices.IndexFunc(all, is)
		if i >= 0 {
			line = all[i]
		}
		return i >= 0
	}, hookPatience, 50*time.Millisecond, "%s %s %s", name, event, state)
	return line
}

// A drain that a budget blocks is told in every format when it has been blocked for as long
// as the webhook wants, and so are its start and its end; each arrives once, though every
// service refuses the first message.
func TestHooks_blockedInEveryFormat(t *testing.T) {
	h := newHookTest(t)
	node := h.c.Nodes(t, 2)[0]
	h.c.Deployment(t, h.ns, "shop", 1, kubetest.OnNodes(node))
	h.c.Budget(t, h.ns, "shop", 1)
	const late = "a patient one" // the first in the order in which webhooks are told
	for format := range hookFormats {
		h.add(t, format, format, 10)
	}
	h.add(t, late, "json", 30)

	id := h.drain(t, node)
	for name, s := range h.services {
		line := h.awaitLine(t, name, "started", "pending")
		require.Eventually(t, func() bool { return s.tried() == 1 }, hookPatience, 20*time.Millisecond)
		require.Empty(t, s.has(t), line)
	}
	h.clock.add(5 * time.Second)
	for name := range h.services {
		require.Equal(t, 2, h.awaitLine(t, name, "started", "sent").Attempts)
	}

	since := h.blocked(t, id)
	require.NotContains(t, fmt.Sprint(h.log(t)), "blocked")
	h.clock.add(10 * time.Minute)
	for format := range hookFormats {
		line := h.awaitLine(t, format, "blocked", "sent")
		require.GreaterOrEqual(t, line.CreatedAt.Sub(since), 10*time.Minute)
		require.Equal(t, 1, line.Attempts)
	}
	require.Len(t, h.services[late].has(t), 1, "it wants to be told later")
	h.clock.add(20 * time.Minute)
	require.GreaterOrEqual(t, h.awaitLine(t, late, "blocked", "sent").CreatedAt.Sub(since), 30*time.Minute)

	budgets := h.c.Client.PolicyV1().PodDisruptionBudgets(h.ns)
	require.NoError(t, budgets.Delete(t.Context(), "shop", metav1.DeleteOptions{}))
	for name := range h.services {
		h.awaitLine(t, name, "ended", "sent")
	}
	require.Len(t, h.log(t), 3*len(h.services), "each once")
	for name, s := range h.services {
		h.requireTexts(t, name, s)
	}
}

// requireTexts requires that a service has got the three messages in their order.
func (h *hookTest) requireTexts(t *testing.T, name string, s *hookService) {
	t.Helper()
	texts := s.has(t)
	require.Len(t, texts, 3, name)
	words := map[string][]string{
		"en":    {"Started: ", "Blocked for ", "Ended: ", "Budgets: "},
		"zh-CN": {"已开始：", "已受阻 ", "已结束：", "干扰预算："},
	}[s.language]
	for i, text := range texts {
		require.True(t, strings.HasPrefix(text, words[i]), "%s: %s", name, text)
		require.Contains(t, text, h.c.Name)
		require.Contains(t, text, "kernel update")
	}
	require.Contains(t, texts[1], words[3]+h.ns+"/shop", name)
}
