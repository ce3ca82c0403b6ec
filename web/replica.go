package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// Replicas of the program share a PostgreSQL database. One of them works at a time: it has
// the leadership, runs the batches of all clusters, and answers every request. The others
// forward theirs to it and wait to take its place, so that any replica may be asked, and
// none of them can show what is no longer true. See package store for why one that has
// lost the leadership can change nothing more.

// The leadership lasts leadFor after each renewal. The replica that works gives up
// leadMargin before that, by its own clock, so that no other one works before it has
// stopped. Another one takes over within leadFor and leadEvery.
const (
	leadFor    = 10 * time.Second
	leadMargin = 2 * time.Second
	leadEvery  = time.Second
	leadWait   = 3 * time.Second // for one answer of the database
)

// errNotLeading is why a replica changes nothing.
var errNotLeading = services.Wrap(store.ErrNotLeading, services.CodeUnavailable, "error_replica_lost")

// replica is the program as one of several.
type replica struct {
	app   *App
	store *store.Store
	me    store.Leader
	peers *peers

	seen  time.Time                      // when another replica was last known to work
	until atomic.Int64                   // the time until which it may work, as time.Duration since began
	began time.Time                      // for its monotonic clock
	now   atomic.Pointer[program]        // while it works
	fault atomic.Pointer[services.Error] // of the database, why this replica cannot work
	edge  *edge                          // of this replica, whether it works or not
	local http.Handler                   // what every replica answers itself
	own   http.Handler                   // the metrics of the process, for when it does not work
}

// setUpReplica starts the program as one of several replicas. It does not wait until one of
// them works.
func (a *App) setUpReplica(ctx context.Context, st *store.Store) error {
	if a.options.KeyFile == "" && a.options.Key == "" {
		return errors.New("--database: all replicas need the same key for the secrets in it; set --key-file or KNM_KEY")
	}
	r := &replica{app: a, store: st, began: time.Now()}
	if err := r.setUp(ctx); err != nil {
		return err
	}
	if err := a.listen(ctx); err != nil {
		return err
	}
	a.inBackgroundFor(ctx, "end the leadership", stopBatches+stopDatabase, r.run)
	if err := a.serveAll(ctx, r, http.HandlerFunc(r.metrics), r.endStreams); err != nil {
		return err
	}
	a.greet()
	return nil
}

func (r *replica) setUp(ctx context.Context) (err error) {
	r.peers, err = newPeers(ctx, r)
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("name this replica: %w", err)
	}
	r.me = store.Leader{
		Holder: fmt.Sprintf("%s/%d", host, os.Getpid()), Address: r.peers.address, Certificate: r.peers.fingerprint,
		Secret: rand.Text(),
	}
	r.app.serve("replica server", r.peers.listener, r.app.newServer(ctx, r.peers))
	r.edge = &edge{
		options: &r.app.options, log: r.app.log, metrics: newMetrics(r.app.options.Version), store: r.store,
	}
	r.edge.ready.Store(true)
	r.local = r.localRoutes()
	r.own = r.edge.metrics.handler()
	return nil
}

// run takes the leadership whenever it is free, and works while this replica has it.
func (r *replica) run(ctx context.Context) {
	for wait(ctx, leadEvery) {
		leading, err := r.take(ctx)
		if err != nil {
			r.app.log.Warn("The leadership cannot be taken", "error", err)
		}
		if leading != nil {
			r.peers.follow(0)
			r.lead(ctx, leading)
		}
		r.look(ctx)
	}
}

// look finds out which replica works. Requests that were forwarded to one that no longer
// does are given up: if it was stopped, it would never answer.
func (r *replica) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, leadWait)
	defer cancel()
	leader, ok, err := r.store.Leader(ctx)
	if err == nil && ok {
		r.seen = time.Now()
		r.peers.follow(leader.Token)
		return
	}
	if time.Since(r.seen) > leadFor {
		r.peers.follow(0)
	}
}

// wait waits for some time. It returns false if the context has ended.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// take takes the leadership if it is free, or else returns nil.
func (r *replica) take(ctx context.Context) (*store.Store, error) {
	ctx, cancel := context.WithTimeout(ctx, leadWait)
	defer cancel()
	asked := time.Since(r.began)
	leading, err := r.store.Lead(ctx, r.me, leadFor)
	r.note(err)
	if leading != nil {
		r.extend(asked)
	}
	return leading, err
}

// extend lets this replica work for some time after it has asked for it.
func (r *replica) extend(asked time.Duration) { r.until.Store(int64(asked + leadFor - leadMargin)) }

// allowed returns an error if this replica must no longer work.
func (r *replica) allowed() error {
	if time.Since(r.began) >= time.Duration(r.until.Load()) {
		return errNotLeading
	}
	return nil
}

// term is the time for which a replica works. Once something was not allowed, it is over: who
// has asked does not ask again.
type term struct {
	app   *App
	store *store.Store
	over  chan struct{}
	end   func() // closes over; may be called again
}

func newTerm(a *App, leading *store.Store) *term {
	t := &term{app: a.forTerm(), store: leading, over: make(chan struct{})}
	t.end = sync.OnceFunc(func() { close(t.over) })
	return t
}

func (t *term) isOver() bool {
	select {
	case <-t.over:
		return true
	default:
		return false
	}
}

// lead works until this replica loses the leadership, or the program stops.
func (r *replica) lead(ctx context.Context, leading *store.Store) {
	log := r.app.log
	log.Info("This replica works now", "replica", r.me.Holder, "address", r.me.Address)
	t := newTerm(r.app, leading)
	ready := make(chan error, 1)
	go func() { ready <- r.begin(ctx, t) }()
	r.keep(ctx, t, ready)
	t.end()
	r.now.Store(nil)
	r.until.Store(0)
	// The end of ctx must not stop the clean-up.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	err := errors.Join(t.app.cleanups.run(ending), leading.EndLead(ending))
	log.Info("This replica works no longer", "replica", r.me.Holder, "error", err)
}

// begin assembles the program and makes it answer requests.
func (r *replica) begin(ctx context.Context, t *term) error {
	// What a step that did not end in time still does after the term is refused, even when this
	// replica works again.
	allow := func() error {
		if t.isOver() || r.allowed() != nil {
			t.end()
			return errNotLeading
		}
		return nil
	}
	p, err := t.app.assemble(ctx, t.store, allow)
	if err != nil {
		return err
	}
	if err := p.engine.Start(ctx); err != nil {
		return err
	}
	p.run(ctx)
	if err := t.app.offerSetup(ctx, p.accounts); err != nil {
		return err
	}
	r.now.Store(p)
	return nil
}

// keep renews the leadership until the term is over, the program cannot begin, or ctx ends.
func (r *replica) keep(ctx context.Context, t *term, ready <-chan error) {
	begun := false
	for !t.isOver() && r.allowed() == nil {
		select {
		case <-ctx.Done():
			if !begun {
				<-ready
			}
			return
		case <-t.over:
		case err := <-ready:
			begun = true
			if err != nil {
				r.app.log.Error("The program cannot begin to work", "error", err)
				return
			}
		case <-time.After(leadEvery):
			r.renew(ctx, t.store)
		}
	}
	if !begun {
		<-ready
	}
}

func (r *replica) renew(ctx context.Context, leading *store.Store) {
	ctx, cancel := context.WithTimeout(ctx, leadWait)
	defer cancel()
	asked := time.Since(r.began)
	err := leading.KeepLead(ctx, leadFor)
	r.note(err)
	switch {
	case err == nil:
		r.extend(asked)
	case errors.Is(err, store.ErrNotLeading):
		r.until.Store(0)
	default:
		r.app.log.Warn("The leadership cannot be renewed", "error", err)
	}
}

// note keeps what is wrong with the database, for those who ask a replica that cannot work.
func (r *replica) note(err error) {
	r.fault.Store(nil)
	if services.CodeOf(err) == services.CodeUnavailable {
		r.fault.Store(services.AsError(err))
	}
}

// working returns the program if this replica works, or else nil.
func (r *replica) working() *program {
	p := r.now.Load()
	if p == nil || r.allowed() != nil {
		return nil
	}
	return p
}

// beginning returns the program if this replica works. If it is about to, beginning waits for
// it.
func (r *replica) beginning(ctx context.Context) *program {
	for {
		p := r.working()
		if p != nil || r.allowed() != nil || !wait(ctx, beginPause) {
			return p
		}
	}
}

// beginPause is the pause between two looks at whether the program has begun to work.
const beginPause = 20 * time.Millisecond

// endStreams ends the event streams, which do not end by themselves.
func (r *replica) endStreams() {
	if p := r.now.Load(); p != nil {
		p.events.cancel()
	}
	r.peers.cancel()
}

// forTerm returns an App for the time during which a replica works.
func (a *App) forTerm() *App {
	return &App{
		options: a.options, log: a.log, cleanups: &cleanups{log: a.log}, failed: a.failed, listener: a.listener, tls: a.tls,
	}
}
