package account

import (
	"context"
	"fmt"
	"sync"

	"kube-node-manager/services"
)

const (
	// maxHashing is how many passwords are hashed at the same time. Each takes
	// 19 MiB, and a flood of sign-ins must not use up the memory.
	maxHashing = 4
	// maxQueue is how many tries may be hashing or waiting, from everywhere. The last
	// of a full queue waits for about two seconds.
	maxQueue = 96
	// maxQueuePerNetwork is how many of them may come from one network, so that one
	// client cannot fill the queue.
	maxQueuePerNetwork = 8
	// retrySeconds is when to try again after the queue was full.
	retrySeconds = 2
)

// hashQueue limits how many passwords are hashed and how many tries wait for that.
type hashQueue struct {
	slots chan struct{}

	mu         sync.Mutex
	length     int // tries that are hashing or waiting
	perNetwork map[string]int
}

func newHashQueue() *hashQueue {
	return &hashQueue{slots: make(chan struct{}, maxHashing), perNetwork: map[string]int{}}
}

// enter waits for a slot to hash a password in, and returns the function that frees
// it. It returns CodeThrottled at once when the queue is full.
func (q *hashQueue) enter(ctx context.Context) (leave func(), err error) {
	network := networkOf(services.ActorFrom(ctx).Address)
	if !q.add(network) {
		return nil, services.NewError(services.CodeThrottled, "error_login_busy", "Seconds", retrySeconds)
	}
	select {
	case q.slots <- struct{}{}:
		return func() {
			<-q.slots
			q.remove(network)
		}, nil
	case <-ctx.Done():
		q.remove(network)
		return nil, fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
}

func (q *hashQueue) add(network string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.length >= maxQueue || q.perNetwork[network] >= maxQueuePerNetwork {
		return false
	}
	q.length++
	q.perNetwork[network]++
	return true
}

func (q *hashQueue) remove(network string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.length--
	q.perNetwork[network]--
	if q.perNetwork[network] == 0 {
		delete(q.perNetwork, network)
	}
}
