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

// railTest is a running hub with a rail that the test changes.
type railTest struct {
	*hubTest
	mu    sync.Mutex
	shown ui.Rail
}

// testRail runs fn with a hub whose rail shows one cluster, in a synctest bubble.
func testRail(t *testing.T, fn func(t *railTest)) {
	t.Helper()
	testHub(t, func(t *hubTest) {
		x := &railTest{hubTest: t}
		x.set(func(r *ui.Rail) {
			r.Clusters, r.Work = []ui.Cluster{{Name: "prod", Nodes: 3, At: time.Now()}}, "w0"
		})
		t.setRail(func(services.Scope) ui.Rail { return x.get() })
		fn(x)
	})
}

func (t *railTest) get() ui.Rail {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.shown
}

// set changes the rail and waits until the hub has looked at it.
func (t *railTest) set(change func(*ui.Rail)) {
	t.mu.Lock()
	change(&t.shown)
	t.mu.Unlock()
	time.Sleep(railEvery)
	synctest.Wait()
}

func TestRail_sendsChangesOnly(t *testing.T) {
	testRail(t, func(t *railTest) {
		same, old, none := &page{}, &page{}, &page{}
		t.open("rail="+t.get().Digest(), same)
		t.open("rail=another&cluster=prod", old)
		t.open("cluster=prod", none)
		require.Equal(t, []string{"rail"}, old.events(), "a page with an older state gets the new one at once")
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Empty(t, same.events())
		t.set(func(r *ui.Rail) {
			r.Clusters = []ui.Cluster{{Name: "prod", Nodes: 3, Cordoned: 3, At: time.Now()}}
		})
		require.Equal(t, []string{"rail"}, same.events())
		require.Contains(t, same.read(), "all nodes are cordoned")
		t.set(func(r *ui.Rail) {
			down := services.NewError(services.CodeTimeout, "error_cluster_timeout")
			r.Clusters = []ui.Cluster{{Name: "prod", Nodes: 3, Down: down, At: time.Now()}}
		})
		require.Equal(t, []string{"rail", "rail"}, same.events())
		require.Contains(t, same.read(), "The cluster did not respond in time.")
		require.Empty(t, none.events(), "a client that does not ask for the rail does not get it")
	})
}

func TestRail_runningBatches(t *testing.T) {
	testRail(t, func(t *railTest) {
		list, other := &page{}, &page{}
		t.open("rail="+t.get().Digest()+"&batches=w0", list)
		t.open("rail="+t.get().Digest(), other)
		t.set(func(r *ui.Rail) { r.Running, r.Work = 1, "w1" })
		t.set(func(r *ui.Rail) { r.Work = "w2" })
		t.set(func(r *ui.Rail) { r.Running, r.Work = 0, "w0" })
		require.Equal(t, []string{"rail", "batches", "batches", "rail", "batches"}, list.events())
		require.Equal(t, []string{"rail", "rail"}, other.events())
		require.Contains(t, other.read(), "1 running")
		require.NotContains(t, other.read()[strings.LastIndex(other.read(), "event: rail"):], "running</span>")
	})
}

// The page of all clusters regularly gets the time of the last contact with each.
func TestRail_timesOfTheLastContact(t *testing.T) {
	testRail(t, func(t *railTest) {
		p := &page{}
		t.open("clusters=1&rail="+t.get().Digest(), p)
		time.Sleep(2*rowsEvery + 2*railEvery)
		synctest.Wait()
		require.Equal(t, []string{"rail", "rail"}, p.events())
		require.Contains(t, p.read(), ">reachable<")
	})
}

// Every page follows the rail, even if it is not about a cluster.
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
	require.Equal(t, http.StatusUnprocessableEntity, a.get("/events").status, "a stream of nothing is refused")
}
