package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"k8s.io/klog/v2"
)

const (
	// Limits of the HTTP server. Event streams set their own deadlines.
	headerTimeout = 5 * time.Second
	readTimeout   = 15 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10

	// Limits of each shutdown phase, and of all together. Together with the grace of
	// each phase it is less than 15 s.
	stopRequests = 3 * time.Second
	stopBatches  = 7 * time.Second
	stopDatabase = 5 * time.Second // it moves its log into the main file, on a disk that may be busy
	stopRest     = 2 * time.Second
	stopTimeout  = 13 * time.Second
)

// App is the program. Its methods are safe for concurrent use.
type App struct {
	options  Options
	log      *slog.Logger
	logFile  *logFile // nil without one
	cleanups *cleanups
	failed   chan error // of a server that has ended by itself

	mu        sync.Mutex
	started   bool
	stopped   bool
	listener  net.Listener
	tls       *certificate // nil without --tls-cert
	server    *http.Server
	setupCode string
}

// New checks the options and opens the log. It does not start anything. An App that is
// never started needs Stop only to close its log file.
func New(o Options) (*App, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Output == nil {
		o.Output = io.Discard
	}
	a := &App{options: o, failed: make(chan error, 2)}
	if err := a.openLog(); err != nil {
		return nil, err
	}
	a.cleanups = &cleanups{log: a.log}
	if a.logFile != nil {
		a.cleanups.push("close the log file", stopRest, func(context.Context) error { return a.logFile.Close() })
	}
	return a, nil
}

func (a *App) openLog() (err error) {
	if a.options.Log != nil {
		a.log = slog.New(contextHandler{a.options.Log.Handler()})
		return nil
	}
	a.log, a.logFile, err = newLog(&a.options, os.Stderr)
	return err
}

// Start begins to serve requests and returns. It does not wait for clusters. If it
// returns an error, it has stopped everything again. An App can be started once.
func (a *App) Start(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.started || a.stopped {
		return errors.New("the program has been started or stopped already")
	}
	a.started = true
	if err := a.setUp(ctx); err != nil {
		a.stopped = true
		return errors.Join(err, a.cleanups.run(context.WithoutCancel(ctx)))
	}
	return nil
}

// Stop stops the program: it accepts no more requests, waits for the running requests and
// for the running steps of batches, and closes the database. It takes at most 15 s,
// even if something hangs. A second call, or one before Start, does nothing.
func (a *App) Stop(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = true
	// The end of ctx must not stop the clean-up: the database must be closed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return a.cleanups.run(ctx)
}

// Addr returns the address on which the program listens, or "" before Start.
func (a *App) Addr() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.addr()
}

func (a *App) addr() string {
	if a.listener == nil {
		return ""
	}
	return a.listener.Addr().String()
}

// URL returns the address to open in a browser.
func (a *App) URL() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.url()
}

func (a *App) url() string {
	if origin := a.options.origin(); origin != "" {
		return origin + a.options.basePath()
	}
	host, port, err := net.SplitHostPort(a.addr())
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return a.options.scheme() + "://" + net.JoinHostPort(host, port)
}

// SetupCode returns the one-time code that Start has printed, or "" if there is an
// administrator.
func (a *App) SetupCode() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.setupCode
}

// Run starts the program, waits until ctx ends or a server fails, and stops it. It also
// handles SIGHUP and sets the default log of the process.
func Run(ctx context.Context, o Options) error {
	a, err := New(o)
	if err != nil {
		return err
	}
	slog.SetDefault(a.log)
	klog.SetSlogLogger(a.log)
	defer a.reopenLogOnSignal()()
	if err := a.Start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // to be stopped during the start is no failure
		}
		return err
	}
	select {
	case <-ctx.Done():
		a.log.Info("Stopping")
	case err = <-a.failed:
	}
	return errors.Join(err, a.Stop(ctx))
}

// reopenLogOnSignal reopens the log file on every SIGHUP until stop is called, because
// logrotate has moved the file then. Without a log file it ignores SIGHUP.
func (a *App) reopenLogOnSignal() (stop func()) {
	hup, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hup, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-done:
				return
			case <-hup:
				a.reopenLog()
			}
		}
	}()
	return func() {
		signal.Stop(hup)
		close(done)
	}
}

func (a *App) reopenLog() {
	if a.logFile == nil {
		return
	}
	if err := a.logFile.reopen(); err != nil {
		a.log.Error("Could not reopen the log file", "error", err)
		return
	}
	a.log.Info("Reopened the log file")
}

// serve serves requests on l in the background until the clean-up.
func (a *App) serve(name string, l net.Listener, srv *http.Server) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := serveOn(l, srv); !errors.Is(err, http.ErrServerClosed) {
			a.failed <- fmt.Errorf("%s: %w", name, err)
		}
	}()
	a.cleanups.push("stop the "+name, stopRequests+stopRest, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, stopRequests)
		defer cancel()
		err := srv.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			// A client is still reading its response. No change is lost with it.
			a.log.Warn("Cut off requests that did not end in time")
			err = srv.Close()
		}
		<-ended
		return err
	})
}

// serveOn serves HTTPS, also as HTTP/2, if the server has a configuration for TLS.
func serveOn(l net.Listener, srv *http.Server) error {
	if srv.TLSConfig != nil {
		return srv.ServeTLS(l, "", "")
	}
	return srv.Serve(l)
}

// newServer returns an HTTP server with our limits.
func (a *App) newServer(ctx context.Context, h http.Handler) *http.Server {
	base := context.WithoutCancel(ctx)
	return &http.Server{
		Handler:           h,
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
}
