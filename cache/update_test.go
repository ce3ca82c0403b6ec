package cache

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func increment(n int) (int, bool) { return n + 1, true }

func TestUpdate_storedValue(t *testing.T) {
	c := New(t.Context())
	defer c.Close()
	p := Policy{TTL: time.Hour, HardAge: time.Hour, Timeout: time.Minute}
	key := Key{Cluster: "a", Kind: "nodes"}
	require.False(t, Update(c, key, increment), "there is nothing to change")
	load := func(context.Context) (int, error) { return 1, nil }
	loaded, err := Get(t.Context(), c, key, p, load)
	require.NoError(t, err)
	before := c.Generation("a")
	require.True(t, Update(c, key, increment))
	require.Equal(t, before+1, c.Generation("a"))
	got, err := Get(t.Context(), c, key, p, load)
	require.NoError(t, err)
	require.Equal(t, 2, got.Value)
	require.Equal(t, loaded.AsOf, got.AsOf)
	require.False(t, Update(c, key, func(int) (int, bool) { return 9, false }))
	require.Equal(t, before+1, c.Generation("a"))
	got, err = Get(t.Context(), c, key, p, load)
	require.NoError(t, err)
	require.Equal(t, 2, got.Value)

	c.InvalidateCluster("a")
	require.False(t, Update(c, key, increment), "what was cleared does not come back")
	got, err = Get(t.Context(), c, key, p, load)
	require.NoError(t, err)
	require.Equal(t, 1, got.Value)
}

// A load that began before the change may not have seen it.
func TestUpdate_loadInProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(t.Context())
		defer c.Close()
		p := Policy{TTL: time.Second, HardAge: time.Hour, Timeout: time.Hour}
		key := Key{Cluster: "a", Kind: "nodes"}
		release := make(chan int)
		load := func(context.Context) (int, error) { return <-release, nil }
		first := make(chan int)
		go func() {
			got, err := Get(t.Context(), c, key, p, load)
			require.NoError(t, err)
			first <- got.Value
		}()
		synctest.Wait()
		require.True(t, Update(c, key, increment), "nobody knows yet what the load has read")
		require.True(t, Update(c, key, increment))
		release <- 10
		require.Equal(t, 12, <-first)
		found, ok := Peek[int](c, key, p)
		require.True(t, ok)
		require.Equal(t, 12, found.Value)

		time.Sleep(time.Minute)
		got, err := Get(t.Context(), c, key, p, load)
		require.NoError(t, err)
		require.Equal(t, 12, got.Value, "old, with a refresh in the background")
		require.True(t, Update(c, key, increment))
		found, _ = Peek[int](c, key, p)
		require.Equal(t, 13, found.Value)
		release <- 20
		synctest.Wait()
		found, _ = Peek[int](c, key, p)
		require.Equal(t, 21, found.Value)
	})
}

// A change that came before a clearing does not reach what is loaded after it.
func TestUpdate_clearedInBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(t.Context())
		defer c.Close()
		p := Policy{TTL: time.Hour, HardAge: time.Hour, Timeout: time.Hour}
		key := Key{Cluster: "a", Kind: "nodes"}
		release, got := make(chan int), make(chan int)
		go func() {
			found, err := Get(t.Context(), c, key, p, func(context.Context) (int, error) { return <-release, nil })
			require.NoError(t, err)
			got <- found.Value
		}()
		synctest.Wait()
		require.True(t, Update(c, key, increment))
		c.InvalidateCluster("a")
		release <- 10
		release <- 20
		require.Equal(t, 20, <-got)
	})
}

func TestForget(t *testing.T) {
	c := New(t.Context())
	defer c.Close()
	p := Policy{TTL: time.Hour, HardAge: time.Hour, Timeout: time.Minute}
	key := Key{Cluster: "a", Kind: "node", Name: "n"}
	loads := 0
	load := func(context.Context) (int, error) { loads++; return loads, nil }
	for range 2 {
		_, err := Get(t.Context(), c, key, p, load)
		require.NoError(t, err)
	}
	c.Forget(key)
	got, err := Get(t.Context(), c, key, p, load)
	require.NoError(t, err)
	require.Equal(t, 2, got.Value)
}

// A confirmed value is as new as its confirmation, but not for who wants it fresh.
func TestConfirm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(t.Context())
		defer c.Close()
		p := Policy{TTL: time.Minute, HardAge: time.Minute, Timeout: time.Minute}
		key := Key{Cluster: "a", Kind: "nodes"}
		c.Confirm(key, time.Now()) // there is nothing to confirm
		loads := 0
		load := func(context.Context) (int, error) { loads++; return loads, nil }
		read := func(get func(
			context.Context, *Cache, Key, Policy, func(context.Context) (int, error),
		) (Snapshot[int], error),
		) Snapshot[int] {
			got, err := get(t.Context(), c, key, p, load)
			require.NoError(t, err)
			return got
		}
		read(Get)
		for range 3 {
			time.Sleep(time.Minute - time.Second)
			c.Confirm(key, time.Now())
		}
		require.Equal(t, Snapshot[int]{Value: 1, AsOf: time.Now()}, read(Get))
		c.Confirm(key, time.Now().Add(-time.Second))
		require.Equal(t, Snapshot[int]{Value: 1, AsOf: time.Now()}, read(Get), "an older confirmation says nothing new")
		require.Equal(t, 2, read(Fresh).Value)
		time.Sleep(time.Minute + time.Second)
		require.Equal(t, 3, read(Get).Value)
		c.InvalidateCluster("a")
		c.Confirm(key, time.Now())
		require.Equal(t, 4, read(Get).Value, "what was cleared is not confirmed")
	})
}

// A value that somebody still confirms is not among those that are too old to be served.
func TestConfirm_keepsWhatOthersWouldDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(t.Context())
		defer c.Close()
		p := Policy{TTL: time.Minute, HardAge: time.Minute, Timeout: time.Minute}
		read := func(name string) Snapshot[int] {
			load := func(context.Context) (int, error) { return 1, nil }
			got, err := Get(t.Context(), c, Key{Cluster: "a", Kind: "node", Name: name}, p, load)
			require.NoError(t, err)
			return got
		}
		read("confirmed")
		time.Sleep(time.Minute)
		c.Confirm(Key{Cluster: "a", Kind: "node", Name: "confirmed"}, time.Now())
		time.Sleep(time.Second)
		read("another")
		_, kept := Peek[int](c, Key{Cluster: "a", Kind: "node", Name: "confirmed"}, p)
		require.True(t, kept)
	})
}
