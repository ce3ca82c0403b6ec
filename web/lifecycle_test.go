package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestApp_startStop(t *testing.T) {
	o := testOptions(t)
	var out bytes.Buffer
	o.Output = &out
	a, err := New(o)
	require.NoError(t, err)
	require.Empty(t, a.Addr())
	require.Empty(t, a.URL())
	require.NoError(t, a.Start(t.Context()))
	require.NotEmpty(t, a.Addr())
	require.Equal(t, "http://"+a.Addr(), a.URL())
	require.Contains(t, out.String(), a.URL()+"/setup")
	require.Contains(t, out.String(), a.SetupCode())
	require.Equal(t, http.StatusOK, newBrowser(t, a.URL()).get("/readyz").status)

	addr := a.Addr()
	require.NoError(t, a.Stop(t.Context()))
	require.NoError(t, a.Stop(t.Context()), "a second stop does nothing")
	_, err = net.Dial("tcp", addr)
	require.Error(t, err, "the address is free again")
	require.Error(t, a.Start(t.Context()), "an App starts once")
}

func TestApp_stopBeforeStart(t *testing.T) {
	a, err := New(testOptions(t))
	require.NoError(t, err)
	require.NoError(t, a.Stop(t.Context()))
	require.Error(t, a.Start(t.Context()))
}

func TestApp_startTwice(t *testing.T) {
	a := startApp(t)
	require.Error(t, a.Start(t.Context()))
	require.Equal(t, http.StatusOK, a.get("/healthz").status, "the second start changes nothing")
}

func TestApp_twoInstances(t *testing.T) {
	one, two := signedIn(t), signedIn(t)
	require.NotEqual(t, one.Addr(), two.Addr())
	require.Equal(t, http.StatusOK, one.get("/clusters").status)
	require.Equal(t, http.StatusOK, two.get("/clusters").status)
}

func TestApp_restartKeepsLogins(t *testing.T) {
	a := signedIn(t)
	require.NoError(t, a.Stop(t.Context()))
	again := startApp(t, func(o *Options) { o.Data = a.options.Data })
	require.Empty(t, again.SetupCode())
	again.client.Jar = a.client.Jar // cookies are valid for all ports
	require.Equal(t, http.StatusOK, again.get("/clusters").status)
}

func TestApp_sameDataTwice(t *testing.T) {
	a := startApp(t)
	o := testOptions(t)
	o.Data = a.options.Data
	second, err := New(o)
	require.NoError(t, err)
	require.ErrorContains(t, second.Start(t.Context()), "another server runs")
	require.Equal(t, http.StatusOK, a.get("/readyz").status)
}

// After a failed start, the next one can use the same data directory.
func TestApp_failedStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, taken.Close()) })
	o := testOptions(t)
	tests := map[string]func(o *Options){
		"--listen":       func(o *Options) { o.Listen = taken.Addr().String() },
		"--metrics-addr": func(o *Options) { o.MetricsAddr = taken.Addr().String() },
		"kubeconfig":     func(o *Options) { o.Kubeconfig = filepath.Join(o.Data, "none") },
		"context":        func(o *Options) { o.Contexts = []string{"none"} },
	}
	for want, change := range tests {
		broken := o
		change(&broken)
		a, err := New(broken)
		require.NoError(t, err)
		require.ErrorContains(t, a.Start(t.Context()), want)
		require.NoError(t, a.Stop(t.Context()))
	}
	a, err := New(o)
	require.NoError(t, err)
	require.NoError(t, a.Start(t.Context()))
	require.NoError(t, a.Stop(t.Context()))
}

func TestRun_endsWithItsContext(t *testing.T) {
	restore := slog.Default()
	t.Cleanup(func() { slog.SetDefault(restore) })
	ctx, cancel := context.WithCancel(t.Context())
	o := testOptions(t)
	started := make(chan struct{})
	o.Output = writerFunc(func(p []byte) (int, error) {
		if bytes.HasPrefix(p, []byte("Kube Node Manager")) {
			close(started)
		}
		return len(p), nil
	})
	ended := make(chan error)
	go func() { ended <- Run(ctx, o) }()
	<-started
	cancel()
	require.NoError(t, <-ended)
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestRun_wrongOptions(t *testing.T) {
	o := testOptions(t)
	o.Listen = "nowhere"
	require.ErrorContains(t, Run(t.Context(), o), "--listen")
}

// Event streams do not end by themselves, so Stop ends them.
func TestStop_endsStreams(t *testing.T) {
	var log logBuffer
	a := signedIn(t, logTo(&log))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.base+"/events?cluster=prod%2Feu", nil)
	require.NoError(t, err)
	res, err := a.client.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))

	require.NoError(t, a.Stop(t.Context()))
	require.NotContains(t, log.String(), "Cut off")
	_, err = io.ReadAll(res.Body)
	require.NoError(t, err, "the stream has ended regularly")
}

// A request whose body never arrives does not stop the database from being closed.
func TestStop_cutsOffRequests(t *testing.T) {
	t.Parallel() // it waits for stopRequests
	a := startApp(t)
	conn, err := net.Dial("tcp", a.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = conn.Write([]byte("POST /preferences HTTP/1.1\r\nHost: localhost\r\n" +
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\nlang"))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.get("/healthz").status, "the server has accepted the request before this one")
	begin := time.Now()
	require.NoError(t, a.Stop(t.Context()))
	require.Less(t, time.Since(begin), stopTimeout)
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err, "the connection is closed")
}

func newCleanups(log *slog.Logger) *cleanups { return &cleanups{log: log} }

func TestCleanups_lastFirstAndAll(t *testing.T) {
	c := newCleanups(slog.New(slog.DiscardHandler))
	var order []string
	step := func(name string, err error) {
		c.push(name, time.Second, func(context.Context) error {
			order = append(order, name)
			return err
		})
	}
	broken, torn := errors.New("broken"), errors.New("torn")
	step("first", broken)
	step("second", nil)
	step("third", torn)
	err := c.run(t.Context())
	require.Equal(t, []string{"third", "second", "first"}, order)
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, err, torn)
	require.ErrorContains(t, err, "third: torn")
	require.NoError(t, c.run(t.Context()), "a step runs once")
	require.Len(t, order, 3)
}

func TestCleanups_panic(t *testing.T) {
	c := newCleanups(slog.New(slog.DiscardHandler))
	ran := false
	c.push("first", time.Second, withoutError(func() { ran = true }))
	c.push("second", time.Second, func(context.Context) error { panic("oh") })
	require.ErrorContains(t, c.run(t.Context()), "second: panic: oh")
	require.True(t, ran)
}

func TestCleanups_hangingSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCleanups(slog.New(slog.DiscardHandler))
		release := make(chan struct{})
		defer close(release)
		ran := false
		c.push("last", time.Second, withoutError(func() { ran = true }))
		c.push("deaf", 2*time.Second, withoutError(func() { <-release }))
		c.push("slow", time.Second, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		begin := time.Now()
		err := c.run(t.Context())
		require.ErrorContains(t, err, "deaf: did not end")
		require.ErrorContains(t, err, "slow: context deadline exceeded")
		require.Equal(t, 3*time.Second+grace, time.Since(begin))
		require.True(t, ran, "the other steps run")
	})
}

func TestCleanups_limitOfAllSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCleanups(slog.New(slog.DiscardHandler))
		release := make(chan struct{})
		defer close(release)
		for range 10 {
			c.push("deaf", 10*time.Second, withoutError(func() { <-release }))
		}
		ctx, cancel := context.WithTimeout(t.Context(), stopTimeout)
		defer cancel()
		begin := time.Now()
		require.Error(t, c.run(ctx))
		require.LessOrEqual(t, time.Since(begin), 15*time.Second)
	})
}

func TestLogFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log", "app.log")
	for range 2 { // the second App appends to the file
		o := testOptions(t)
		o.Log, o.LogFile, o.LogFormat = nil, name, "json"
		o.LogLevel = slog.LevelInfo
		a, err := New(o)
		require.NoError(t, err)
		a.log.Info("hello")
		require.NoError(t, os.Rename(name, name+".1"))
		a.reopenLog()
		a.log.Info("again")
		require.NoError(t, a.Stop(t.Context()))
		require.NoError(t, a.logFile.Close(), "a second Close does nothing")
		require.FileExists(t, name+".1")
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Contains(t, string(text), `"msg":"again"`)
		require.NotContains(t, string(text), `"msg":"hello"`)
	}
}

func TestContextHandler(t *testing.T) {
	var log logBuffer
	o := testOptions(t)
	o.LogFormat = "json"
	logger := slog.New(contextHandler{newHandler(&o, &log)}).With("batch", "b1").WithGroup("g")
	ctx := context.WithValue(t.Context(), infoKey{}, &info{id: "r1", clientIP: "192.0.2.1"})
	logger.InfoContext(ctx, "inside")
	require.Contains(t, log.String(), `"request_id":"r1","client_ip":"192.0.2.1"`)
	require.Contains(t, log.String(), `"batch":"b1"`)
	logger.Info("outside")
	require.Equal(t, 1, strings.Count(log.String(), "r1"))
}

func TestLogFile_cannotBeOpened(t *testing.T) {
	o := testOptions(t)
	o.Log, o.LogFile = nil, t.TempDir()
	_, err := New(o)
	require.ErrorContains(t, err, "--log-file")
}

func TestOptions_validate(t *testing.T) {
	valid := DefaultOptions()
	require.NoError(t, valid.Validate())
	tests := map[string]func(*Options){
		"--listen":           func(o *Options) { o.Listen = "8080" },
		"--data":             func(o *Options) { o.Data = "" },
		"--public-url":       func(o *Options) { o.PublicURL = "nodes.example.com" },
		"the path of":        func(o *Options) { o.PublicURL = "https://example.com/a%20b" },
		"must end after":     func(o *Options) { o.PublicURL = "https://example.com?x" },
		"--log-format":       func(o *Options) { o.LogFormat = "xml" },
		"--session-lifetime": func(o *Options) { o.SessionLifetime = 0 },
		"--session-idle":     func(o *Options) { o.SessionIdle = -time.Second },
		"--sync-limit":       func(o *Options) { o.SyncLimit = -1 },
		"--sync-wait":        func(o *Options) { o.SyncWait = time.Minute },
		"--list-ttl":         func(o *Options) { o.ListTTL = 0 },
		"--detail-ttl":       func(o *Options) { o.DetailTTL = 0 },
		"--hard-age":         func(o *Options) { o.HardAge = time.Second },
		"--metrics-addr":     func(o *Options) { o.MetricsAddr = "x" },
		"--pprof-addr":       func(o *Options) { o.PprofAddr = "x" },
		"other machines can": func(o *Options) { o.PprofAddr = ":6060" },
	}
	for want, change := range tests {
		o := DefaultOptions()
		change(&o)
		require.ErrorContains(t, o.Validate(), want)
		_, err := New(o)
		require.ErrorContains(t, err, want)
	}
	for _, path := range []string{"//", "/a//b", "/../a", "/a/./b", "/.a", "/a;b", "/a'b", "/%61", "/ä"} {
		o := DefaultOptions()
		o.PublicURL = "https://example.com" + path
		require.ErrorContains(t, o.Validate(), "must be like /ops/nodes", path)
	}
	for _, good := range []string{
		"https://nodes.example.com", "http://10.0.0.1:8080/", "https://example.com/nodes", "https://example.com/a-b/v1.2/",
	} {
		o := DefaultOptions()
		o.PublicURL = good
		require.NoError(t, o.Validate())
	}
}

func TestApp_url(t *testing.T) {
	a := &App{options: Options{PublicURL: "https://nodes.example.com/"}}
	require.Equal(t, "https://nodes.example.com", a.URL())
	a = &App{options: Options{PublicURL: "https://example.com/ops/nodes/"}}
	require.Equal(t, "https://example.com/ops/nodes", a.URL())
	any4 := startApp(t, func(o *Options) { o.Listen, o.InsecureHTTP = "0.0.0.0:0", true })
	_, port, err := net.SplitHostPort(any4.Addr())
	require.NoError(t, err)
	require.Equal(t, "http://localhost:"+port, any4.URL())
}
