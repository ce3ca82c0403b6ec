package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

func TestLimits_rate(t *testing.T) {
	at := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	l := newLimits(20, func() time.Time { return at })
	count := func(key string, change bool) (taken int) {
		for {
			if wait, _ := l.allow(key, change); wait > 0 {
				require.LessOrEqual(t, wait, time.Second)
				return taken
			}
			taken++
		}
	}
	require.Equal(t, 200, count("user 1", false), "a burst is what is allowed in ten seconds")
	require.Equal(t, 50, count("user 1", true), "changes have a quarter, which is separate from reads")
	require.Equal(t, 200, count("user 2", false), "other users are not affected")
	at = at.Add(time.Second)
	require.Equal(t, 20, count("user 1", false))
	require.Equal(t, 5, count("user 1", true))
	at = at.Add(time.Hour)
	require.Equal(t, 200, count("user 1", false))
}

func TestLimits_warnsOnce(t *testing.T) {
	at := time.Now()
	l := newLimits(1, func() time.Time { return at })
	lines := 0
	for range 1000 {
		if _, warn := l.allow("user 1", false); warn {
			lines++
		}
	}
	require.Equal(t, 1, lines)
}

// The number of known clients is limited. All further clients share one.
func TestLimits_bounded(t *testing.T) {
	at := time.Now()
	l := newLimits(10, func() time.Time { return at })
	for i := range 3 * maxTracked {
		l.allow(fmt.Sprint("10.0.", i), false)
	}
	require.LessOrEqual(t, len(l.clients), maxTracked+1)
	wait, _ := l.allow("203.0.113.9", false)
	require.Positive(t, wait, "it shares a limit with the flood")
	at = at.Add(time.Minute)
	wait, _ = l.allow("203.0.113.9", false)
	require.Zero(t, wait)
	require.LessOrEqual(t, len(l.clients), 2, "idle clients are removed")
}

// The response to a refused request says why, and when to try again, to people and
// scripts, with and without a login. The log has one line for each client.
func TestLimits_refusal(t *testing.T) {
	var log logBuffer
	a := signedIn(t, logTo(&log), func(o *Options) { o.UserRate = 1 })
	token := a.addUser(t, "robot", "viewer")
	flood := map[string]func() answer{
		"user": func() answer { return a.get("/clusters") },
		"token": func() answer {
			return a.another().get("/clusters", "Authorization", "Bearer "+token, "Accept", "application/json")
		},
		"no login":    func() answer { return a.another().get("/login") },
		"wrong token": func() answer { return a.another().get("/clusters", "Authorization", "Bearer knm_WRONG") },
		"change":      func() answer { return a.post("/batches/none/cancel", nil) },
	}
	for name, ask := range flood {
		var got answer
		require.Eventually(t, func() bool {
			got = ask()
			return got.status == http.StatusTooManyRequests
		}, eventually, time.Millisecond, name)
		seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
		require.NoError(t, err)
		require.InDelta(t, 1, seconds, 1)
		require.Contains(t, got.body, "sending requests too fast", name)
		require.Contains(t, got.body, "--user-rate", name)
	}
	require.Equal(t, http.StatusOK, a.get("/readyz").status, "probes are not limited")
	require.Equal(t, 3, strings.Count(log.String(), "Refusing requests that come too fast"),
		"the user, the token and the address: "+log.String())
	require.NotContains(t, log.String(), `"level":"INFO","msg":"Request failed"`)
}

func TestLimits_heavyRequestsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		e := testEdge(t, &log)
		e.limits = newLimits(0, time.Now)
		free := make(chan struct{})
		block := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-free })
		h := middleware.ClientIPFromRemoteAddr(e.observe(e.limitHeavy(block)))
		ask := func(user int64) (*httptest.ResponseRecorder, *sync.WaitGroup) {
			w := httptest.NewRecorder()
			ctx := services.WithActor(t.Context(), services.Actor{ID: user, Name: "u"})
			var done sync.WaitGroup
			done.Go(func() { h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)) })
			synctest.Wait()
			return w, &done
		}
		var group []*sync.WaitGroup
		for range maxHeavy {
			_, done := ask(1)
			group = append(group, done)
		}
		began := time.Now()
		refused, done := ask(1)
		done.Wait()
		require.Equal(t, http.StatusTooManyRequests, refused.Code)
		require.Equal(t, heavyWait, time.Since(began))
		require.Equal(t, "10", refused.Header().Get("Retry-After"))
		require.Contains(t, refused.Body.String(), "4 large requests in progress")

		waiting, done := ask(1)
		other, otherDone := ask(2)
		close(free)
		for _, done := range append(group, done, otherDone) {
			done.Wait()
		}
		require.Equal(t, http.StatusOK, waiting.Code)
		require.Equal(t, http.StatusOK, other.Code)
		require.Empty(t, e.limits.client("user 1").heavy)
	})
}

func TestAccessLog_linesAreShort(t *testing.T) {
	var log logBuffer
	a := signedIn(t, logTo(&log))
	a.get("/" + strings.Repeat("é", 5000))
	a.do(strings.Repeat("X", 5000), "/login", nil)
	for line := range strings.Lines(log.String()) {
		require.Less(t, len(line), 2000)
	}
	require.Contains(t, log.String(), `"method":"other"`)
}
