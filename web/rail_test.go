package web

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/views/ui"
)

// shownRail is a rail that changes.
type shownRail struct {
	mu   sync.Mutex
	rail ui.Rail
}

func (s *shownRail) get() ui.Rail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rail
}

// set changes the rail and waits until the hub has looked at it.
func (s *shownRail) set(change func(*ui.Rail)) {
	s.mu.Lock()
	change(&s.rail)
	s.mu.Unlock()
	time.Sleep(railEvery)
	synctest.Wait()
}

// railTest is hubTest with a rail that the test changes.
func railTest(t *testing.T, fn func(t *testing.T, rail *shownRail, open func(query string, p *page) *sync.WaitGroup)) {
	t.Helper()
	hubTest(t, func(t *testing.T, h *hub, _ *oneBatch, open func(string, *page) *sync.WaitGroup, _ *int) {
		rail := &shownRail{}
		rail.set(func(r *ui.Rail) {
			r.Clusters, r.Work = []ui.Cluster{{Name: "prod", Nodes: 3, At: time.Now()}}, "w0"
		})
		h.setRail(rail.get)
		fn(t, rail, open)
	})
}

func TestRail_tellsOfChangesOnly(t *testing.T) {
	railTest(t, func(t *testing.T, rail *shownRail, open func(string, *page) *sync.WaitGroup) {
		same, old, none := &page{}, &page{}, &page{}
		open("rail="+rail.get().Digest(), same)
		open("rail=another&cluster=prod", old)
		open("cluster=prod", none)
		require.Equal(t, []string{"rail"}, old.events(), "a page from before a change is told at once")
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Empty(t, same.events())
		rail.set(func(r *ui.Rail) {
			r.Clusters = []ui.Cluster{{Name: "prod", Nodes: 3, Cordoned: 3, At: time.Now()}}
		})
		require.Equal(t, []string{"rail"}, same.events())
		require.Contains(t, same.read(), "all nodes are cordoned")
		rail.set(func(r *ui.Rail) {
			down := services.NewError(services.CodeTimeout, "error_cluster_timeout")
			r.Clusters = []ui.Cluster{{Name: "prod", Nodes: 3, Down: down, At: time.Now()}}
		})
		require.Equal(t, []string{"rail", "rail"}, same.events())
		require.Contains(t, same.read(), "The cluster did not answer in time.")
		require.Empty(t, none.events(), "a script that follows a cluster hears what it always did")
	})
}

func TestRail_theRunningCountAndTheBatches(t *testing.T) {
	railTest(t, func(t *testing.T, rail *shownRail, open func(string, *page) *sync.WaitGroup) {
		list, other := &page{}, &page{}
		open("rail="+rail.get().Digest()+"&batches=w0", list)
		open("rail="+rail.get().Digest(), other)
		rail.set(func(r *ui.Rail) { r.Running, r.Work = 1, "w1" })
		rail.set(func(r *ui.Rail) { r.Work = "w2" })
		rail.set(func(r *ui.Rail) { r.Running, r.Work = 0, "w0" })
		require.Equal(t, []string{"rail", "batches", "batches", "rail", "batches"}, list.events())
		require.Equal(t, []string{"rail", "rail"}, other.events())
		require.Contains(t, other.read(), "1 running")
		require.NotContains(t, other.read()[strings.LastIndex(other.read(), "event: rail"):], "running</span>")
	})
}

// The page of all clusters is told now and then when each was last heard of.
func TestRail_agesOfAllClusters(t *testing.T) {
	railTest(t, func(t *testing.T, rail *shownRail, open func(string, *page) *sync.WaitGroup) {
		p := &page{}
		open("clusters=1&rail="+rail.get().Digest(), p)
		time.Sleep(2*rowsEvery + 2*railEvery)
		synctest.Wait()
		require.Equal(t, []string{"rail", "rail"}, p.events())
		require.Contains(t, p.read(), "answers")
	})
}

// Every page follows the rail, also one that is about no cluster.
func TestRail_everyPageFollows(t *testing.T) {
	a := signedIn(t)
	for _, path := range []string{"/clusters", "/batches", "/audit", "/templates/labels"} {
		got := a.get(path)
		require.Equal(t, http.StatusOK, got.status, path)
		stream, err := url.Parse(got.page(t).Find("body").AttrOr("data-stream", ""))
		require.NoError(t, err)
		require.Equal(t, "/events", stream.Path, path)
		require.NotEmpty(t, stream.Query().Get("rail"), path)
	}
	require.Equal(t, http.StatusUnprocessableEntity, a.get("/events").status, "who follows nothing is told")
}
