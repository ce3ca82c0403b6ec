package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	"kube-node-manager/services/inspect"
	"kube-node-manager/services/node"
	"kube-node-manager/services/notify"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/prometheus"
	"kube-node-manager/services/rule"
	"kube-node-manager/services/saved"
	"kube-node-manager/services/store"
	"kube-node-manager/services/template"
	"kube-node-manager/views/admin"
	"kube-node-manager/views/ui"
)

// setUp starts the program: alone on its database, or as one of several replicas.
func (a *App) setUp(ctx context.Context) error {
	a.options.warn(a.log)
	ctx, err := a.startTracing(ctx)
	if err != nil {
		return err
	}
	if err := a.loadTLS(ctx); err != nil {
		return err
	}
	st, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	if a.options.Database != "" {
		return a.setUpReplica(ctx, st)
	}
	if err := st.Claim(ctx); err != nil {
		return err
	}
	p, err := a.assemble(ctx, st, nil)
	if err != nil {
		return err
	}
	if err := a.listen(ctx); err != nil {
		return err
	}
	// The engine handles the batches of an earlier process before the first request, so
	// that no page shows a batch as running that is not.
	if err := p.engine.Start(ctx); err != nil {
		return err
	}
	// Otherwise the server would wait for the event streams, which do not end by themselves.
	if err := a.serveAll(ctx, p.routes, p.metrics.handler(), p.events.cancel); err != nil {
		return err
	}
	p.run(ctx)
	a.greet() // last: the program must be ready when the address is printed
	return a.offerSetup(ctx, p.accounts)
}

// serveAll serves on the main address and, where they are set, on those for redirects,
// metrics and profiles. ends is called when the shutdown of the main server begins.
func (a *App) serveAll(ctx context.Context, routes, metrics http.Handler, ends func()) error {
	a.server = a.newServer(ctx, routes)
	if a.tls != nil {
		a.server.TLSConfig = a.tls.config()
	}
	a.server.RegisterOnShutdown(ends)
	a.serve("web server", a.listener, a.server)
	if err := a.serveRedirects(ctx); err != nil {
		return err
	}
	if err := a.serveMetrics(ctx, metrics); err != nil {
		return err
	}
	return a.servePprof(ctx)
}

// program is the assembled program.
type program struct {
	*edge
	routes http.Handler
	engine *batch.Engine
	events *hub
	// run starts what works in the background, and makes the program ready.
	run func(ctx context.Context)
}

// assemble creates all parts of the program that work on the database. It is one straight
// line on purpose: each part depends only on those above it, and is stopped before them.
// allow, if it is not nil, is asked before each change of a cluster.
func (a *App) assemble(ctx context.Context, st *store.Store, allow func() error) (*program, error) {
	e := &edge{options: &a.options, log: a.log, metrics: newMetrics(a.options.Version), store: st}
	e.limits = newLimits(a.options.UserRate, time.Now)
	e.metrics.watchStore(st)
	keep := audit.Keep{Batches: a.options.RetainBatches, Audit: a.options.RetainAudit}
	auditLog := audit.New(st, a.log, keep, a.options.clock())
	e.sessions = newSessions(ctx, st, &a.options, a.log, e.fail)
	a.cleanups.push("stop the deletion of login sessions", stopRest, e.sessions.stop)

	clusters, err := cluster.Load(cluster.Source{
		Kubeconfig: a.options.Kubeconfig, Contexts: a.options.Contexts,
		UserAgent: "kube-node-manager/" + a.options.Version, Allow: allow,
	})
	if err != nil {
		return nil, err
	}
	a.cleanups.push("close the connections to clusters", stopRest, withoutError(clusters.Close))
	e.metrics.watchNow(ctx, a.log, clusters, st)
	key := a.options.secretKey(a.log)
	e.accounts = account.New(st, a.log, a.options.clock(), clusters.Labels)
	e.accounts.UseKey(key)
	a.inBackground(ctx, "write the refused sign-ins", e.accounts.Run)
	if err := a.signOn(ctx, e); err != nil {
		return nil, err
	}
	fenced := cache.New(ctx)
	a.cleanups.push("stop the reads of clusters", stopRest, withoutError(fenced.Close))
	nodes := node.New(clusters, fenced, node.Options{
		ListTTL: a.options.ListTTL, DetailTTL: a.options.DetailTTL, HardAge: a.options.HardAge,
	})

	protect, err := operation.NewProtection(a.options.Protect...)
	if err != nil {
		return nil, fmt.Errorf("--protect: %w", err)
	}
	templates := template.New(st, a.log)
	held := rule.New(st, time.Now)
	events := newHub(ui.WithBase(ctx, a.options.base()), a.log, fenced.Generation, e.metrics.sseDropped.Inc)
	events.login, events.perUser = e.loginOf, a.options.UserStreams
	e.sessions.ended = events.recheckLogins
	engine := batch.New(batch.Dependencies{
		Store: st, Accounts: e.accounts, Clusters: clusters, Nodes: nodes, Rules: held, Templates: templates,
		Metrics: prometheus.New(a.options.ClusterNetworks),
		Cache:   fenced, Log: a.log, Watcher: batchWatcher{events, e.metrics, clusters},
	}, batch.Options{
		SyncLimit: a.options.SyncLimit, SyncWait: a.options.SyncWait, Resume: a.options.Resume, Protect: protect,
		Reach: batch.ReachLimit{Percent: a.options.GuardShare, Nodes: a.options.GuardNodes},
		ActAs: batch.ActAs{In: clusters.ActsAsUser, Prefix: a.options.ActAsPrefix, Groups: a.options.ActAsGroup},
		Words: func(t store.Text) string { return ui.Text(ui.WithLocale(ctx, ui.LocaleEnglish), t) },
	})
	e.accounts.OnChange(func() {
		events.recheckLogins()
		engine.AccessChanged()
	})
	told := notify.New(notify.Dependencies{
		Store: st, Batches: engine, Log: a.log, Key: key, Networks: a.options.WebhookNetworks,
		Text: admin.HookText, BatchURL: a.options.batchURL,
		Now: a.options.clock(),
	})
	h := handlers.New(handlers.Dependencies{
		Accounts: e.accounts, Logins: e.sessions,
		Inspect:  inspect.New(clusters, nodes, held, fenced, a.options.ListTTL),
		Clusters: clusters, Nodes: nodes, Batches: engine, Templates: templates, Audit: auditLog,
		Rules: held, Saved: saved.New(st), Notify: told, Cache: fenced, Protect: protect, Cookies: a.options.cookies(),
		Version: a.options.Version,
	})
	if err := clusters.Use(ctx, cluster.Storage{
		Store: st, Log: a.log, Key: key, Networks: a.options.ClusterNetworks, ActAs: a.options.ActAsUser,
		Changed: func(name string) {
			fenced.InvalidateCluster(name)
			events.NodesChanged(name)
		},
	}); err != nil {
		return nil, err
	}
	events.every = h
	events.setRail(h.Rail)
	follower := node.NewFollower(ctx, nodes, a.log, events)
	a.cleanups.push("stop following nodes", stopRest, withoutError(follower.Close))
	events.look = func(name string) {
		clusters.Look(name)
		follower.Look(name)
	}
	events.start(engine)
	a.cleanups.push("end the event streams", stopRest, withoutError(events.close))
	a.cleanups.push("stop the batches", stopBatches, engine.Stop)

	e.frame = h.Frame
	routes, err := e.router(h, e.metrics.countStreams(events.serve(func(name string) error {
		_, err := clusters.Get(name)
		return err
	})))
	if err != nil {
		return nil, err
	}
	run := func(ctx context.Context) {
		a.probe(ctx, clusters, nodes, engine)
		a.inBackground(ctx, "stop following the kubeconfig files", func(ctx context.Context) { clusters.Follow(ctx, a.log) })
		a.inBackground(ctx, "stop the deletion of old records", auditLog.Run)
		a.inBackground(ctx, "stop the checks of access", engine.CheckAccess)
		a.inBackground(ctx, "stop the schedule", engine.KeepSchedule)
		a.inBackground(ctx, "stop the notifications", told.Run)
		e.ready.Store(true)
		a.cleanups.push("become unready", stopRest, withoutError(func() { e.ready.Store(false) }))
	}
	return &program{edge: e, routes: routes, engine: engine, events: events, run: run}, nil
}

// withoutError returns fn as a clean-up step that cannot fail.
func withoutError(fn func()) func(context.Context) error {
	return func(context.Context) error {
		fn()
		return nil
	}
}

// openStore opens the database.
func (a *App) openStore(ctx context.Context) (*store.Store, error) {
	st, err := openDatabase(ctx, a.options.Database, a.options.Data, a.log)
	if err != nil {
		return nil, err
	}
	a.cleanups.push("close the database", stopDatabase, st.Close)
	return st, nil
}

// openDatabase opens the PostgreSQL database with an address, or, if there is none, the
// SQLite database in a directory.
func openDatabase(ctx context.Context, address, dir string, log *slog.Logger) (*store.Store, error) {
	if address != "" {
		return store.OpenPostgres(ctx, address, log)
	}
	return store.Open(ctx, dir, log)
}

// loadTLS reads the certificate, if there is one, and follows its files.
func (a *App) loadTLS(ctx context.Context) (err error) {
	if a.options.TLSCert == "" {
		return nil
	}
	a.tls, err = loadCertificate(&a.options, a.log)
	if err == nil {
		a.inBackground(ctx, "stop reading the TLS certificate", a.tls.follow)
	}
	return err
}

// listen listens on the address. From now on, clients that connect wait for the server to
// start, and are not refused.
func (a *App) listen(ctx context.Context) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.options.Listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	a.listener = l
	a.cleanups.push("close the listener", stopRest, func(context.Context) error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err // the server was not started, or it would have closed the listener
		}
		return nil
	})
	return nil
}

// serveMetrics serves the metrics on --metrics-addr, if it is set.
func (a *App) serveMetrics(ctx context.Context, metrics http.Handler) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	return a.serveAlso(ctx, "metrics server", "--metrics-addr", a.options.MetricsAddr, mux)
}

// serveRedirects redirects to HTTPS on --redirect-addr, if it is set.
func (a *App) serveRedirects(ctx context.Context) error {
	redirect := redirectToHTTPS(a.options.origin())
	return a.serveAlso(ctx, "redirect server", "--redirect-addr", a.options.RedirectAddr, redirect)
}

// serveAlso serves on a second address, if there is one.
func (a *App) serveAlso(ctx context.Context, name, option, address string, h http.Handler) error {
	if address == "" {
		return nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("%s: %w", option, err)
	}
	a.serve(name, l, a.newServer(ctx, h))
	a.log.Info("Serving", "server", name, "address", l.Addr().String())
	return nil
}

// greet prints the address of the program.
func (a *App) greet() {
	a.log.Info("Listening", "address", a.addr(), "url", a.url(), "version", a.options.Version)
	_, _ = fmt.Fprintf(a.options.Output, "Kube Node Manager %s: %s\n", a.options.Version, a.url())
}

// offerSetup prints the code to create the first administrator, if there is none. The code
// is not logged: logs are kept, and many people can read them.
func (a *App) offerSetup(ctx context.Context, accounts *account.Service) error {
	code, needed, err := accounts.SetupCode(ctx)
	if err != nil {
		return fmt.Errorf("create the set-up code: %w", err)
	}
	if needed {
		a.setupCode = code
		a.log.Info("There is no administrator yet; the code to create the first one is on standard output",
			"valid_for", account.SetupCodeLife)
		_, _ = fmt.Fprintf(a.options.Output, "There is no administrator yet. "+
			"Open %s/setup within the next hour and enter this code: %s\n", a.url(), code)
	}
	return nil
}

// inBackground runs fn in a goroutine. It adds a clean-up step that cancels the context of
// fn and waits for its end.
func (a *App) inBackground(ctx context.Context, cleanup string, fn func(ctx context.Context)) {
	a.inBackgroundFor(ctx, cleanup, stopRest, fn)
}

// inBackgroundFor is inBackground for what may take longer to end.
func (a *App) inBackgroundFor(
	ctx context.Context, cleanup string, limit time.Duration, fn func(ctx context.Context),
) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		fn(ctx)
	}()
	a.cleanups.push(cleanup, limit, func(context.Context) error {
		cancel()
		<-ended
		return nil
	})
}

// probeListWait is how long a probe waits for a list of nodes. The list is read to its end
// even after that.
const probeListWait = 10 * time.Second

// probe keeps the status of the clusters up to date in the background, and reads their nodes
// before the cached ones are too old to be shown. What the nodes say of their maintenance is
// corrected, if it is not true.
func (a *App) probe(ctx context.Context, clusters *cluster.Registry, nodes *node.Service, engine *batch.Engine) {
	readNodes := func(ctx context.Context, name string) {
		all, err := a.readNodes(ctx, nodes, name)
		if err != nil {
			return // the page of the nodes shows the error
		}
		if err := engine.CorrectNotices(ctx, name, all); err != nil {
			a.log.Warn("What nodes say of their maintenance cannot be checked", "cluster", name, "error", err)
		}
	}
	reader := services.Actor{Name: "probe", Role: services.RoleViewer}
	a.inBackground(services.WithActor(ctx, reader), "stop the probes of clusters", func(ctx context.Context) {
		clusters.Probe(ctx, readNodes)
	})
}

// readNodes returns the nodes of a cluster. It reads them if the known ones are soon too old
// to be shown.
func (a *App) readNodes(ctx context.Context, nodes *node.Service, name string) (node.Inventory, error) {
	known, ok := nodes.Known(name)
	if ok && time.Since(known.AsOf) <= a.options.HardAge/2 {
		return known, nil
	}
	ctx, cancel := context.WithTimeout(ctx, probeListWait)
	defer cancel()
	return nodes.All(ctx, name, false)
}
