package node

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/cache"
)

// at returns a node as it is at a resource version, with a label that says so.
func at(name string, version int) corev1.Node {
	return corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: name, ResourceVersion: strconv.Itoa(version), Labels: map[string]string{"at": strconv.Itoa(version)},
	}}
}

// versions returns the resource version of each node.
func versions(v Inventory) map[string]int {
	all := map[string]int{}
	for _, n := range v.Nodes {
		all[n.Name], _ = strconv.Atoi(n.ResourceVersion)
	}
	return all
}

func TestWith(t *testing.T) {
	list := newInventory([]corev1.Node{at("b", 5), at("a", 3)}, "10")
	saw := func(name string, version int, deleted bool) map[string]sighting {
		n := at(name, version)
		return map[string]sighting{name: newSighting(&n, deleted)}
	}
	for name, tt := range map[string]struct {
		seen map[string]sighting
		want map[string]int // nil: nothing has changed
	}{
		"newer":                        {saw("a", 11, false), map[string]int{"a": 11, "b": 5}},
		"older":                        {saw("b", 4, false), nil},
		"the same":                     {saw("b", 5, false), nil},
		"new":                          {saw("c", 12, false), map[string]int{"a": 3, "b": 5, "c": 12}},
		"gone before the list":         {saw("c", 9, false), nil},
		"deleted":                      {saw("a", 12, true), map[string]int{"b": 5}},
		"deleted and made anew before": {saw("a", 2, true), nil},
		"deletion of an unknown node":  {saw("c", 12, true), nil},
		"no number":                    {map[string]sighting{"a": {node: &Node{Name: "a", ResourceVersion: "x9"}}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, changed := list.with(tt.seen)
			require.Equal(t, tt.want != nil, changed)
			if tt.want == nil {
				tt.want = map[string]int{"a": 3, "b": 5}
			}
			require.Equal(t, tt.want, versions(got))
			require.IsIncreasing(t, append([]string{""}, namesOf(got)...))
			require.Equal(t, len(got.Nodes), got.Summary().NotReady)
			require.Equal(t, map[string]int{"a": 3, "b": 5}, versions(list), "values of the cache never change")
		})
	}
}

func namesOf(v Inventory) (names []string) {
	for _, n := range v.Nodes {
		names = append(names, n.Name)
	}
	return names
}

// A heartbeat is nothing to see.
func TestWith_heartbeat(t *testing.T) {
	before := at("a", 3)
	list := newInventory([]corev1.Node{before}, "10")
	after := before
	after.ResourceVersion = "11"
	_, changed := list.with(map[string]sighting{"a": newSighting(&after, false)})
	require.False(t, changed)
	after.Spec.Unschedulable = true
	_, changed = list.with(map[string]sighting{"a": newSighting(&after, false)})
	require.True(t, changed)
}

// After a deletion nothing older comes back, whatever the order within a group.
func TestWith_group(t *testing.T) {
	list := newInventory([]corev1.Node{at("a", 3)}, "10")
	a, b, late := at("a", 14), at("b", 12), at("c", 13)
	next, _ := list.with(map[string]sighting{"a": newSighting(&a, true), "b": newSighting(&b, false)})
	require.Equal(t, map[string]int{"b": 12}, versions(next))
	next, changed := next.with(map[string]sighting{"c": newSighting(&late, false)})
	require.False(t, changed, "an event that comes after newer ones is a mistake of somebody")
	require.Equal(t, map[string]int{"b": 12}, versions(next))
}

// world is a cluster whose writes are numbered, and a watch of it that lags behind.
type world struct {
	mu      sync.Mutex
	version int
	nodes   map[string]int // resource version by name
	states  []map[string]int
	log     []sighting
	sent    int // events of log that were delivered
}

func newWorld() *world {
	return &world{version: 1, nodes: map[string]int{}, states: []map[string]int{{}, {}}}
}

// write changes, makes or deletes a node.
func (w *world) write(name string, deletes bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.version++
	if deletes {
		delete(w.nodes, name)
	} else {
		w.nodes[name] = w.version
	}
	w.states = append(w.states, maps.Clone(w.nodes))
	n := at(name, w.version)
	w.log = append(w.log, newSighting(&n, deletes))
}

// list is a consistent read that takes some time to arrive.
func (w *world) list() (Inventory, error) {
	w.mu.Lock()
	var items []corev1.Node
	for name, version := range w.nodes {
		items = append(items, at(name, version))
	}
	v := newInventory(items, strconv.Itoa(w.version))
	w.mu.Unlock()
	time.Sleep(rand.N(50 * time.Millisecond))
	return v, nil
}

// notOlder requires that a list is as new as the world was at a version.
func (w *world) notOlder(t *testing.T, got map[string]int, floor int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, version := range w.states[floor] {
		if now, ok := got[name]; ok {
			require.GreaterOrEqual(t, now, version, "%s is older than the clearing", name)
			continue
		}
		require.True(t, w.deletedAfter(name, floor), "%s is missing", name)
	}
	for name, version := range got {
		if _, was := w.states[floor][name]; !was {
			require.Greater(t, version, floor, "%s was deleted before the clearing", name)
		}
	}
}

func (w *world) deletedAfter(name string, version int) bool {
	for _, state := range w.states[version+1:] {
		if _, is := state[name]; !is {
			return true
		}
	}
	return false
}

// The law of the fence with a watch: a read that begins after a clearing never shows what
// is older, and in the end nothing that the watch has seen is lost, however late the
// events and the lists are.
func TestUpdate_keepsTheFence(t *testing.T) {
	for seed := range 20 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { walkTheFence(t, uint64(seed)) })
		})
	}
}

func walkTheFence(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	c := cache.New(t.Context())
	defer c.Close()
	w, floor := newWorld(), 1
	policy := cache.Policy{TTL: 100 * time.Millisecond, HardAge: time.Hour, Timeout: time.Minute}
	read := func() Inventory {
		got, err := cache.Get(t.Context(), c, nodesKey("a"), policy, func(context.Context) (Inventory, error) {
			return w.list()
		})
		require.NoError(t, err)
		return got.Value
	}
	deliver := func(upTo int) {
		group := map[string]sighting{}
		for ; w.sent < upTo; w.sent++ {
			group[w.log[w.sent].node.Name] = w.log[w.sent]
		}
		cache.Update(c, nodesKey("a"), func(v Inventory) (Inventory, bool) { return v.with(group) })
	}
	read()
	for range 500 {
		switch r.IntN(6) {
		case 0, 1:
			w.write("n"+strconv.Itoa(r.IntN(5)), r.IntN(3) == 0)
		case 2:
			deliver(w.sent + r.IntN(len(w.log)-w.sent+1))
		case 3:
			since := floor
			go func() { w.notOlder(t, versions(read()), since) }()
		case 4:
			if r.IntN(5) == 0 {
				floor = w.version
				c.InvalidateCluster("a")
			}
		case 5:
			time.Sleep(time.Duration(r.IntN(40)) * time.Millisecond)
		}
		synctest.Wait()
	}
	deliver(len(w.log))
	time.Sleep(time.Minute)
	require.Equal(t, w.nodes, versions(read()), "the last read refreshes in the background")
}
