package web

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/httprate"
	"golang.org/x/time/rate"

	"kube-node-manager/services"
)

const (
	burstSeconds = 10   // a burst may have as many requests as are allowed in this time
	changeShare  = 4    // changes and plans have this part of the rate: a quarter
	maxTracked   = 4096 // clients whose requests are counted separately
	warnEvery    = time.Minute

	maxHeavy  = 4                // expensive requests of one user at the same time
	heavyWait = 10 * time.Second // how long a further one waits
)

// limits limits the requests of each client. Its counts are in memory and of bounded size.
type limits struct {
	perSecond int // requests of one client; 0 means no limit
	now       func() time.Time

	mu      sync.Mutex
	clients map[string]*client // by clientKey
}

// client is one user, or one network without a login.
type client struct {
	reads, changes *rate.Limiter
	heavy          chan struct{} // has one value for each expensive request that is running

	// Guarded by limits.mu.
	seen   time.Time
	warned time.Time
}

func newLimits(perSecond int, now func() time.Time) *limits {
	return &limits{perSecond: perSecond, now: now, clients: map[string]*client{}}
}

func (l *limits) newClient() *client {
	changes := max(1, l.perSecond/changeShare)
	return &client{
		reads:   rate.NewLimiter(rate.Limit(l.perSecond), burstSeconds*l.perSecond),
		changes: rate.NewLimiter(rate.Limit(changes), burstSeconds*changes),
		heavy:   make(chan struct{}, maxHeavy),
	}
}

// clientKey returns the key of the user, or if user is 0, that of the client's network:
// its IPv4 address, or the /64 of its IPv6 address.
func clientKey(r *http.Request, user int64) string {
	if user != 0 {
		return "user " + strconv.FormatInt(user, 10)
	}
	return httprate.CanonicalizeIP(middleware.GetClientIP(r.Context()))
}

// client returns the client with that key. When there are too many clients, it removes
// those that could have a full burst again. If that is not enough, all further clients
// share one.
func (l *limits) client(key string) *client {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.clients[key] == nil && len(l.clients) >= maxTracked {
		l.removeIdle(now)
	}
	if l.clients[key] == nil && len(l.clients) >= maxTracked {
		key = "others"
	}
	c := l.clients[key]
	if c == nil {
		c = l.newClient()
		l.clients[key] = c
	}
	c.seen = now
	return c
}

// removeIdle removes the clients that could have a full burst again, which is the state
// of a new client.
func (l *limits) removeIdle(now time.Time) {
	for key, c := range l.clients {
		if now.Sub(c.seen) > burstSeconds*time.Second && len(c.heavy) == 0 {
			delete(l.clients, key)
		}
	}
}

// allow counts a request and returns 0, or returns how long the client must wait. In that
// case, warn reports whether this should be logged.
func (l *limits) allow(key string, change bool) (wait time.Duration, warn bool) {
	if l.perSecond == 0 {
		return 0, false
	}
	c, now := l.client(key), l.now()
	limiter := c.reads
	if change {
		limiter = c.changes
	}
	reservation := limiter.ReserveN(now, 1)
	wait = reservation.DelayFrom(now)
	if wait == 0 {
		return 0, false
	}
	reservation.CancelAt(now)
	return wait, l.warnAbout(c, now)
}

// warnAbout reports whether the last warning about a client is long ago.
func (l *limits) warnAbout(c *client, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(c.warned) <= warnEvery {
		return false
	}
	c.warned = now
	return true
}

// limitRate returns an error if the client sends too many requests.
func (e *edge) limitRate(r *http.Request, user int64) error {
	change := r.Method != http.MethodGet && r.Method != http.MethodHead
	wait, warn := e.limits.allow(clientKey(r, user), change)
	if wait == 0 {
		return nil
	}
	if warn {
		e.log.WarnContext(r.Context(), "Refusing requests that come too fast", "user", userName(r), "change", change)
	}
	return tooMany("error_rate", wait)
}

// tooMany returns the error of a refused request. It is quiet: a flood of requests must
// not become a flood of log lines.
func tooMany(text string, wait time.Duration) error {
	seconds := max(1, int(math.Ceil(wait.Seconds())))
	return &statusError{
		status: http.StatusTooManyRequests, quiet: true,
		err: services.NewError(services.CodeThrottled, text, "Seconds", seconds, "Max", maxHeavy),
	}
}

// limitHeavy limits the expensive requests of one user that run at the same time, such as
// exports and plans. A further one waits up to heavyWait.
func (e *edge) limitHeavy(next http.Handler) http.Handler {
	return e.handle(func(w http.ResponseWriter, r *http.Request) error {
		slots := e.limits.client(clientKey(r, services.ActorFrom(r.Context()).ID)).heavy
		ctx, cancel := context.WithTimeout(r.Context(), heavyWait)
		defer cancel()
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			if err := r.Context().Err(); err != nil {
				return err
			}
			return tooMany("error_rate_heavy", heavyWait)
		}
		defer func() { <-slots }()
		next.ServeHTTP(w, r)
		return nil
	})
}
