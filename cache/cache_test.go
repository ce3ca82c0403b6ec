package cache

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	key    = Key{Cluster: "prod", Kind: "nodes"}
	policy = Policy{TTL: 30 * time.Second, HardAge: 5 * time.Minute, Timeout: time.Minute}
)

// source is a value that changes, with a slow load function.
type source struct {
	version atomic.Int64
	loads   atomic.Int64
	takes   time.Duration
	err     atomic.Pointer[error]
}

// load reads the version first and returns it later, so that the version is the
// one of the time when the load began.
func (s *source) load(ctx context.Context) (int64, error) {
	s.loads.Add(1)
	v := s.version.Load()
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if err := s.err.Load(); err != nil {
		return 0, *err
	}
	return v, nil
}

// A client can ask for any number of names that do not exist; none may stay in
// memory.
func TestGet_whatCannotBeLoadedLeavesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		s, fault := &source{takes: time.Second}, errors.New("not found")
		s.err.Store(&fault)
		for i := range 100 {
			missing := Key{Cluster: "prod", Kind: "node", Name: string(rune('a' + i))}
			_, err := Get(t.Context(), c, missing, policy, s.load)
			require.ErrorIs(t, err, fault)
		}
		require.Empty(t, c.spaces["prod"].entries)

		// Of two loads of one name, the result of the later one stays.
		go func() { _, _ = Get(t.Context(), c, key, policy, s.load) }()
		time.Sleep(time.Second / 2)
		s.err.Store(nil)
		s.version.Store(7)
		got, err := Fresh(t.Context(), c, key, policy, s.load)
		require.NoError(t, err)
		require.Equal(t, int64(7), got.Value)
		got, err = Get(t.Context(), c, key, policy, s.load)
		require.NoError(t, err)
		require.Equal(t, int64(7), got.Value)
	})
}

// Nor may what was loaded once for each of thousands of names, and is too old to be served.
func TestGet_whatIsTooOldDoesNotStay(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		s := &source{}
		read := func(kind, name string) {
			t.Helper()
			_, err := Get(t.Context(), c, Key{Cluster: "prod", Kind: kind, Name: name}, policy, s.load)
			require.NoError(t, err)
		}
		for i := range 100 {
			read("node", string(rune('a'+i)))
		}
		read("other", "a")
		time.Sleep(policy.HardAge)
		read("node", "new")
		require.Len(t, c.spaces["prod"].entries, 102, "they may still be served")
		time.Sleep(time.Second)
		read("node", "newer")
		require.Len(t, c.spaces["prod"].entries, 3)
	})
}

// deaf is like load, but ignores the end of its context.
func (s *source) deaf(context.Context) (int64, error) { return s.load(context.Background()) }

// bubble runs fn with a fake clock and with a cache that is closed afterwards.
func bubble(t *testing.T, fn func(t *testing.T, c *Cache)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := New(t.Context())
		defer c.Close()
		fn(t, c)
	})
}

func TestGet_servesFromTheCacheWithinTheTTL(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		s := &source{takes: time.Second}
		began := time.Now()
		first, err := Get(t.Context(), c, key, policy, s.load)
		require.NoError(t, err)
		require.Equal(t, began, first.AsOf, "the age counts from the start of the load")
		s.version.Store(1)
		time.Sleep(policy.TTL - 2*time.Second)
		second, err := Get(t.Context(), c, key, policy, s.load)
		require.NoError(t, err)
		require.Equal(t, first, second)
		require.EqualValues(t, 1, s.loads.Load())
	})
}

func TestGet_servesStaleAtOnceAndRefreshesOnce(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		s := &source{takes: time.Second}
		_, err := Get(t.Context(), c, key, policy, s.load)
		require.NoError(t, err)
		s.version.Store(1)
		time.Sleep(policy.TTL + time.Second)
		began := time.Now()
		for range 10 {
			got, err := Get(t.Context(), c, key, policy, s.load)
			require.NoError(t, err)
			require.EqualValues(t, 0, got.Value)
		}
		require.Equal(t, began, time.Now(), "a reader waited for the refresh")
		time.Sleep(2 * time.Second)
		got, err := Get(t.Context(), c, key, policy, s.load)
		require.NoError(t, err)
		require.EqualValues(t, 1, got.Value)
		require.EqualValues(t, 2, s.loads.Load())
	})
}

func TestGet_waitsBeyondTheHardAge(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		s := &source{takes: time.Second}
		_, err := Get(t.Context(), c, key, policy, s.load)
		require.NoError(t, err)
		s.version.Store(1)
		time.Sleep(policy.HardAge + time.Second)
		got, err := Get(t.Context(), c, key, policy, s.load)
		require.NoError(t, err)
		require.EqualValues(t, 1, got.Value)
	})
}

func TestGet_errorIsNotKept(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		s, down := &source{}, errors.New("down")
		s.err.Store(&down)
		_, err := Get(t.Context(), c, key, policy, s.load)
		require.ErrorIs(t, err, down)
		s.err.Store(nil)
		_, err = Get(t.Context(), c, key, policy, s.load)
		require.NoError(t, err)
	})
}

func TestGet_failingRefreshKeepsTheValueAndSaysSo(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		s, down := &source{}, errors.New("down")
		first, err := Get(t.Context(), c, key, policy, s.load)
		require.NoError(t, err)
		s.err.Store(&down)
		time.Sleep(policy.TTL + time.Second)
		_, err = Get(t.Context(), c, key, policy, s.load)
		require.NoError(t, err)
		synctest.Wait()
		got, err := Get(t.Context(), c, key, policy, s.load)
		require.NoError(t, err)
		require.Equal(t, first.AsOf, got.AsOf, "a failed refresh does not change the age")
		require.ErrorIs(t, got.Stale, down)
		s.err.Store(nil)
		synctest.Wait()
		_, _ = Get(t.Context(), c, key, policy, s.load)
		synctest.Wait()
		got, err = Get(t.Context(), c, key, policy, s.load)
		require.NoError(t, err)
		require.NoError(t, got.Stale)
	})
}

func TestGet_readersShareOneLoadAndOneLeavingHurtsNobody(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		s := &source{takes: time.Second}
		leaving, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := Get(leaving, c, key, policy, s.load)
			require.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait() // the reader that will give up has begun the load
		for range 20 {
			wg.Go(func() {
				_, err := Get(t.Context(), c, key, policy, s.load)
				require.NoError(t, err)
			})
		}
		synctest.Wait()
		leave()
		wg.Wait()
		require.EqualValues(t, 1, s.loads.Load())
	})
}

func TestGet_panicIsTheReadersError(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		_, err := Get(t.Context(), c, key, policy, func(context.Context) (int, error) { panic("bad object") })
		require.ErrorContains(t, err, "bad object")
	})
}

func TestGet_slowLoadEndsWithTheTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		s := &source{takes: time.Hour}
		_, err := Get(t.Context(), c, key, policy, s.load)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestFresh_acceptsNothingReadBeforeTheCall(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		s := &source{takes: time.Second}
		go func() { _, _ = Get(t.Context(), c, key, policy, s.load) }()
		time.Sleep(time.Millisecond) // by now that load has begun, and has read version 0
		s.version.Store(1)
		got, err := Fresh(t.Context(), c, key, policy, s.load)
		require.NoError(t, err)
		require.EqualValues(t, 1, got.Value)
		later, err := Get(t.Context(), c, key, policy, s.load)
		require.NoError(t, err)
		require.EqualValues(t, 1, later.Value, "the older load replaced the newer value")
	})
}

func TestPeek_neverLoads(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		s := &source{}
		_, ok := Peek[int64](c, key, policy)
		require.False(t, ok)
		_, err := Get(t.Context(), c, key, policy, s.load)
		require.NoError(t, err)
		_, ok = Peek[int64](c, key, policy)
		require.True(t, ok)
		time.Sleep(policy.HardAge + time.Second)
		_, ok = Peek[int64](c, key, policy)
		require.False(t, ok)
		require.EqualValues(t, 1, s.loads.Load())
	})
}

// The load begins before the cluster is cleared and ends after it. Like a list
// that the API server is already sending, it cannot be cancelled.
func TestFence_loadFromBeforeAClearingIsNeverSeen(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		s := &source{takes: 10 * time.Second}
		var waiters sync.WaitGroup
		for range 100 {
			waiters.Go(func() {
				got, err := Get(t.Context(), c, key, policy, s.deaf)
				require.NoError(t, err)
				require.EqualValues(t, 1, got.Value, "a waiter was served by the old load")
			})
		}
		time.Sleep(time.Second)
		s.version.Store(1)
		c.InvalidateCluster(key.Cluster)
		waiters.Wait()
		got, err := Get(t.Context(), c, key, policy, s.deaf)
		require.NoError(t, err)
		require.EqualValues(t, 1, got.Value, "the old load was stored")
		require.EqualValues(t, 2, s.loads.Load(), "the hundred waiters did not share the second load")
	})
}

func TestFence_refreshFromBeforeAClearingIsNotStored(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		s := &source{takes: 10 * time.Second}
		_, err := Get(t.Context(), c, key, policy, s.deaf)
		require.NoError(t, err)
		time.Sleep(policy.TTL)
		_, err = Get(t.Context(), c, key, policy, s.deaf) // begins the refresh
		require.NoError(t, err)
		time.Sleep(time.Second)
		s.version.Store(1)
		c.InvalidateCluster(key.Cluster)
		got, err := Get(t.Context(), c, key, policy, s.deaf)
		require.NoError(t, err)
		require.EqualValues(t, 1, got.Value)
		time.Sleep(time.Minute)
		got, err = Get(t.Context(), c, key, policy, s.deaf)
		require.NoError(t, err)
		require.EqualValues(t, 1, got.Value)
	})
}

func TestInvalidateCluster_leavesOtherClustersAlone(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cache) {
		s, other := &source{}, Key{Cluster: "staging", Kind: "nodes"}
		_, err := Get(t.Context(), c, other, policy, s.load)
		require.NoError(t, err)
		before := c.Generation(key.Cluster)
		require.Equal(t, before, c.Generation(other.Cluster))
		c.InvalidateCluster(key.Cluster)
		require.Equal(t, before+1, c.Generation(key.Cluster))
		require.Equal(t, before, c.Generation(other.Cluster))
		time.Sleep(time.Second)
		later := New(t.Context())
		defer later.Close()
		require.Greater(t, later.Generation(key.Cluster), c.Generation(key.Cluster), "a later process starts higher")
		_, err = Get(t.Context(), c, other, policy, s.load)
		require.NoError(t, err)
		require.EqualValues(t, 1, s.loads.Load())
	})
}

func TestClose_endsLoadsAndRefusesReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := New(t.Context()), &source{takes: time.Hour}
		go func() { _, _ = Get(t.Context(), c, key, policy, s.load) }()
		synctest.Wait()
		c.Close()
		_, err := Get(t.Context(), c, key, policy, s.load)
		require.ErrorIs(t, err, ErrClosed)
	})
}

// With a writer that clears the cluster after each write and readers that run
// concurrently, no reader sees a version older than the last one for which the
// cluster was cleared before the read began.
func TestFence_holdsUnderChance(t *testing.T) {
	c := New(t.Context())
	defer c.Close()
	short := Policy{TTL: time.Millisecond, HardAge: 4 * time.Millisecond, Timeout: time.Minute}
	var version, cleared atomic.Int64
	load := func(context.Context) (int64, error) {
		v := version.Load()
		time.Sleep(rand.N(2 * time.Millisecond))
		return v, nil
	}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		defer close(stop)
		for range 400 {
			v := version.Add(1)
			c.InvalidateCluster(key.Cluster)
			cleared.Store(v)
			time.Sleep(rand.N(time.Millisecond))
		}
	})
	for i := range 8 {
		read := Get[int64]
		if i%4 == 0 {
			read = Fresh[int64]
		}
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				floor := cleared.Load()
				got, err := read(t.Context(), c, key, short, load)
				require.NoError(t, err)
				require.GreaterOrEqual(t, got.Value, floor)
			}
		})
	}
	wg.Wait()
}
