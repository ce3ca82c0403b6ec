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

// heardOf returns a client of a server, and what it tells of its calls.
func heardOf(t *testing.T, serve http.HandlerFunc) (*Client, <-chan error) {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	told := make(chan error, 100)
	c, err := New(&rest.Config{Host: server.URL}, "test", func(_ time.Time, err error) { told <- err })
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c, told
}

// Whatever a call is for, its answer says whether the cluster serves.
func TestHeard_answers(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		write  bool
		want   services.Code // "" for an answer
		silent bool
	}{
		"fine":                     {status: 200},
		"no such node":             {status: 404},
		"no right to this":         {status: 403},
		"our credentials refused":  {status: 401, want: services.CodeForbidden},
		"cannot serve":             {status: 503, want: services.CodeUnavailable},
		"failed":                   {status: 500, want: services.CodeUnavailable},
		"one write failed":         {status: 500, write: true, silent: true},
		"one write, no such right": {status: 403, write: true},
	} {
		t.Run(name, func(t *testing.T) {
			c, told := heardOf(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(`{}`))
			})
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

func TestHeard_noAnswer(t *testing.T) {
	arrived := make(chan struct{}, 2)
	c, told := heardOf(t, func(_ http.ResponseWriter, r *http.Request) {
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
	require.Empty(t, told, "a person who leaves says nothing of the cluster")

	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = c.Version(ctx)
	require.Error(t, err)
	require.Equal(t, services.CodeTimeout, services.CodeOf(<-told))
}

func TestHeard_answerThatBreaksOff(t *testing.T) {
	c, told := heardOf(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`{"items":[`))
	})
	_, err := c.ListNodes(t.Context())
	require.Error(t, err)
	require.NoError(t, <-told, "it answered first")
	require.Equal(t, services.CodeUnavailable, services.CodeOf(<-told))
}

func TestHeard_noConnection(t *testing.T) {
	told := make(chan error, 10)
	c, err := New(&rest.Config{Host: "http://127.0.0.1:1"}, "test", func(_ time.Time, err error) { told <- err })
	require.NoError(t, err)
	defer c.Close()
	_, err = c.ListNodes(t.Context())
	require.Error(t, err)
	heard := <-told
	require.Equal(t, "error_cluster_unreachable", services.AsError(heard).Text)
	require.False(t, errors.Is(heard, context.Canceled))
}

// Who stops a watch makes the read that waits in it fail; the cluster is well.
func TestHeard_watchThatIsStopped(t *testing.T) {
	c, told := heardOf(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"type":"MODIFIED","object":{"kind":"Node","apiVersion":"v1","metadata":{"name":"a"}}}` + "\n"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	for range 20 {
		require.NoError(t, c.FollowNodes(t.Context(), "a", "1", func(*corev1.Node, bool) bool { return true }))
	}
	c.Close() // and with it all reads that still wait
	for len(told) > 0 {
		require.NoError(t, <-told)
	}
}
