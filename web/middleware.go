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
	"kube-node-manager/services"
	"kube-node-manager/static"
	"kube-node-manager/views/ui"
)

// maxBody is the most bytes that a request may send. Ten thousand node names fit.
const maxBody = 1 << 20

// clientIP returns middleware that determines the address of the client. That is the
// address of the peer, or behind trusted proxies, the last one in X-Forwarded-For that
// is not a proxy's. If the header has no valid address, it is the peer's again.
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

// observe gives each request an id, and counts and logs it when it has been answered.
func (e *edge) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		i := &info{
			id: rand.Text()[:16], clientIP: middleware.GetClientIP(r.Context()), agent: services.Clip(r.UserAgent()),
			response: ww,
		}
		ww.Header().Set("X-Request-Id", i.id)
		r = withInfo(r, i)
		next.ServeHTTP(ww, r)

		e.logRequest(r, i, time.Since(begin))
	})
}

func (e *edge) logRequest(r *http.Request, i *info, took time.Duration) {
	route, status := routeOf(r), i.response.Status()
	if status == 0 {
		status = http.StatusOK // net/http sends it for an empty response
	}
	e.metrics.requests.WithLabelValues(methodOf(r), route, strconv.Itoa(status)).Inc()
	if route != eventsRoute { // a stream lasts as long as its page is open
		e.metrics.duration.WithLabelValues(route).Observe(took.Seconds())
	}
	e.log.Log(r.Context(), accessLevel(route, status), "Request",
		"method", methodOf(r), "route", route, "path", shortPath(r), "status", status,
		"dur_ms", took.Milliseconds(), "bytes", i.response.BytesWritten(), "user", i.user)
}

// eventsRoute is the route of the event stream.
const eventsRoute = "/events"

// routeOf returns the pattern of the request's route. The request must have been routed.
func routeOf(r *http.Request) string {
	pattern := chi.RouteContext(r.Context()).RoutePattern()
	if pattern == "" || pattern == "/*" {
		return "unmatched"
	}
	return pattern
}

// methodOf returns the method of a request as a label. Clients can send any word as the
// method, which would make a new label each time.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions:
		return r.Method
	default:
		return "other"
	}
}

// maxLoggedPath is the most bytes of a path in the log.
const maxLoggedPath = 300

// shortPath returns the path of a request for the log.
func shortPath(r *http.Request) string {
	path := r.URL.Path
	if len(path) <= maxLoggedPath {
		return path
	}
	return strings.ToValidUTF8(path[:maxLoggedPath], "") + "…"
}

// accessLevel returns the log level of a request. It is low for frequent ones.
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

// rescue turns a panic into an error page, and logs the stack.
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

// limitBody makes it an error to read more than maxBody; see clarify.
func limitBody(next http.Handler) http.Handler { return http.MaxBytesHandler(next, maxBody) }

// deadline cancels a request that takes too long. It gets an error page then, before the
// server closes its connection.
func deadline(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), writeTimeout-5*time.Second)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// prefer adds to the context what the pages need: the reader's language, theme, time
// zone and density, and the addresses of the assets.
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
		if cookieValue(r, handlers.DensityCookie) == handlers.Compact {
			ctx = ui.WithDensity(ctx, handlers.Compact)
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

// varies tells caches on which headers a response depends. The session manager adds
// Cookie.
func varies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "HX-Request, Accept")
		next.ServeHTTP(w, r)
	})
}

// compress returns middleware that compresses text. It does not compress event streams,
// because it would delay their events. Level 3 takes a quarter of the time of level 5 for
// the table of nodes, which is then a quarter larger.
func compress() func(http.Handler) http.Handler {
	return middleware.Compress(3, "text/html", "text/css", "text/javascript", "application/json", "image/svg+xml")
}
