package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"kube-node-manager/cache"
	"kube-node-manager/handlers"
	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/services/audit"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/cluster"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
	"kube-node-manager/services/template"
)

// setUp puts the program together, from the database up to the listener. It is
// one straight line on purpose: what stands above is there for what stands
// below, and is stopped after it.
func (a *App) setUp(ctx context.Context) error {
	a.options.warn(a.log)
	st, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	e := &edge{options: &a.options, log: a.log, metrics: newMetrics(a.options.Version), store: st}
	e.limits = newLimits(a.options.UserRate, time.Now)
	e.metrics.watchStore(st)
	e.accounts = account.New(st, a.log, a.options.clock())
	a.inBackground(ctx, "stop the record of refused sign-ins", e.accounts.Run)
	auditLog := audit.New(st, a.log, audit.Keep{Batches: a.options.RetainBatches, Audit: a.options.RetainAudit}, a.options.clock())
	e.sessions = newSessions(ctx, st, &a.options, a.log, e.fail)
	a.cleanups.push("stop the cleaning of login sessions", stopRest, e.sessions.stop)

	clusters, err := cluster.Load(cluster.Source{
		Kubeconfig: a.options.Kubeconfig, Contexts: a.options.Contexts, UserAgent: "kube-node-manager/" + a.options.Version,
	})
	if err != nil {
		return err
	}
	a.cleanups.push("close the connections to clusters", stopRest, func(context.Context) error { clusters.Close(); return nil })
	fenced := cache.New(ctx)
	a.cleanups.push("stop the reads of clusters", stopRest, func(context.Context) error { fenced.Close(); return nil })
	nodes := node.New(clusters, fenced, node.Options{
		ListTTL: a.options.ListTTL, DetailTTL: a.options.DetailTTL, HardAge: a.options.HardAge,
	})

	protect, err := operation.NewProtection(a.options.Protect...)
	if err != nil {
		return fmt.Errorf("--protect: %w", err)
	}
	templates := template.New(st, a.log)
	streams := newHub(ctx, a.log, fenced.Generation, e.metrics.sseDropped.Inc)
	streams.login, streams.perUser = e.loginOf, a.options.UserStreams
	e.sessions.ended = streams.recheckLogins
	engine := batch.New(batch.Dependencies{
		Store: st, Clusters: clusters, Nodes: nodes, Templates: templates, Cache: fenced, Log: a.log,
		Watcher: countBatches{streams, e.metrics, clusters},
	}, batch.Options{
		SyncLimit: a.options.SyncLimit, SyncWait: a.options.SyncWait, Resume: a.options.Resume, Protect: protect,
		Reach: batch.ReachLimit{Percent: a.options.GuardShare, Nodes: a.options.GuardNodes},
	})
	h := handlers.New(handlers.Dependencies{
		Clusters: clusters, Nodes: nodes, Batches: engine, Templates: templates, Audit: auditLog, Cache: fenced,
		Protect: protect, Cookies: handlers.Cookies{Secure: a.options.https()}, Version: a.options.Version,
	})
	streams.setRail(h.Rail)
	streams.look = clusters.Look
	streams.start(engine)
	a.cleanups.push("end the event streams", stopRest, func(context.Context) error { streams.close(); return nil })
	a.cleanups.push("stop the batches", stopBatches, engine.Stop)

	e.frame = h.Frame
	routes, err := e.router(h, e.countStreams(streams.serve(func(name string) error {
		_, err := clusters.Get(name)
		return err
	})))
	if err != nil {
		return err
	}
	if err := a.listen(ctx); err != nil {
		return err
	}
	// What an earlier process left is taken up before the first answer, so that
	// nobody sees a batch as running that nobody runs.
	if err := engine.Start(ctx); err != nil {
		return err
	}
	a.server = a.newServer(ctx, routes)
	// The server would wait for ever for streams that do not end by themselves.
	a.server.RegisterOnShutdown(streams.cancel)
	a.serve("web server", a.listener, a.server)
	if err := a.serveMetrics(ctx, e.metrics); err != nil {
		return err
	}
	a.probe(ctx, clusters, nodes)
	a.purge(ctx, auditLog)
	e.ready.Store(true)
	a.cleanups.push("tell that it stops", stopRest, func(context.Context) error { e.ready.Store(false); return nil })
	return a.greet(ctx, e.accounts) // last: whoever reads the address finds the program ready
}

// openStore opens the database as its only server.
func (a *App) openStore(ctx context.Context) (*store.Store, error) {
	st, err := store.Open(ctx, a.options.Data, a.log)
	if err != nil {
		return nil, err
	}
	a.cleanups.push("close the database", stopDatabase, st.Close)
	return st, st.Claim()
}

// listen takes the address. Who connects from here on waits for the server,
// and is not refused.
func (a *App) listen(ctx context.Context) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.options.Listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	a.listener = l
	a.cleanups.push("give the address back", stopRest, func(context.Context) error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err // nothing has served it
		}
		return nil
	})
	return nil
}

// serveMetrics serves the metrics on an address of their own, if there is one.
func (a *App) serveMetrics(ctx context.Context, m *metrics) error {
	if a.options.MetricsAddr == "" {
		return nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.options.MetricsAddr)
	if err != nil {
		return fmt.Errorf("--metrics-addr: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.handler())
	a.serve("metrics server", l, a.newServer(ctx, mux))
	a.log.Info("Serving metrics", "address", l.Addr().String())
	return nil
}

// greet tells the one who started the program where it is and, while there is
// no administrator, the code that makes the first one. The code goes to standard
// output only: logs are kept, and read by many.
func (a *App) greet(ctx context.Context, accounts *account.Service) error {
	code, needed, err := accounts.SetupCode(ctx)
	if err != nil {
		return fmt.Errorf("make the set-up code: %w", err)
	}
	a.log.Info("Listening", "address", a.addr(), "url", a.url(), "version", a.options.Version)
	_, _ = fmt.Fprintf(a.options.Output, "Kube Node Manager %s: %s\n", a.options.Version, a.url())
	if needed {
		a.setupCode = code
		a.log.Info("There is no administrator yet; the code to make the first one is on standard output",
			"valid_for", account.SetupCodeLife)
		_, _ = fmt.Fprintf(a.options.Output,
			"There is no administrator yet. Open %s/setup within the next hour and enter this code: %s\n", a.url(), code)
	}
	return nil
}

// purge deletes what is too old in the background, now and once a day.
func (a *App) purge(ctx context.Context, auditLog *audit.Service) {
	a.inBackground(ctx, "stop the deletion of old records", auditLog.Run)
}

// inBackground runs fn until the clean-up of that name.
func (a *App) inBackground(ctx context.Context, cleanup string, fn func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		fn(ctx)
	}()
	a.cleanups.push(cleanup, stopRest, func(context.Context) error {
		cancel()
		<-ended
		return nil
	})
}

// listWithin is how long a probe waits for a list, which goes on without it.
const listWithin = 10 * time.Second

// probe keeps the state of the clusters true in the background, and what is
// known of their nodes from being forgotten.
func (a *App) probe(ctx context.Context, clusters *cluster.Registry, nodes *node.Service) {
	reader := services.Actor{Name: "probe", Role: services.RoleViewer}
	ctx, cancel := context.WithCancel(services.WithActor(context.WithoutCancel(ctx), reader))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		clusters.Probe(ctx, func(ctx context.Context, name string) {
			if known, ok := nodes.Known(name); ok && time.Since(known.AsOf) <= a.options.HardAge/2 {
				return
			}
			ctx, cancel := context.WithTimeout(ctx, listWithin)
			defer cancel()
			_, _ = nodes.All(ctx, name, false) // who looks is told what is wrong
		})
	}()
	a.cleanups.push("stop asking the clusters", stopRest, func(context.Context) error {
		cancel()
		<-ended
		return nil
	})
}
