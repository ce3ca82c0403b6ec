package acceptance

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const hookSecret = "the secret of a receiver"

// receiver is a server of a webhook. It checks what it is sent, and refuses it while it is
// down.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	down    bool
	refused int
	wrong   []string // signatures
	heard   []string // "batch event", in the order in which it was accepted
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		r.refused++
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	mac := hmac.New(sha256.New, []byte(hookSecret))
	_, _ = fmt.Fprintf(mac, "%s.%s", q.Header.Get("X-KNM-Timestamp"), body)
	if want := "sha256=" + hex.EncodeToString(mac.Sum(nil)); want != q.Header.Get("X-KNM-Signature") {
		r.wrong = append(r.wrong, string(body))
	}
	var m struct{ Batch, Event string }
	if json.Unmarshal(body, &m) == nil {
		r.heard = append(r.heard, m.Batch+" "+m.Event)
	}
}

func (r *receiver) set(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

// refusals returns how many requests were refused.
func (r *receiver) refusals() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused
}

// awaitEvents waits until exactly these events of a batch have arrived.
func (r *receiver) awaitEvents(t *testing.T, id string, events ...string) {
	t.Helper()
	of := func() (events []string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		require.Empty(t, r.wrong, "every signature is right")
		for _, line := range r.heard {
			if event, ok := strings.CutPrefix(line, id+" "); ok {
				events = append(events, event)
			}
		}
		return events
	}
	for end := time.Now().Add(patience); len(of()) < len(events) && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	require.Equal(t, events, of())
}

// as returns the program for another administrator.
func (p *program) as(t *testing.T, name string) *program {
	t.Helper()
	p.run(t, adminPassword+"\n", "user", "add", name, "--role", "admin", "--data", p.Data)
	other := *p
	other.Token = strings.TrimSpace(p.run(t, "", "user", "token", name, "--data", p.Data))
	return &other
}

// approve approves the plan of a batch as it is now.
func (p *program) approve(t *testing.T, id string) {
	t.Helper()
	var plan struct{ Digest string }
	p.request(t, http.MethodGet, "/batches/"+id+"/plan", nil, &plan)
	p.request(t, http.MethodPost, "/batches/"+id+"/approve", url.Values{"plan": {plan.Digest}}, &batchDoc{})
}

// A webhook is told of all that happens to batches, each once and in its order, though its
// receiver fails at first, and the program is killed in between.
func TestHooks(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 4)
	r := newReceiver(t)
	p := startProgram(t, c.Kubeconfig, "--webhook-networks", "127.0.0.0/8")
	p.request(t, http.MethodPost, "/hooks", url.Values{
		"name": {"on call"}, "url": {r.URL}, "secret": {hookSecret}, "format": {"json"}, "cluster": {c.Name},
	}, nil)
	p.request(t, http.MethodPost, "/clusters/"+c.Name+"/rules", url.Values{"approval_drain": {"1"}}, nil)
	other := p.as(t, "grace")

	r.set(true)
	first, _ := p.submit(t, c.Name, "drain", names[0])
	require.Eventually(t, func() bool { return r.refusals() > 0 }, patience, 10*time.Millisecond)
	r.set(false)
	other.approve(t, first.ID)
	r.awaitEvents(t, first.ID, "approval", "started", "ended")

	held, _ := p.submit(t, c.Name, "drain", names[1])
	c.Pod(t, c.Namespace(t), "alone", names[1]) // nobody has agreed to delete it
	other.approve(t, held.ID)
	r.awaitEvents(t, held.ID, "approval", "blocked")
	require.Equal(t, "interrupted", p.batch(t, held.ID).State)
	p.request(t, http.MethodPost, "/batches/"+held.ID+"/cancel", nil, nil)
	r.awaitEvents(t, held.ID, "approval", "blocked", "ended")

	failed, _ := p.submit(t, c.Name, "cordon", "no-such-node")
	r.awaitEvents(t, failed.ID, "started", "failed")

	r.set(true)
	before := r.refusals()
	last, _ := p.submit(t, c.Name, "cordon", names[2])
	p.awaitBatch(t, last.ID)
	require.Eventually(t, func() bool { return r.refusals() > before }, patience, 10*time.Millisecond)
	p.end(t, syscall.SIGKILL)
	r.set(false)
	p.start(t)
	r.awaitEvents(t, last.ID, "started", "ended")
	r.requireLog(t, p)
}

// requireLog requires that the log says of every delivery that it has arrived.
func (r *receiver) requireLog(t *testing.T, p *program) {
	t.Helper()
	var list struct {
		Deliveries []struct{ State, Batch, Event string }
	}
	heard := map[string]bool{}
	require.Eventually(t, func() bool {
		p.request(t, http.MethodGet, "/hooks", nil, &list)
		return len(list.Deliveries) > 0 && list.Deliveries[0].State == "sent"
	}, patience, 50*time.Millisecond)
	for _, d := range list.Deliveries {
		require.Equal(t, "sent", d.State, d)
		require.False(t, heard[d.Batch+" "+d.Event], "each once")
		heard[d.Batch+" "+d.Event] = true
	}
}
