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
	// The server's limits. Event streams set deadlines of their own.
	headerTimeout = 5 * time.Second
	readTimeout   = 15 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10

	// What may be taken by each part of the end, and by all of it. Together
	// with the grace of each part it is less than 15 s.
	stopRequests = 3 * time.Second
	stopBatches  = 7 * time.Second
	stopDatabase = 5 * time.Second // its log is folded in, on a disk that others may keep busy
	stopRest     = 2 * time.Second
	stopTimeout  = 13 * time.Second
)

// App is the program. Its methods may be called from any goroutine.
type App struct {
	options  Options
	log      *slog.Logger
	logFile  *logFile // nil without one
	cleanups *cleanups
	failed   chan error // what ends the program before it is asked to

	mu        sync.Mutex
	started   bool
	stopped   bool
	listener  net.Listener
	server    *http.Server
	setupCode string
}

// New checks the options and opens the log. It starts nothing; an App that is
// not started needs no Stop, except for its log file.
func New(o Options) (*App, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Output == nil {
		o.Output = io.Discard
	}
	a := &App{options: o, failed: make(chan error, 2)}
	if o.Log != nil {
		a.log = slog.New(contextHandler{o.Log.Handler()})
	} else {
		var err error
		if a.log, a.logFile, err = newLog(&o, os.Stderr); err != nil {
			return nil, err
		}
	}
	a.cleanups = &cleanups{log: a.log}
	if a.logFile != nil {
		a.cleanups.push("close the log file", stopRest, func(context.Context) error { return a.logFile.Close() })
	}
	return a, nil
}

// Start begins to answer requests and returns; it does not wait for clusters.
// When it fails, everything that it had begun has been stopped. An App starts
// once.
func (a *App) Start(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.started || a.stopped {
		return errors.New("the program was started or stopped before")
	}
	a.started = true
	if err := a.setUp(ctx); err != nil {
		a.stopped = true
		return errors.Join(err, a.cleanups.run(context.WithoutCancel(ctx)))
	}
	return nil
}

// Stop ends the program: it takes no more requests, lets those under way and
// the steps of batches end, and closes the database. It takes at most 15 s,
// whatever hangs. Calling it again, or before Start, does nothing.
func (a *App) Stop(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = true
	// The caller's end must not cut the end short: a database has to be closed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return a.cleanups.run(ctx)
}

// Addr gives the address that the program listens on, "" before Start.
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

// URL gives the address to open in a browser.
func (a *App) URL() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.url()
}

func (a *App) url() string {
	if origin := a.options.origin(); origin != "" {
		return origin
	}
	host, port, err := net.SplitHostPort(a.addr())
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// SetupCode returns the one-time code that Start printed, "" when there is an administrator.
func (a *App) SetupCode() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.setupCode
}

// Run starts the program, waits until ctx ends or it cannot go on, and stops
// it. It also takes over the process's log and SIGHUP.
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
			return nil // told to end before it had begun; that is no failure
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

// reopenLogOnSignal opens the log file again on SIGHUP, after logrotate has
// moved it, until stop is called. Without a log file SIGHUP changes nothing.
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

// serve answers requests on l in the background until the clean-up.
func (a *App) serve(name string, l net.Listener, srv *http.Server) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.failed <- fmt.Errorf("%s: %w", name, err)
		}
	}()
	a.cleanups.push("stop the "+name, stopRequests+stopRest, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, stopRequests)
		defer cancel()
		err := srv.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			// Somebody is still reading; nothing is lost with what they read.
			a.log.Warn("Cut off requests that did not end in time")
			err = srv.Close()
		}
		<-ended
		return err
	})
}

// newServer gives an HTTP server with our limits.
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
