package acceptance

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube/kubetest"
)

// Law 1 from outside: when the last event says that the batch is done, every
// reader sees its end and a fresh table.
func TestLaw1_doneMeansVisible(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 30)
	p := startProgram(t, c.Kubeconfig)
	p.unschedulable(t, c.Name) // now the table is cached
	cluster := p.follow(t, "cluster="+c.Name)
	b, status := p.submit(t, c.Name, "cordon", names...)
	require.Equal(t, http.StatusAccepted, status)
	events := p.follow(t, url.Values{"cluster": {c.Name}, "batch": {b.ID}}.Encode())
	var seen []string
	for {
		e, open := next(t, events)
		require.True(t, open, "the stream ended before it was done: %v", seen)
		seen = append(seen, e.Name)
		if e.Name != "done" {
			continue
		}
		for name, cordoned := range p.unschedulable(t, c.Name) {
			require.True(t, cordoned, "%s is stale", name)
		}
		require.Equal(t, "succeeded", p.batch(t, b.ID).State)
		require.Contains(t, e.Data, `data-state="succeeded"`)
		break
	}
	for e, open := next(t, events); open; e, open = next(t, events) {
		t.Fatalf("%q came after done", e.Name)
	}
	e, _ := next(t, cluster)
	for e.Name == "asof" {
		e, _ = next(t, cluster)
	}
	require.Equal(t, "nodes", e.Name, "a page that follows the cluster only learns of it too")
	require.Equal(t, 1, strings.Count(p.log(t),
		"Invalidated cache for cluster "+c.Name+" after batch cordon with progress"))
}

// The sync path: a small batch is answered with its result.
func TestSync_smallBatchAnswersWithItsResult(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 5)
	p := startProgram(t, c.Kubeconfig)
	p.unschedulable(t, c.Name)
	b, status := p.submit(t, c.Name, "cordon", names...)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "succeeded", b.State)
	require.Len(t, b.Items, 5)
	for _, n := range p.nodes(t, c.Name, "").Items {
		require.Equal(t, []string{"Ready", "cordoned", "kernel CVE", adminName},
			[]string{n.Status, n.Scheduling, n.Reason, n.ReasonBy})
		require.NotNil(t, n.ReasonSince)
	}
	require.Contains(t, p.log(t), "Invalidated cache for cluster "+c.Name+" after batch cordon operation")
	b, status = p.submit(t, c.Name, "uncordon", append(names, "ghost")...)
	require.Equal(t, http.StatusAccepted, status, "more than five are followed")
	b = p.awaitBatch(t, b.ID)
	require.Equal(t, "partial", b.State)
	require.Equal(t, "This node does not exist in the cluster.", b.Items[5].Error)
}

// A small batch that takes longer than a request may wait becomes one with
// progress.
func TestSync_slowSmallBatchIsFollowed(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, proxy.Kubeconfig(t, c.Name), "--sync-wait", "300ms")
	hold := make(chan struct{})
	proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Hold: hold})
	b, status := p.submit(t, c.Name, "cordon", names...)
	require.Equal(t, http.StatusAccepted, status)
	require.Equal(t, "running", b.State)
	close(hold)
	require.Equal(t, "succeeded", p.awaitBatch(t, b.ID).State)
	require.Contains(t, p.log(t), "Invalidated cache for cluster "+c.Name+" after batch cordon with progress")
}

// Law 4: kill -9 while a batch runs, several times; nothing is lost, nothing is
// repeated with harm, and the batch ends.
func TestLaw4_killedInTheMiddle(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 200)
	p := newProgram(t, proxy.Kubeconfig(t, c.Name))
	p.start(t)
	var b batchDoc
	for kill := range 3 {
		stuck := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Skip: 40, Hold: make(chan struct{})})
		if kill == 0 {
			b, _ = p.submit(t, c.Name, "cordon", names...)
		} else {
			p.start(t)
		}
		stuck.WaitHits(t, 1)
		p.end(t, syscall.SIGKILL)
		stuck.Remove()
	}
	p.start(t)
	b = p.awaitBatch(t, b.ID)
	require.Equal(t, "succeeded", b.State)
	require.Equal(t, 200, b.Counts["succeeded"])
	require.Len(t, b.Items, 200)
	once := map[string]bool{}
	for _, it := range b.Items {
		require.False(t, once[it.Node])
		once[it.Node] = true
		require.Equal(t, "succeeded", it.State)
		require.JSONEq(t, `false`, field(t, it.Before, "unschedulable"))
		require.JSONEq(t, `true`, field(t, it.After, "unschedulable"))
	}
	for name, cordoned := range p.unschedulable(t, c.Name) {
		require.True(t, cordoned, name)
	}
	// Only calls in flight at a kill are sent again.
	require.LessOrEqual(t, proxy.Calls("patch", "nodes"), 200+3*64)
}

// A killed program cannot know the outcome of the calls in flight, and says so:
// every node that has changed has an item that admits it.
func TestLaw4_killedAndThenCancelledAdmitsWhatItCannotKnow(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 100)
	p := newProgram(t, proxy.Kubeconfig(t, c.Name), "--no-resume")
	p.start(t)
	unanswered := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", HoldAnswer: make(chan struct{})})
	b, _ := p.submit(t, c.Name, "cordon", names...)
	unanswered.WaitAnswers(t, 16) // as many as the program sends before the first response; no other call is in flight
	p.end(t, syscall.SIGKILL)
	proxy.Reset()
	p.start(t)
	require.Equal(t, "interrupted", p.batch(t, b.ID).State)
	p.unschedulable(t, c.Name) // now the table is cached
	p.request(t, http.MethodPost, "/batches/"+b.ID+"/cancel", url.Values{}, nil)
	b = p.awaitBatch(t, b.ID)
	require.Equal(t, "cancelled", b.State)
	require.Zero(t, proxy.Calls("patch", "nodes"))
	cordoned := p.unschedulable(t, c.Name)
	admitted := 0
	for _, it := range b.Items {
		require.True(t, !cordoned[it.Node] || it.State == "succeeded" || it.MayHaveChanged,
			"%s was cordoned, and its item is %s", it.Node, it.State)
		if it.MayHaveChanged {
			admitted++
		}
	}
	require.GreaterOrEqual(t, admitted, 16)
	require.Equal(t, 1, strings.Count(p.log(t), "Invalidated cache for cluster "+c.Name))
}

func field(t *testing.T, raw []byte, name string) string {
	t.Helper()
	var object map[string]any
	require.NoError(t, json.Unmarshal(raw, &object))
	return fmt.Sprint(object[name])
}

// SIGTERM while a batch runs and a browser follows it: the program exits
// cleanly and soon, and the next process continues the batch.
func TestTerminate_inTheMiddleOfABatch(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 200)
	p := newProgram(t, proxy.Kubeconfig(t, c.Name), "--log-level", "debug")
	p.start(t)
	hold := make(chan struct{})
	held := proxy.Inject(kubetest.Fault{
		Verb: "patch", Resource: "nodes", Skip: 40, Delay: 200 * time.Millisecond,
		Hold: hold,
	})
	b, _ := p.submit(t, c.Name, "cordon", names...)
	p.follow(t, "cluster="+c.Name+"&batch="+b.ID)
	held.WaitHits(t, 1)
	go func() { // the calls in flight end while the program waits for them
		defer close(hold)
		p.awaitLog("stop the web server") // the step before the batches
	}()
	p.end(t, syscall.SIGTERM) // fails unless the exit code is 0
	<-hold
	calls := proxy.Calls("patch", "nodes")
	require.Less(t, calls, 200)
	proxy.Reset()
	p.start(t)
	b = p.awaitBatch(t, b.ID)
	require.Equal(t, 200, b.Counts["succeeded"])
	require.Equal(t, 200-calls, proxy.Calls("patch", "nodes"), "calls under way had ended, so nothing is sent twice")
}

// Law 5: a browser that stops reading blocks neither the batch nor another
// browser.
func TestLaw5_viewerThatNeverReads(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 400)
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Delay: 100 * time.Millisecond})
	b, _ := p.submit(t, c.Name, "cordon", names...)
	address := strings.TrimPrefix(p.URL, "http://")
	for range 20 {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(1024))
		t.Cleanup(func() { _ = conn.Close() })
		_, err = fmt.Fprintf(conn, "GET /events?cluster=%s&batch=%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n",
			c.Name, b.ID, address, p.Token)
		require.NoError(t, err)
	}
	events := p.follow(t, "batch="+b.ID)
	last := ""
	for e, open := next(t, events); open; e, open = next(t, events) {
		last = e.Name
	}
	require.Equal(t, "done", last)
	require.Equal(t, 400, p.batch(t, b.ID).Counts["succeeded"])
}

// Law 6: whoever connects late sees the present state at once.
func TestLaw6_lateViewerSeesTheStateAtOnce(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 6)
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	hold := make(chan struct{})
	held := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Name: names[5], Hold: hold})
	b, _ := p.submit(t, c.Name, "cordon", names...)
	held.WaitHits(t, 1)
	require.Eventually(t, func() bool { return p.batch(t, b.ID).Counts["succeeded"] == 5 }, patience, 10*time.Millisecond)
	e, _ := next(t, p.follow(t, "batch="+b.ID)) // nothing has changed since the connection
	require.Equal(t, "progress", e.Name)
	require.Contains(t, e.Data, names[5], "the node at work")
	close(hold)
	p.awaitBatch(t, b.ID)
	e, _ = next(t, p.follow(t, "batch="+b.ID))
	require.Equal(t, "done", e.Name, "a batch that has ended says so first")
	generation := 0
	e, _ = next(t, p.follow(t, fmt.Sprintf("cluster=%s&generation=%d", c.Name, generation)))
	require.Equal(t, "nodes", e.Name, "a page from before the clearing is told to reload")
}
