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
	for _, name := range names {
		r.add(Cluster{Name: name}, "test", func() (*rest.Config, error) { return nil, errDown })
	}
	return r
}

func TestHear_keepsWhenItChanged(t *testing.T) {
	e, begin := &entry{}, time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	require.Zero(t, e.status, "nobody has asked")
	e.hear(at(0), at(1), nil)
	e.hear(at(5), at(6), nil)
	require.Equal(t, Status{At: at(6), Since: at(1)}, e.status)
	e.hear(at(7), at(9), errDown)
	e.hear(at(10), at(11), errDown)
	require.Equal(t, Status{At: at(11), Since: at(9), Err: errDown}, e.status)
	e.hear(at(12), at(13), nil)
	require.Equal(t, Status{At: at(13), Since: at(13)}, e.status)
}

// A call that hung while others were answered is no news when it gives up.
func TestHear_anOldFailureIsNoNews(t *testing.T) {
	e, begin := &entry{}, time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	e.hear(begin.Add(30*time.Second), begin.Add(31*time.Second), nil)
	e.hear(begin, begin.Add(time.Minute), errDown)
	require.NoError(t, e.status.Err)
	e.hear(begin.Add(32*time.Second), begin.Add(time.Minute), errDown)
	require.Equal(t, errDown, e.status.Err)
}

// probed runs the probe for d and gives how often each cluster was asked.
func probed(t *testing.T, r *Registry, d time.Duration) map[string]int {
	t.Helper()
	var mu sync.Mutex
	asked := map[string]int{}
	for _, e := range r.order {
		e.client = func() (*kube.Client, error) {
			mu.Lock()
			defer mu.Unlock()
			asked[e.Name]++
			return nil, errDown
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	r.Probe(ctx, func(context.Context, string) { t.Error("it was not answered") })
	mu.Lock()
	defer mu.Unlock()
	return asked
}

// A cluster that is down is asked less and less often, and more often when
// somebody has it open.
func TestProbe_backsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registryOf("open", "rest")
		r.Look("open")
		asked := probed(t, r, openFor)
		// 10, 20, 40, 60, 60, ... s; 10, 20, 40, 80, 160, 300, ... s; each a fifth more or less.
		require.True(t, 13 <= asked["open"] && asked["open"] <= 21, "%v", asked)
		require.True(t, 6 <= asked["rest"] && asked["rest"] <= 9, "%v", asked)
	})
}

// What other calls told of needs no probe, unless one is asked for.
func TestProbe_onlyAsksWhereNobodyDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registryOf("busy", "stirred")
		for _, e := range r.order {
			e.hear(time.Now(), time.Now(), nil)
		}
		r.ProbeSoon("stirred")
		require.Equal(t, map[string]int{"stirred": 1}, probed(t, r, 5*time.Second))
	})
}

// Many clusters are not asked at once, and the probe ends while some hang.
func TestProbe_fewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := make([]string, 100)
		for i := range names {
			names[i] = string(rune('a'+i/26)) + string(rune('a'+i%26))
		}
		r := registryOf(names...)
		var now, most atomic.Int64
		for _, e := range r.order {
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
		require.Equal(t, int64(probes), most.Load())
		require.Zero(t, now.Load(), "it waits for what it began")
		for _, name := range names {
			require.False(t, r.Status(name).At.IsZero(), name)
		}
	})
}
