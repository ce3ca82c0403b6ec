package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// startCollector returns a collector that keeps what it gets as it is.
func startCollector(t *testing.T) (address string, got func() string) {
	t.Helper()
	var mu sync.Mutex
	var all strings.Builder
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.Copy(&all, r.Body)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() string {
		mu.Lock()
		defer mu.Unlock()
		return all.String()
	}
}

// The last spans are sent when the program stops. Those of probes are not recorded.
func TestTracing_sendsTheLast(t *testing.T) {
	address, got := startCollector(t)
	a := signedIn(t, func(o *Options) { o.OTLPEndpoint = address })
	require.Equal(t, http.StatusOK, a.get("/clusters?q=typed").status)
	require.Equal(t, http.StatusOK, a.get("/healthz").status)
	require.NoError(t, a.Stop(context.WithoutCancel(t.Context())))
	sent := got()
	require.Contains(t, sent, "GET /clusters")
	require.Contains(t, sent, "POST /setup")
	require.NotContains(t, sent, "typed")
	require.NotContains(t, sent, "/healthz")
	require.NotContains(t, sent, testPassword)
}

// A collector that does not answer holds up nothing, and the program still stops.
func TestTracing_collectorHangs(t *testing.T) {
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the end of the connection goes unnoticed
		<-r.Context().Done()
	}))
	t.Cleanup(hangs.Close)
	var log logBuffer
	a := signedIn(t, func(o *Options) {
		o.OTLPEndpoint = hangs.URL
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
	})
	require.Equal(t, http.StatusOK, a.get("/clusters").status)
	require.NoError(t, a.Stop(context.WithoutCancel(t.Context())))
	require.Contains(t, log.String(), "The last traces could not be sent")
}

func TestTracing_endpoint(t *testing.T) {
	for address, want := range map[string]string{
		"http://127.0.0.1:4318":            "http://127.0.0.1:4318/v1/traces",
		"https://otel.example.com/ingest/": "https://otel.example.com/ingest/v1/traces",
	} {
		require.NoError(t, checkOTLP(address))
		require.Equal(t, want, tracesURL(address))
	}
	for _, address := range []string{
		"127.0.0.1:4318", "grpc://host:4317", "http://", "http://u:secret@host", "http://h?x=1",
	} {
		err := checkOTLP(address)
		require.ErrorContains(t, err, "--otlp-endpoint", address)
		require.NotContains(t, err.Error(), "secret")
	}
}
