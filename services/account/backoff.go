package account

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// policy says how tries in a row slow down.
type policy struct {
	free    int           // tries before the first wait
	first   time.Duration // wait, which doubles with every further try ...
	longest time.Duration // ... up to this one
}

// nearPolicy holds for one name from one network: it is what a person who has
// forgotten the password meets. farPolicy holds for one name from everywhere, and
// bounds who has many networks; its waits are short, since they meet the owner too.
func nearPolicy() policy { return policy{free: 5, first: 2 * time.Second, longest: 5 * time.Minute} }
func farPolicy() policy  { return policy{free: 100, first: time.Second, longest: 30 * time.Second} }

// delay says how long the next try waits after that many tries in a row.
func (p policy) delay(tries int) time.Duration {
	if tries < p.free {
		return 0
	}
	return min(p.longest, p.first<<min(tries-p.free, 20))
}

const (
	// forgotten is how long after the last try tries are forgotten.
	forgotten = time.Hour
	// maxTries bounds what is remembered, about 100 bytes each.
	maxTries = 20_000
)

// backOff counts tries to sign in, by keys that say nothing of what was typed.
// Names that nobody has are counted like all others, so that waiting says nothing
// about a name. It is kept in memory: only the server's end forgets it.
type backOff struct {
	policy policy
	secret []byte
	most   int

	mu    sync.Mutex
	tries map[string]*tries
}

type tries struct {
	n       int
	last    time.Time
	retryAt time.Time
}

func newBackOff(p policy) *backOff {
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // never fails
	return &backOff{policy: p, secret: secret, most: maxTries, tries: map[string]*tries{}}
}

// key hides parts, so that what people typed is not kept even in memory.
func (b *backOff) key(parts ...string) string {
	h := hmac.New(sha256.New, b.secret)
	_, _ = h.Write([]byte(strings.Join(parts, "\x00"))) // a hash never fails to write
	return string(h.Sum(nil))
}

// begin counts a try before the password is looked at, so that tries made at the
// same time cannot share one count. One that comes too early is not counted, and
// has to wait for what is returned.
func (b *backOff) begin(key string, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.tries[key]
	if t == nil {
		b.makeRoom(now)
		t = &tries{}
		b.tries[key] = t
	}
	if wait := t.retryAt.Sub(now); wait > 0 {
		return wait
	}
	if now.Sub(t.last) > forgotten {
		t.n = 0
	}
	t.n++
	t.last, t.retryAt = now, now.Add(b.policy.delay(t.n))
	return 0
}

// forgive takes back the try that has succeeded.
func (b *backOff) forgive(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.tries[key]; t != nil {
		t.n = max(0, t.n-1)
	}
}

// forget drops the count of a key.
func (b *backOff) forget(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.tries, key)
}

// makeRoom drops what is forgotten when there is no more room, and if that is
// nothing a tenth of the rest: who tries many names once must not make the program
// forget the one that is tried often.
func (b *backOff) makeRoom(now time.Time) {
	if len(b.tries) < b.most {
		return
	}
	keys := make([]string, 0, len(b.tries))
	for key, t := range b.tries {
		if now.Sub(t.last) > forgotten {
			delete(b.tries, key)
			continue
		}
		keys = append(keys, key)
	}
	if len(b.tries) < b.most {
		return
	}
	slices.SortFunc(keys, func(x, y string) int {
		return cmp.Or(cmp.Compare(b.tries[x].n, b.tries[y].n), b.tries[x].last.Compare(b.tries[y].last))
	})
	for _, key := range keys[:max(1, len(keys)/10)] {
		delete(b.tries, key)
	}
}

// networkOf returns what one client has to itself: an IPv4 address, or the /64 of
// an IPv6 one, in which a client takes any address it likes. A /24 would be less of
// a wall than a trap: colleagues on one floor share it.
func networkOf(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}
