package web

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"kube-node-manager/handlers"
	"kube-node-manager/static"
	"kube-node-manager/views/ui"
)

// maxBody bounds what a request may send. Ten thousand node names fit.
const maxBody = 1 << 20

// clientIP finds the address of who asks: the peer's, or behind trusted proxies
// the last one in X-Forwarded-For that is none of theirs. Where there is none,
// or something else stands in its place, it is the peer's again.
func clientIP(trusted []netip.Prefix) func(http.Handler) http.Handler {
	if len(trusted) == 0 {
		return middleware.ClientIPFromRemoteAddr
	}
	prefixes := make([]string, len(trusted))
	for i, p := range trusted {
		prefixes[i] = p.String()
	}
	forwarded := middleware.ClientIPFromXFF(prefixes...)
	return func(next http.Handler) http.Handler {
		return middleware.ClientIPFromRemoteAddr(forwarded(next))
	}
}

// observe numbers the request, and when it has been answered counts it and logs
// one line.
func (e *edge) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		i := &info{id: rand.Text()[:16], clientIP: middleware.GetClientIP(r.Context()), response: ww}
		ww.Header().Set("X-Request-Id", i.id)
		r = withInfo(r, i)
		next.ServeHTTP(ww, r)

		route, status := routeOf(r), ww.Status()
		if status == 0 {
			status = http.StatusOK // net/http sends it for an empty answer
		}
		took := time.Since(begin)
		e.metrics.requests.WithLabelValues(methodOf(r), route, strconv.Itoa(status)).Inc()
		if route != eventsRoute { // a stream lasts as long as somebody looks
			e.metrics.duration.WithLabelValues(route).Observe(took.Seconds())
		}
		e.log.Log(r.Context(), accessLevel(route, status), "Request",
			"method", methodOf(r), "route", route, "path", shortPath(r), "status", status,
			"dur_ms", took.Milliseconds(), "bytes", ww.BytesWritten(), "user", i.user)
	})
}

// eventsRoute is the route of the event stream.
const eventsRoute = "/events"

// routeOf gives the pattern of the request's route, once it has been routed.
func routeOf(r *http.Request) string {
	pattern := chi.RouteContext(r.Context()).RoutePattern()
	if pattern == "" || pattern == "/*" {
		return "unmatched"
	}
	return pattern
}

// methodOf keeps the label small: anybody can send any word as a method.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	default:
		return "other"
	}
}

// maxLoggedPath keeps a line of the log from growing to the size of a header.
const maxLoggedPath = 300

// shortPath returns the request's path as the log shows it.
func shortPath(r *http.Request) string {
	path := r.URL.Path
	if len(path) <= maxLoggedPath {
		return path
	}
	return strings.ToValidUTF8(path[:maxLoggedPath], "") + "…"
}

// accessLevel keeps what repeats itself all day out of the log.
func accessLevel(route string, status int) slog.Level {
	switch {
	case status == statusClientClosed, status == http.StatusTooManyRequests, strings.HasPrefix(route, static.Root):
		return slog.LevelDebug
	case route == "/healthz", route == "/readyz", route == "/metrics":
		return slog.LevelDebug
	default:
		return slog.LevelInfo
	}
}

// rescue turns a panic into an error page and a stack in the log.
func (e *edge) rescue(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler { //nolint:errorlint // net/http panics with this very value
				panic(p)
			}
			e.log.ErrorContext(r.Context(), "Panic in a handler", "panic", p, "stack", string(debug.Stack()))
			e.fail(w, r, fmt.Errorf("panic: %v", p))
		}()
		next.ServeHTTP(w, r)
	})
}

// limitBody makes reading more than maxBody an error that errors.go knows.
func limitBody(next http.Handler) http.Handler { return http.MaxBytesHandler(next, maxBody) }

// deadline ends a request that takes too long with words, before the server
// cuts its connection without any.
func deadline(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), writeTimeout-5*time.Second)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// prefer returns the request the reader's language, theme and zone, and the pages
// the addresses of their assets.
func prefer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		locale := ui.MatchLocale(cookieValue(r, handlers.LangCookie), r.Header.Get("Accept-Language"))
		ctx := ui.WithLocale(r.Context(), locale)
		if theme := cookieValue(r, handlers.ThemeCookie); theme == "light" || theme == "dark" {
			ctx = ui.WithTheme(ctx, theme)
		}
		if zone := readerZone(cookieValue(r, handlers.ZoneCookie)); zone != nil {
			ctx = ui.WithZone(ctx, zone)
		}
		ctx = ui.WithAssets(ctx, static.URL)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func cookieValue(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// varies tells caches what the answer depends on; scs adds Cookie.
func varies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "HX-Request, Accept")
		next.ServeHTTP(w, r)
	})
}

// compress leaves out what is compressed already, and event streams, which it
// would hold back.
func compress() func(http.Handler) http.Handler {
	return middleware.Compress(5, "text/html", "text/css", "text/javascript", "application/json", "image/svg+xml")
}
