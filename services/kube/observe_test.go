package kube

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"kube-node-manager/services"
)

// observed starts a server and returns a client for it and what the client
// reports to its observer.
func observed(t *testing.T, serve http.HandlerFunc) (*Client, <-chan error) {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	told := make(chan error, 100)
	c, err := New(&rest.Config{Host: server.URL}, "test", func(_ time.Time, err error) { told <- err })
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c, told
}

func TestObserver_answers(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		write  bool
		want   services.Code // "" if the cluster answered
		silent bool
	}{
		"fine":                 {status: 200},
		"no such node":         {status: 404},
		"read not allowed":     {status: 403},
		"credentials refused":  {status: 401, want: services.CodeForbidden},
		"cannot serve":         {status: 503, want: services.CodeUnavailable},
		"read failed":          {status: 500, want: services.CodeUnavailable},
		"one write failed":     {status: 500, write: true, silent: true},
		"one write disallowed": {status: 403, write: true},
	} {
		t.Run(name, func(t *testing.T) {
			c, told := observed(t, answerWith(tt.status))
			if tt.write {
				_, _ = c.PatchNode(t.Context(), "a", NodePatch{})
			} else {
				_, _ = c.GetNode(t.Context(), "a")
			}
			if tt.silent {
				require.Empty(t, told)
				return
			}
			require.NotEmpty(t, told)
			require.Equal(t, tt.want, services.CodeOf(<-told))
		})
	}
}

// Metrics are of a server of their own.
func TestObserver_metrics(t *testing.T) {
	c, told := observed(t, answerWith(http.StatusServiceUnavailable))
	_, err := c.NodeMetrics(t.Context())
	require.Equal(t, services.CodeUnavailable, services.CodeOf(err))
	require.Empty(t, told)
}

func answerWith(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{}`))
	}
}

func TestObserver_noAnswer(t *testing.T) {
	arrived := make(chan struct{}, 2)
	c, told := observed(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := c.Version(ctx)
	require.Error(t, err)
	require.Empty(t, told, "a cancelled call shows nothing about the cluster")

	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = c.Version(ctx)
	require.Error(t, err)
	require.Equal(t, services.CodeTimeout, services.CodeOf(<-told))
}

func TestObserver_answerThatBreaksOff(t *testing.T) {
	c, told := observed(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`{"items":[`))
	})
	_, _, err := c.ListNodes(t.Context())
	require.Error(t, err)
	require.NoError(t, <-told, "it answered first")
	require.Equal(t, services.CodeUnavailable, services.CodeOf(<-told))
}

func TestObserver_noConnection(t *testing.T) {
	told := make(chan error, 10)
	c, err := New(&rest.Config{Host: "http://127.0.0.1:1"}, "test", func(_ time.Time, err error) { told <- err })
	require.NoError(t, err)
	defer c.Close()
	_, _, err = c.ListNodes(t.Context())
	require.Error(t, err)
	shown := <-told
	require.Equal(t, "error_cluster_unreachable", services.AsError(shown).Text)
	require.False(t, errors.Is(shown, context.Canceled))
}

// Stopping a watch makes its pending read fail, but the cluster is fine.
func TestObserver_watchThatIsStopped(t *testing.T) {
	const object = `{"kind":"Node","apiVersion":"v1","metadata":{"name":"a"}}`
	c, told := observed(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"type":"MODIFIED","object":` + object + "}\n"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	for range 20 {
		require.NoError(t, c.FollowNodes(t.Context(), "a", "1", func(*corev1.Node, bool) bool { return true }))
	}
	c.Close() // ends all pending reads
	for len(told) > 0 {
		require.NoError(t, <-told)
	}
}
