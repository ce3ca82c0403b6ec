package cluster

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"kube-node-manager/services/kube"
)

var errDown = errors.New("down")

// registryOf returns a registry of clusters that cannot be reached.
func registryOf(names ...string) *Registry {
	r := newRegistry()
	var all []spec
	for _, name := range names {
		all = append(all, spec{
			Cluster: Cluster{Name: name}, config: func() (*rest.Config, error) { return nil, errDown },
		})
	}
	r.setContexts(all)
	return r
}

func TestRecord_keepsWhenTheStatusChanged(t *testing.T) {
	e, begin := &link{}, time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	require.Zero(t, e.status, "there was no call yet")
	e.record(at(0), at(1), nil)
	e.record(at(5), at(6), nil)
	require.Equal(t, Status{At: at(6), Since: at(1)}, e.status)
	e.record(at(7), at(9), errDown)
	e.record(at(10), at(11), errDown)
	require.Equal(t, Status{At: at(11), Since: at(9), Err: errDown}, e.status)
	e.record(at(12), at(13), nil)
	require.Equal(t, Status{At: at(13), Since: at(13)}, e.status)
}

// The failure of a call does not count if others have succeeded since it began.
func TestRecord_ignoresOldFailures(t *testing.T) {
	e, begin := &link{}, time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	e.record(begin.Add(30*time.Second), begin.Add(31*time.Second), nil)
	e.record(begin, begin.Add(time.Minute), errDown)
	require.NoError(t, e.status.Err)
	e.record(begin.Add(32*time.Second), begin.Add(time.Minute), errDown)
	require.Equal(t, errDown, e.status.Err)
}

// probed runs Probe for d and returns how often each cluster was asked.
func probed(t *testing.T, r *Registry, d time.Duration) map[string]int {
	t.Helper()
	var mu sync.Mutex
	asked := map[string]int{}
	for _, e := range r.entries() {
		e.client = func() (*kube.Client, error) {
			mu.Lock()
			defer mu.Unlock()
			asked[e.Name]++
			return nil, errDown
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	r.Probe(ctx, func(context.Context, string) { t.Error("no cluster can be reached") })
	mu.Lock()
	defer mu.Unlock()
	return asked
}

// An unreachable cluster is asked less and less often, but more often if somebody has
// it open.
func TestProbe_backsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registryOf("open", "rest")
		r.Look("open")
		asked := probed(t, r, openFor)
		// open: after 10, 20, 40, 60, 60 ... s; rest: after 10, 20, 40, 80, 160, 300 ... s;
		// each up to a fifth more or less.
		require.True(t, 13 <= asked["open"] && asked["open"] <= 21, "%v", asked)
		require.True(t, 6 <= asked["rest"] && asked["rest"] <= 9, "%v", asked)
	})
}

// A cluster that other calls have reached is probed only after ProbeSoon.
func TestProbe_skipsClustersInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registryOf("busy", "asked")
		for _, e := range r.entries() {
			e.record(time.Now(), time.Now(), nil)
		}
		r.ProbeSoon("asked")
		require.Equal(t, map[string]int{"asked": 1}, probed(t, r, 5*time.Second))
	})
}

// Only a few clusters are asked at the same time, and Probe waits for them at the end.
func TestProbe_isBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := make([]string, 100)
		for i := range names {
			names[i] = string(rune('a'+i/26)) + string(rune('a'+i%26))
		}
		r := registryOf(names...)
		var now, most atomic.Int64
		for _, e := range r.entries() {
			e.client = func() (*kube.Client, error) {
				most.Store(max(most.Load(), now.Add(1)))
				time.Sleep(checkTimeout)
				now.Add(-1)
				return nil, errDown
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		r.Probe(ctx, func(context.Context, string) {})
		require.Equal(t, int64(maxProbes), most.Load())
		require.Zero(t, now.Load(), "no call is left running")
		for _, name := range names {
			require.False(t, r.Status(name).At.IsZero(), name)
		}
	})
}
