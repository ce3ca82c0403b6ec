package web

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
)

const (
	eventually = time.Minute // on a busy machine
	tick       = 5 * time.Millisecond
)

func TestProbes(t *testing.T) {
	a := startApp(t)
	for path, want := range map[string]string{
		"/healthz": "ok\n", "/readyz": "ready\n", "/version": "kube-node-manager test\n",
	} {
		got := a.get(path)
		require.Equal(t, http.StatusOK, got.status, "also before the set-up")
		require.Equal(t, want, got.body)
		require.Empty(t, got.header.Get("Set-Cookie"))
	}
	require.JSONEq(t, `{"status":"ready"}`, a.get("/readyz", "Accept", "application/json").body)
	var v map[string]string
	require.NoError(t, json.Unmarshal([]byte(a.get("/version", "Accept", "application/json").body), &v))
	require.Equal(t, "test", v["version"])
}

func TestReadyz_notReady(t *testing.T) {
	var log logBuffer
	e := testEdge(t, &log)
	got := serveError(t, e, e.readyz)
	require.Equal(t, http.StatusServiceUnavailable, got.status, "the program is starting or stopping")

	st, err := store.Open(t.Context(), t.TempDir(), e.log)
	require.NoError(t, err)
	require.NoError(t, st.Close(t.Context()))
	e.store = st
	e.ready.Store(true)
	got = serveError(t, e, e.readyz)
	require.Equal(t, http.StatusServiceUnavailable, got.status, "the database is closed")
	require.Equal(t, "database unavailable\n", got.body)
}

func TestMetrics(t *testing.T) {
	a := signedIn(t)
	a.get("/clusters/prod%2Feu")
	a.get("/nothing/odd-path")
	a.do("GARBAGE", "/nothing", nil)
	a.post("/login", credentials(testUser, "wrong"))
	var text string
	for _, want := range []string{
		`http_requests_total{code="303",method="GET",route="/clusters/{cluster}"} 1`,
		`http_requests_total{code="404",method="GET",route="unmatched"} 1`,
		`http_requests_total{code="405",method="other",route="unmatched"} 1`,
		`http_request_duration_seconds_count{route="/setup"} 1`,
		`login_total{result="wrong"} 1`,
		`knm_errors_total{code="not_found"} 1`,
		`knm_build_info{goversion="` + runtime.Version() + `",version="test"} 1`,
		`db_connections_in_use{pool="writer"} 0`,
		`sse_connections 0`,
		`sse_dropped_total 0`,
		`go_goroutines`,
		`process_start_time_seconds`,
	} {
		require.Eventually(t, func() bool { // a request is counted after its response
			text = a.get("/metrics").body
			return strings.Contains(text, want)
		}, eventually, tick, want)
	}
	require.False(t, strings.Contains(text, "odd-path"), "paths are not labels")
}

// endWatcher keeps the id of the batch that has ended.
type endWatcher struct {
	batch.Watcher
	id string
}

func (l *endWatcher) BatchEnded(_, id, _ string, _ store.State, _ batch.Counts) { l.id = id }

func TestMetrics_ofBatches(t *testing.T) {
	a := startApp(t)
	m := newMetrics("x")
	next := &endWatcher{}
	counts := store.Counts{Succeeded: 3, Failed: 2}
	batchWatcher{Watcher: next, metrics: m}.BatchEnded("prod", "b1", "cordon", store.StatePartial, counts)
	require.Equal(t, "b1", next.id)
	families, err := m.registry.Gather()
	require.NoError(t, err)
	found := map[string]int{}
	for _, f := range families {
		found[f.GetName()] = len(f.GetMetric())
	}
	require.Equal(t, 1, found["knm_batches_total"])
	require.Equal(t, 5, found["knm_batch_items_total"])
	require.NotContains(t, a.get("/metrics").body, "knm_batches_total", "each App has its own metrics")
}

func TestMetrics_ownAddress(t *testing.T) {
	var log logBuffer
	a := startApp(t, logTo(&log), func(o *Options) { o.MetricsAddr = "127.0.0.1:0" })
	require.Equal(t, http.StatusNotFound, a.get("/metrics").status)
	b := newBrowser(t, "http://"+secondAddress(t, &log, "metrics server"))
	require.Contains(t, b.get("/metrics").body, "knm_build_info")
	require.Equal(t, http.StatusNotFound, b.get("/").status)
}

// What is now is read at the request: a cluster that cannot be reached, and a batch that
// waits to be resumed.
func TestMetrics_now(t *testing.T) {
	a := startApp(t)
	require.Eventually(t, func() bool {
		return strings.Contains(a.get("/metrics").body, `knm_clusters{state="unreachable"} 1`)
	}, eventually, tick)
	body := a.get("/metrics").body
	require.Contains(t, body, `knm_batches_open{state="interrupted"} 0`)
	require.NotContains(t, body, testCluster, "not everybody may know which clusters there are")

	running := []store.Batch{{State: store.StateRunning}, {State: store.StateInterrupted}}
	n := nowMetrics{ctx: t.Context(), batches: openBatches(running)}
	counts, err := n.countOpen()
	require.NoError(t, err)
	require.Equal(t, map[string]int{"running": 1, "interrupted": 1}, counts)
}

type openBatches []store.Batch

func (o openBatches) OpenBatches(context.Context) ([]store.Batch, error) { return o, nil }

// Profiles are for this machine, on an address of their own.
func TestPprof(t *testing.T) {
	var log logBuffer
	a := startApp(t, logTo(&log), func(o *Options) { o.PprofAddr = "127.0.0.1:0" })
	require.NotEqual(t, http.StatusOK, a.get("/debug/pprof/").status)
	b := newBrowser(t, "http://"+secondAddress(t, &log, "pprof server"))
	require.Contains(t, b.get("/debug/pprof/goroutine?debug=1").body, "goroutine profile: total")
	require.Equal(t, http.StatusOK, b.get("/debug/pprof/profile?seconds=1").status)
	require.Equal(t, http.StatusMisdirectedRequest, b.get("/debug/pprof/", "Host", "evil.example").status)
}

// secondAddress returns the address of another server of the program, from its log.
func secondAddress(t *testing.T, log *logBuffer, server string) string {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		var fields struct{ Msg, Server, Address string }
		if json.Unmarshal([]byte(line), &fields) == nil && fields.Msg == "Serving" && fields.Server == server {
			return fields.Address
		}
	}
	require.Fail(t, "it was not started", server)
	return ""
}

func TestSSE_counted(t *testing.T) {
	a := signedIn(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.base+"/events?cluster=prod%2Feu", nil)
	require.NoError(t, err)
	res, err := a.client.Do(req)
	require.NoError(t, err)
	require.Empty(t, res.Header.Get("Content-Encoding"))
	require.Contains(t, a.get("/metrics").body, "sse_connections 1")
	require.NoError(t, res.Body.Close())
	require.Eventually(t, func() bool {
		return strings.Contains(a.get("/metrics").body, "sse_connections 0")
	}, eventually, tick)
}

func TestCompression(t *testing.T) {
	a := signedIn(t)
	require.Equal(t, "gzip", a.get("/clusters", "Accept-Encoding", "gzip").header.Get("Content-Encoding"))
	require.Equal(t, "gzip", a.get("/static/0/app.css", "Accept-Encoding", "gzip").header.Get("Content-Encoding"))
	require.Empty(t, a.get("/clusters", "Accept-Encoding", "identity").header.Get("Content-Encoding"))
}
