package web

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// threeClusters are the clusters of a hub; what somebody looks at is noted.
type threeClusters struct {
	mu     sync.Mutex
	looked []string
}

func (c *threeClusters) ClusterNames(scope services.Scope) []string {
	return slices.DeleteFunc([]string{"a", "b", "hidden"}, func(name string) bool { return !scope.Has(name) })
}

func (c *threeClusters) Generation(services.Scope) uint64 { return 21 }
func (c *threeClusters) AsOf(services.Scope) time.Time    { return time.Now() }

func (c *threeClusters) look(cluster string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked = append(c.looked, cluster)
}

// everyHub runs fn with a hub of three clusters, of which the viewers see two.
func everyHub(t *testing.T, fn func(t *railTest, c *threeClusters)) {
	t.Helper()
	testRail(t, func(t *railTest) {
		c := &threeClusters{}
		t.every, t.look = c, c.look
		t.actor = services.Actor{Role: services.RoleUser, Clusters: map[string]services.Role{"hidden": services.RoleNone}}
		fn(t, c)
	})
}

// A storm in many clusters is at most four events a second, and those of a cluster that
// the viewer does not see are none.
func TestHub_everyClusterIsOneEvent(t *testing.T) {
	everyHub(t, func(t *railTest, c *threeClusters) {
		p, old := &page{}, &page{}
		t.open("nodes=all&generation=21", p)
		t.open("nodes=all&generation=20", old)
		require.Equal(t, []string{"a", "b", "a", "b"}, c.looked)
		require.Empty(t, p.events())
		require.Equal(t, []string{"nodes"}, old.events(), "its page is older than the cache")
		for range 100 {
			t.NodesChanged("a")
			t.NodesChanged("b")
		}
		time.Sleep(flushEvery)
		synctest.Wait()
		require.Equal(t, []string{"nodes"}, p.events())
		require.Contains(t, p.read(), "data: 21\n")
		t.NodesChanged("hidden")
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, []string{"nodes"}, p.events())
		t.NodesConfirmed("a", time.Now())
		t.NodesConfirmed("b", time.Now())
		time.Sleep(railEvery)
		synctest.Wait()
		require.Equal(t, []string{"nodes", "asof"}, p.events())
	})
}

// A cluster that stops answering changes no node, but the table has to say so.
func TestHub_everyClusterThatIsDown(t *testing.T) {
	everyHub(t, func(t *railTest, _ *threeClusters) {
		p := &page{}
		t.open("nodes=all&generation=21&rail="+t.get().Digest(), p)
		require.Empty(t, p.events())
		t.set(func(r *ui.Rail) {
			r.Clusters = []ui.Cluster{{Name: "prod", Nodes: 3, At: time.Now(), Down: errors.New("gone")}}
		})
		time.Sleep(flushEvery)
		synctest.Wait()
		require.Equal(t, []string{"rail", "nodes"}, p.events())
	})
}

// groupOfTwo is a group of batches, one of which may still run.
type groupOfTwo struct {
	oneBatch
	second store.State
}

func (g *groupOfTwo) Group(ctx context.Context, _ string) ([]batch.View, error) {
	first, err := g.View(ctx, "")
	second := first
	first.ID, second.ID, second.State = "g-01", "g-02", g.second
	return []batch.View{first, second}, err
}

// A group is done when its last batch is, and nothing comes after that.
func TestHub_groupEndsWithItsLastBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &groupOfTwo{oneBatch: oneBatch{state: store.StateRunning}, second: store.StateRunning}
		x := newTestHub(t, g)
		defer x.close()
		x.every = &threeClusters{}
		p := &page{}
		x.open("nodes=all&batch=g-all", p)
		require.Equal(t, []string{"progress"}, p.events())
		g.end()
		x.NodesChanged("a")
		x.BatchEnded("a", "g-01", "cordon", store.StateSucceeded, batch.Counts{})
		synctest.Wait()
		require.Equal(t, []string{"progress", "progress"}, p.events())
		g.second = store.StateFailed
		x.BatchEnded("b", "g-02", "cordon", store.StateFailed, batch.Counts{})
		synctest.Wait()
		require.Equal(t, []string{"progress", "progress", "nodes", "done"}, p.events(), "the table first")
		x.BatchChanged("b", "g-02")
		x.NodesChanged("b")
		time.Sleep(time.Second)
		require.Len(t, p.events(), 4)
	})
}
