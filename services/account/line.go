package account

import (
	"context"
	"fmt"
	"sync"

	"kube-node-manager/services"
)

const (
	// hashers bounds the passwords hashed at the same time: each takes 19 MiB, and
	// a flood of sign-ins must not take all memory.
	hashers = 4
	// inLine bounds those who are hashing or wait for it, all together and from one
	// network: one client must not fill the line. The last of a full one waits for
	// about two seconds.
	inLine        = 96
	inLinePerPeer = 8
	// comeBack is after how many seconds who finds the line full may try again.
	comeBack = 2
)

// line is where tries to sign in wait for one of the places to hash a password.
type line struct {
	places chan struct{}

	mu    sync.Mutex
	all   int
	peers map[string]int
}

func newLine() *line {
	return &line{places: make(chan struct{}, hashers), peers: map[string]int{}}
}

// enter waits for a place. When the line is full it is CodeThrottled at once.
func (l *line) enter(ctx context.Context) (leave func(), err error) {
	network := networkOf(services.ActorFrom(ctx).Address)
	if !l.join(network) {
		return nil, services.NewError(services.CodeThrottled, "error_login_busy", "Seconds", comeBack)
	}
	select {
	case l.places <- struct{}{}:
		return func() { <-l.places; l.quit(network) }, nil
	case <-ctx.Done():
		l.quit(network)
		return nil, fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
}

func (l *line) join(network string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= inLine || l.peers[network] >= inLinePerPeer {
		return false
	}
	l.all++
	l.peers[network]++
	return true
}

func (l *line) quit(network string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	l.peers[network]--
	if l.peers[network] == 0 {
		delete(l.peers, network)
	}
}
