package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// oneBatch is a batchViewer with one batch.
type oneBatch struct {
	mu    sync.Mutex
	state store.State
	gate  *batch.Gate
	owner int64
}

func (b *oneBatch) View(context.Context, string) (batch.View, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	row := store.Batch{
		ID: "b1", Cluster: "prod", Operation: "cordon", State: b.state, Total: 3,
		ActorID: b.owner, Paused: b.gate != nil,
	}
	if b.state.Ended() {
		row.EndedAt = &toldAt
	}
	return batch.View{Batch: row, Gate: b.gate}, nil
}

func (b *oneBatch) List(ctx context.Context, _ batch.Query) (batch.Page, error) {
	v, err := b.View(ctx, "")
	return batch.Page{Items: []batch.View{v}}, err
}

// toldAt is when the batch of these tests has ended.
var toldAt = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func (b *oneBatch) Group(ctx context.Context, id string) ([]batch.View, error) {
	v, err := b.View(ctx, id)
	return []batch.View{v}, err
}

func (b *oneBatch) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state = store.StateSucceeded
}

// page is the browser of a stream. It keeps what it reads, or it never reads.
type page struct {
	header http.Header
	stuck  chan struct{} // writes block until it is closed; nil means that the page reads
	mu     sync.Mutex
	got    strings.Builder
}

func (p *page) Header() http.Header { return p.header }
func (p *page) WriteHeader(int)     {}
func (p *page) Flush()              {}
func (p *page) Write(b []byte) (int, error) {
	if p.stuck != nil {
		<-p.stuck
		return 0, io.ErrClosedPipe
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.got.Write(b)
}

func (p *page) read() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.got.String()
}

// events returns the names of the events that were read, in their order.
func (p *page) events() []string {
	var names []string
	for line := range strings.Lines(p.read()) {
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}

// hubTest is a running hub with one batch.
type hubTest struct {
	*testing.T
	*hub
	batch   *oneBatch
	actor   services.Actor // of the viewers
	dropped int            // viewers that were cut off
}

// newTestHub starts a hub with batches.
func newTestHub(t *testing.T, batches batchViewer) *hubTest {
	t.Helper()
	x := &hubTest{T: t, actor: services.Actor{Role: services.RoleUser}}
	generation := func(string) uint64 { return 7 }
	x.hub = newHub(t.Context(), slog.New(slog.DiscardHandler), generation, func() { x.dropped++ })
	x.start(batches)
	return x
}

// testHub runs fn with a hub, in a synctest bubble.
func testHub(t *testing.T, fn func(t *hubTest)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		one := &oneBatch{state: store.StateRunning}
		x := newTestHub(t, one)
		x.batch = one
		defer x.close()
		fn(x)
	})
}

// open opens a stream. The returned group waits for its end.
func (t *hubTest) open(query string, p *page) *sync.WaitGroup {
	return t.openIn(time.UTC, query, p)
}

// openIn opens a stream of a person in a time zone.
func (t *hubTest) openIn(zone *time.Location, query string, p *page) *sync.WaitGroup {
	p.header = http.Header{}
	ctx := services.WithActor(ui.WithZone(t.Context(), zone), t.actor)
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/events?"+query, nil)
	serve := t.serve(func(string) error { return nil })
	var done sync.WaitGroup
	done.Go(func() { require.NoError(t, serve(p, r)) })
	synctest.Wait()
	return &done
}

// Law 5: a viewer that never reads is cut off, and neither the engine nor another viewer
// waits for it.
func TestHub_viewerThatNeverReads(t *testing.T) {
	testHub(t, func(t *hubTest) {
		stuck, fine := &page{stuck: make(chan struct{})}, &page{}
		release := sync.OnceFunc(func() { close(stuck.stuck) })
		defer release()
		stuckDone, fineDone := t.open("cluster=prod", stuck), t.open("cluster=prod", fine)
		began := time.Now()
		for range 300 {
			t.NodesChanged("prod")
			synctest.Wait()
		}
		require.Equal(t, began, time.Now(), "the engine waited")
		require.Len(t, fine.events(), 300)
		require.Equal(t, 1, t.dropped)
		release()
		stuckDone.Wait() // it was cut off: the hub is still open
		t.close()
		fineDone.Wait()
	})
}

// Law 6: the first event is the current state, whatever happened before.
func TestHub_firstEventIsTheCurrentState(t *testing.T) {
	testHub(t, func(t *hubTest) {
		running, late := &page{}, &page{}
		t.open("batch=b1", running)
		require.Equal(t, []string{"progress"}, running.events())
		t.batch.end()
		done := t.open("batch=b1", late)
		require.Equal(t, []string{"done"}, late.events())
		time.Sleep(lingerFor + time.Second)
		done.Wait()
	})
}

func TestHub_pageOlderThanTheCacheReloads(t *testing.T) {
	testHub(t, func(t *hubTest) {
		before, now := &page{}, &page{}
		t.open("cluster=prod&generation=6", before)
		t.open("cluster=prod&generation="+strconv.Itoa(7), now)
		require.Equal(t, []string{"nodes"}, before.events())
		require.Empty(t, now.events())
	})
}

func TestHub_progressIsCoalescedAndDoneIsLast(t *testing.T) {
	testHub(t, func(t *hubTest) {
		p, other := &page{}, &page{}
		done := t.open("cluster=prod&batch=b1", p)
		t.open("cluster=staging", other)
		for range 1000 {
			t.BatchChanged("prod", "b1")
		}
		time.Sleep(flushEvery)
		synctest.Wait()
		require.Equal(t, []string{"progress", "progress"}, p.events(), "a thousand changes are one event")
		t.batch.end()
		t.BatchChanged("prod", "b1")
		t.NodesChanged("prod")
		t.BatchEnded("prod", "b1", "cordon", store.StateSucceeded, batch.Counts{})
		synctest.Wait()
		t.BatchChanged("prod", "b1")
		t.NodesChanged("prod") // somebody else has changed a node
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, []string{"progress", "progress", "nodes", "done"}, p.events())
		require.Empty(t, other.events(), "the page of another cluster gets nothing")
		time.Sleep(lingerFor)
		done.Wait()
	})
}

// Two people in two time zones follow one batch, and each sees their own time.
func TestHub_panelsAreInTheZoneOfTheViewer(t *testing.T) {
	testHub(t, func(t *hubTest) {
		until := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
		t.batch.gate = &batch.Gate{Until: &until}
		pages := map[string]*page{"12:00:00": {}, "14:00:00": {}}
		t.openIn(time.UTC, "batch=b1", pages["12:00:00"])
		t.openIn(time.FixedZone("CEST", 2*60*60), "batch=b1", pages["14:00:00"])
		t.BatchChanged("prod", "b1")
		time.Sleep(flushEvery)
		synctest.Wait()
		for want, p := range pages {
			require.Equal(t, []string{"progress", "progress"}, p.events())
			require.Equal(t, 2, strings.Count(p.read(), ">"+want+"<"))
		}
	})
}

func TestHub_heartbeatKeepsAStreamAlive(t *testing.T) {
	testHub(t, func(t *hubTest) {
		p := &page{}
		t.open("cluster=prod", p)
		time.Sleep(3*heartbeat + time.Second)
		synctest.Wait()
		require.Equal(t, 3, strings.Count(p.read(), ": still here"))
	})
}

// A stream does not stay open forever.
func TestHub_streamEnds(t *testing.T) {
	testHub(t, func(t *hubTest) {
		done := t.open("cluster=prod", &page{})
		time.Sleep(streamFor + time.Second)
		done.Wait()
	})
}

// The number of streams of one user is limited. Other users are not affected.
func TestHub_oldestStreamOfAUserMakesRoom(t *testing.T) {
	testHub(t, func(t *hubTest) {
		t.perUser = 3
		t.viewers["other"] = &viewer{id: "other", actor: services.Actor{ID: 9}, cut: func() {
			t.Error("another user's stream was cut")
		}}
		var pages []*page
		var ended []*sync.WaitGroup
		for range 10 {
			pages = append(pages, &page{})
			ended = append(ended, t.open("cluster=prod", pages[len(pages)-1]))
		}
		for _, done := range ended[:7] {
			done.Wait()
		}
		t.NodesChanged("prod")
		synctest.Wait()
		for i, p := range pages {
			require.Equal(t, i >= 7, len(p.events()) == 1, "stream %d", i)
		}
		require.Len(t, t.viewers, 4)
	})
}

// A stream checks its login at each heartbeat, because the command line may have ended
// it. A login that cannot be checked stays valid.
func TestHub_streamEndsWithItsLogin(t *testing.T) {
	testHub(t, func(t *hubTest) {
		var mu sync.Mutex
		answer, failure := account.User{Role: services.RoleUser}, error(nil)
		set := func(u account.User, err error) {
			mu.Lock()
			defer mu.Unlock()
			answer, failure = u, err
		}
		t.login = func(*http.Request) loginCheck {
			return func(context.Context) (account.User, error) {
				mu.Lock()
				defer mu.Unlock()
				return answer, failure
			}
		}
		signedOut := services.NewError(services.CodeUnauthenticated, "error_unauthenticated")
		ends := map[string]func(){
			"signed out": func() { set(account.User{}, signedOut) },
			"other user": func() { set(account.User{ID: 7, Role: services.RoleUser}, nil) },
			"demoted":    func() { set(account.User{Role: services.RoleViewer}, nil) },
		}
		for name, end := range ends {
			set(account.User{Role: services.RoleUser}, nil)
			p := &page{}
			done := t.open("cluster=prod", p)
			time.Sleep(3 * heartbeat)
			set(account.User{}, errors.New("the database is busy"))
			time.Sleep(heartbeat)
			t.NodesChanged("prod")
			synctest.Wait()
			require.Equal(t, []string{"nodes"}, p.events(), name)
			end()
			began := time.Now()
			done.Wait()
			require.LessOrEqual(t, time.Since(began), heartbeat, name)
		}
	})
}
