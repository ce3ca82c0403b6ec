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

// policy says how long to wait after failed tries in a row.
type policy struct {
	free    int           // tries before the first wait
	first   time.Duration // the first wait, which doubles with every further try ...
	longest time.Duration // ... up to this one
}

// nearPolicy is for one name from one network: a person who has forgotten the
// password meets it. farPolicy is for one name from everywhere, and slows down an
// attacker with many networks; its waits are short, since they affect the owner of
// the name too.
func nearPolicy() policy { return policy{free: 5, first: 2 * time.Second, longest: 5 * time.Minute} }
func farPolicy() policy  { return policy{free: 100, first: time.Second, longest: 30 * time.Second} }

// delay returns how long the next try must wait after that many tries in a row.
func (p policy) delay(tries int) time.Duration {
	if tries < p.free {
		return 0
	}
	return min(p.longest, p.first<<min(tries-p.free, 20))
}

const (
	// forgetAfter is how long after the last try a count is forgotten.
	forgetAfter = time.Hour
	// maxKeys is how many counts are kept, of about 100 bytes each.
	maxKeys = 20_000
)

// backOff counts tries to sign in by key. Unknown names are counted like all others, so
// that a wait does not reveal whether a name exists. The counts are kept in memory only:
// a restart of the program forgets them.
type backOff struct {
	policy policy
	secret []byte
	most   int // keys to keep

	mu    sync.Mutex
	tries map[string]*tries // by key
}

type tries struct {
	n       int
	last    time.Time
	retryAt time.Time
}

func newBackOff(p policy) *backOff {
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // never fails
	return &backOff{policy: p, secret: secret, most: maxKeys, tries: map[string]*tries{}}
}

// key returns a keyed hash of the parts. What people type as a name may be
// a password, so it is not even kept in memory.
func (b *backOff) key(parts ...string) string {
	h := hmac.New(sha256.New, b.secret)
	_, _ = h.Write([]byte(strings.Join(parts, "\x00"))) // a hash never returns an error
	return string(h.Sum(nil))
}

// begin counts a try, and returns 0 or how long it must wait. A try that must wait is
// not counted. Tries are counted before the password is checked, so that concurrent
// tries cannot share one count.
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
	if now.Sub(t.last) > forgetAfter {
		t.n = 0
	}
	t.n++
	t.last = now
	t.retryAt = now.Add(b.policy.delay(t.n))
	return 0
}

// forgive undoes the count of one try, and the wait that it began.
func (b *backOff) forgive(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.tries[key]; t != nil {
		t.n = max(0, t.n-1)
		t.retryAt = time.Time{} // an earlier wait was over when the try began
	}
}

// forget removes the count of a key.
func (b *backOff) forget(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.tries, key)
}

// makeRoom removes the old counts when there are too many, and if that is not
// enough, the tenth with the fewest tries: an attacker who tries many names once
// must not make us forget the name that is tried often. The caller holds the lock.
func (b *backOff) makeRoom(now time.Time) {
	if len(b.tries) < b.most {
		return
	}
	keys := make([]string, 0, len(b.tries))
	for key, t := range b.tries {
		if now.Sub(t.last) > forgetAfter {
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

// networkOf returns the network that a client has to itself: its IPv4 address, or the
// /64 of its IPv6 address, within which a client can choose any address. It is not
// wider for IPv4: colleagues in one office share a /24.
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
