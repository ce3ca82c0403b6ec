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
	burstSeconds = 10   // so much of the rate may come at once
	changeShare  = 4    // changes and plans have a quarter of the rate
	maxTracked   = 4096 // clients whose requests are counted apart
	warnEvery    = time.Minute

	heavyAtOnce = 4                // requests of one user that read or plan much
	heavyWait   = 10 * time.Second // how long a further one waits for its turn
)

// limits bounds what one user, or one address without a login, may ask for. All
// of it is in memory and of a bounded size.
type limits struct {
	perSecond int // 0 is without limit
	now       func() time.Time

	mu      sync.Mutex
	clients map[string]*client
}

// client is one user, or one address without a login.
type client struct {
	reads, changes *rate.Limiter
	heavy          chan struct{} // holds one value for each heavy request under way

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
		heavy:   make(chan struct{}, heavyAtOnce),
	}
}

// clientKey names who asks: the user, else the network of the address. One
// customer has a whole /64 of IPv6.
func clientKey(r *http.Request, user int64) string {
	if user != 0 {
		return "user " + strconv.FormatInt(user, 10)
	}
	return httprate.CanonicalizeIP(middleware.GetClientIP(r.Context()))
}

// client returns what is known of one client. When too many are known those that
// have been quiet are forgotten, which costs them nothing: by now they would have
// their whole allowance again. When that is not enough the rest shares one.
func (l *limits) client(key string) *client {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.clients[key] == nil && len(l.clients) >= maxTracked {
		l.forget(now)
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

// forget drops the clients that were quiet for so long that nothing is lost.
func (l *limits) forget(now time.Time) {
	for key, c := range l.clients {
		if now.Sub(c.seen) > burstSeconds*time.Second && len(c.heavy) == 0 {
			delete(l.clients, key)
		}
	}
}

// takeTurn counts one request. When the client has sent too many, wait is the
// time after which it may send the next one, and first says that the log does not
// know of it yet.
func (l *limits) takeTurn(key string, change bool) (wait time.Duration, first bool) {
	if l.perSecond == 0 {
		return 0, false
	}
	c, now := l.client(key), l.now()
	limiter := c.reads
	if change {
		limiter = c.changes
	}
	turn := limiter.ReserveN(now, 1)
	wait = turn.DelayFrom(now)
	if wait == 0 {
		return 0, false
	}
	turn.CancelAt(now)
	l.mu.Lock()
	defer l.mu.Unlock()
	if first = now.Sub(c.warned) > warnEvery; first {
		c.warned = now
	}
	return wait, first
}

// limitRate refuses a request of somebody who sends too many.
func (e *edge) limitRate(r *http.Request, user int64) error {
	change := r.Method != http.MethodGet && r.Method != http.MethodHead
	wait, first := e.limits.takeTurn(clientKey(r, user), change)
	if wait == 0 {
		return nil
	}
	if first { // not each of them: that would be the flood in another place
		e.log.WarnContext(r.Context(), "Refusing requests that come too fast", "user", userOf(r), "change", change)
	}
	return tooMany("error_rate", wait)
}

// tooMany is an answer that comes as often as somebody asks, so it leaves no line
// in the log.
func tooMany(text string, wait time.Duration) error {
	seconds := max(1, int(math.Ceil(wait.Seconds())))
	return &statusError{
		status: http.StatusTooManyRequests, quiet: true,
		err: services.NewError(services.CodeThrottled, text, "Seconds", seconds, "Max", heavyAtOnce),
	}
}

// limitHeavy lets a user have only a few requests at the same time that read or
// plan much. A further one waits for its turn, for a while.
func (e *edge) limitHeavy(next http.Handler) http.Handler {
	return e.handle(func(w http.ResponseWriter, r *http.Request) error {
		places := e.limits.client(clientKey(r, services.ActorFrom(r.Context()).ID)).heavy
		ctx, cancel := context.WithTimeout(r.Context(), heavyWait)
		defer cancel()
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			if err := r.Context().Err(); err != nil {
				return err
			}
			return tooMany("error_rate_heavy", heavyWait)
		}
		defer func() { <-places }()
		next.ServeHTTP(w, r)
		return nil
	})
}
