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

// oneBatch is an engine that knows one batch.
type oneBatch struct {
	mu    sync.Mutex
	state store.State
	gate  *batch.Gate
}

func (b *oneBatch) View(context.Context, string) (batch.View, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return batch.View{Batch: store.Batch{ID: "b1", Cluster: "prod", Operation: "cordon", State: b.state, Total: 3}, Gate: b.gate}, nil
}

func (b *oneBatch) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state = store.StateSucceeded
}

// page is a browser's end of a stream: it notes what it reads, or never reads.
type page struct {
	header http.Header
	stuck  chan struct{} // writes wait for it; nil reads everything
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

// events gives the names of what was read, in their order.
func (p *page) events() []string {
	var names []string
	for line := range strings.Lines(p.read()) {
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}

// hubTest runs fn with a hub in a bubble of its own clock.
func hubTest(t *testing.T, fn func(t *testing.T, h *hub, b *oneBatch, open func(query string, p *page) *sync.WaitGroup, dropped *int)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var dropped int
		b := &oneBatch{state: store.StateRunning}
		h := newHub(t.Context(), slog.New(slog.DiscardHandler), func(string) uint64 { return 7 }, func() { dropped++ })
		h.start(b)
		serve := h.serve(func(string) error { return nil })
		open := func(query string, p *page) *sync.WaitGroup {
			p.header = http.Header{}
			r := httptest.NewRequestWithContext(services.WithActor(t.Context(), services.Actor{Role: services.RoleUser}), http.MethodGet, "/events?"+query, nil)
			var done sync.WaitGroup
			done.Go(func() { require.NoError(t, serve(p, r)) })
			synctest.Wait()
			return &done
		}
		defer h.close()
		fn(t, h, b, open, &dropped)
	})
}

// Law 5: a viewer who never reads is cut off; neither the engine nor another
// viewer waits for it.
func TestHub_viewerWhoNeverReadsHoldsUpNobody(t *testing.T) {
	hubTest(t, func(t *testing.T, h *hub, _ *oneBatch, open func(string, *page) *sync.WaitGroup, dropped *int) {
		stuck, fine := &page{stuck: make(chan struct{})}, &page{}
		release := sync.OnceFunc(func() { close(stuck.stuck) })
		defer release()
		stuckDone, fineDone := open("cluster=prod", stuck), open("cluster=prod", fine)
		began := time.Now()
		for range 300 {
			h.NodesChanged("prod")
			synctest.Wait()
		}
		require.Equal(t, began, time.Now(), "the engine waited")
		require.Len(t, fine.events(), 300)
		require.Equal(t, 1, *dropped)
		release()
		stuckDone.Wait() // it was cut off: nobody told it to end
		h.close()
		fineDone.Wait()
	})
}

// Law 6: the first event is the present state, whatever happened before.
func TestHub_firstEventIsThePresentState(t *testing.T) {
	hubTest(t, func(t *testing.T, h *hub, b *oneBatch, open func(string, *page) *sync.WaitGroup, _ *int) {
		running, late := &page{}, &page{}
		open("batch=b1", running)
		require.Equal(t, []string{"progress"}, running.events())
		b.end()
		done := open("batch=b1", late)
		require.Equal(t, []string{"done"}, late.events())
		time.Sleep(lingering + time.Second)
		done.Wait()
	})
}

func TestHub_aPageFromBeforeAClearingIsToldToReload(t *testing.T) {
	hubTest(t, func(t *testing.T, _ *hub, _ *oneBatch, open func(string, *page) *sync.WaitGroup, _ *int) {
		before, now := &page{}, &page{}
		open("cluster=prod&generation=6", before)
		open("cluster=prod&generation="+strconv.Itoa(7), now)
		require.Equal(t, []string{"nodes"}, before.events())
		require.Empty(t, now.events())
	})
}

func TestHub_progressIsJoinedAndDoneComesLast(t *testing.T) {
	hubTest(t, func(t *testing.T, h *hub, b *oneBatch, open func(string, *page) *sync.WaitGroup, _ *int) {
		p, other := &page{}, &page{}
		done := open("cluster=prod&batch=b1", p)
		open("cluster=staging", other)
		for range 1000 {
			h.BatchChanged("prod", "b1")
		}
		time.Sleep(flushEvery)
		synctest.Wait()
		require.Equal(t, []string{"progress", "progress"}, p.events(), "a thousand changes are one event")
		b.end()
		h.BatchChanged("prod", "b1")
		h.NodesChanged("prod")
		h.BatchEnded("prod", "b1", "cordon", store.StateSucceeded, batch.Counts{})
		synctest.Wait()
		h.BatchChanged("prod", "b1")
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, []string{"progress", "progress", "nodes", "done"}, p.events())
		require.Empty(t, other.events(), "another cluster's page hears nothing")
		time.Sleep(lingering)
		done.Wait()
	})
}

// Two people in two zones follow one batch; each is told the time of their own.
func TestHub_panelsAreInTheZoneOfWhoLooks(t *testing.T) {
	hubTest(t, func(t *testing.T, h *hub, b *oneBatch, _ func(string, *page) *sync.WaitGroup, _ *int) {
		until := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
		b.gate = &batch.Gate{Until: &until}
		ctx := services.WithActor(t.Context(), services.Actor{Role: services.RoleUser})
		serve := h.serve(func(string) error { return nil })
		pages := map[string]*page{"12:00:00": {}, "14:00:00": {}}
		for want, zone := range map[string]*time.Location{"12:00:00": time.UTC, "14:00:00": time.FixedZone("CEST", 2*60*60)} {
			p := pages[want]
			p.header = http.Header{}
			r := httptest.NewRequestWithContext(ui.WithZone(ctx, zone), http.MethodGet, "/events?batch=b1", nil)
			go func() { _ = serve(p, r) }() // it ends with the hub
		}
		synctest.Wait()
		h.BatchChanged("prod", "b1")
		time.Sleep(flushEvery)
		synctest.Wait()
		for want, p := range pages {
			require.Equal(t, []string{"progress", "progress"}, p.events())
			require.Equal(t, 2, strings.Count(p.read(), ">"+want+"<"))
		}
	})
}

func TestHub_heartbeatKeepsAStreamAlive(t *testing.T) {
	hubTest(t, func(t *testing.T, _ *hub, _ *oneBatch, open func(string, *page) *sync.WaitGroup, _ *int) {
		p := &page{}
		open("cluster=prod", p)
		time.Sleep(3*heartbeat + time.Second)
		synctest.Wait()
		require.Equal(t, 3, strings.Count(p.read(), ": still here"))
	})
}

// A stream ends now and then, so that its browser has to sign in again.
func TestHub_streamEnds(t *testing.T) {
	hubTest(t, func(t *testing.T, _ *hub, _ *oneBatch, open func(string, *page) *sync.WaitGroup, _ *int) {
		done := open("cluster=prod", &page{})
		time.Sleep(streamFor + time.Second)
		done.Wait()
	})
}

// One user cannot keep any number of streams open; others are not concerned.
func TestHub_oldestStreamOfAUserMakesRoom(t *testing.T) {
	hubTest(t, func(t *testing.T, h *hub, _ *oneBatch, open func(string, *page) *sync.WaitGroup, _ *int) {
		h.perUser = 3
		other := &viewer{id: "other", actor: services.Actor{ID: 9}, cut: func() { t.Error("another user's stream was cut") }}
		h.viewers[other.id] = other
		var pages []*page
		var ended []*sync.WaitGroup
		for range 10 {
			pages = append(pages, &page{})
			ended = append(ended, open("cluster=prod", pages[len(pages)-1]))
		}
		for _, done := range ended[:7] {
			done.Wait()
		}
		h.NodesChanged("prod")
		synctest.Wait()
		for i, p := range pages {
			require.Equal(t, i >= 7, len(p.events()) == 1, "stream %d", i)
		}
		require.Len(t, h.viewers, 4)
	})
}

// A stream asks at each heartbeat whether its login still holds, for what the
// command line did; a login that cannot be checked goes on.
func TestHub_streamEndsWithItsLogin(t *testing.T) {
	hubTest(t, func(t *testing.T, h *hub, _ *oneBatch, open func(string, *page) *sync.WaitGroup, _ *int) {
		var mu sync.Mutex
		answer, failure := account.User{Role: services.RoleUser}, error(nil)
		set := func(u account.User, err error) { mu.Lock(); defer mu.Unlock(); answer, failure = u, err }
		h.login = func(*http.Request) loginCheck {
			return func(context.Context) (account.User, error) { mu.Lock(); defer mu.Unlock(); return answer, failure }
		}
		ends := map[string]func(){
			"signed out": func() { set(account.User{}, services.NewError(services.CodeUnauthenticated, "error_unauthenticated")) },
			"another":    func() { set(account.User{ID: 7, Role: services.RoleUser}, nil) },
			"demoted":    func() { set(account.User{Role: services.RoleViewer}, nil) },
		}
		for name, end := range ends {
			set(account.User{Role: services.RoleUser}, nil)
			p := &page{}
			done := open("cluster=prod", p)
			time.Sleep(3 * heartbeat)
			set(account.User{}, errors.New("the database is busy"))
			time.Sleep(heartbeat)
			h.NodesChanged("prod")
			synctest.Wait()
			require.Equal(t, []string{"nodes"}, p.events(), name)
			end()
			began := time.Now()
			done.Wait()
			require.LessOrEqual(t, time.Since(began), heartbeat, name)
		}
	})
}
