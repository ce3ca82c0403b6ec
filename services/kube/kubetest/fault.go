package kubetest

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A Cut says where a call is cut off. The client sees a broken stream.
type Cut int

const (
	// CutBefore never forwards the call: nothing has happened in the cluster.
	CutBefore Cut = iota + 1
	// CutAfter forwards the call and drops the answer: it has happened, and the
	// client cannot know.
	CutAfter
)

// A Fault says which calls go wrong, and how. The zero value of a field that
// selects means any; of a field that acts, nothing.
type Fault struct {
	// Which calls: see [Request] for the words.
	Verb      string
	Resource  string
	Namespace string
	Name      string
	Skip      int // Spare that many calls first.
	Times     int // End after that many calls; 0 means never.

	// Before the call is forwarded: wait, or until the channel is closed.
	Delay time.Duration
	Hold  <-chan struct{}

	// After it was forwarded, when the API server's answer is there: a slow
	// answer that shows what was true at the time of the call.
	DelayAnswer time.Duration
	HoldAnswer  <-chan struct{}

	// Code answers instead of the API server. RetryAfter, in seconds, adds the
	// header of that name; Message replaces the text.
	Code       int
	RetryAfter int
	Message    string

	// Handler answers instead of the API server, for whatever else.
	Handler http.HandlerFunc

	Cut        Cut
	Connection bool // With Cut: the whole TCP connection, and all calls on it.
	Truncate   int  // Cut the answer's body off after that many bytes.
}

// An Injected is a fault at work in a [Proxy].
type Injected struct {
	proxy   *Proxy
	fault   Fault
	seen    int // Calls that the fault selects. Guarded by the proxy's lock.
	hits    int
	answers int
}

// Hits counts the calls that the fault has struck so far. A call counts from
// the moment at which it arrives.
func (i *Injected) Hits() int {
	i.proxy.mu.Lock()
	defer i.proxy.mu.Unlock()
	return i.hits
}

// WaitHits waits, up to a minute, until the fault has struck n calls.
func (i *Injected) WaitHits(t testing.TB, n int) {
	t.Helper()
	i.await(t, func() bool { return i.hits >= n })
}

// WaitAnswers waits, up to a minute, until the API server has answered n of the
// calls that the fault has struck, whatever becomes of its answers.
func (i *Injected) WaitAnswers(t testing.TB, n int) {
	t.Helper()
	i.await(t, func() bool { return i.answers >= n })
}

func (i *Injected) await(t testing.TB, enough func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
	defer cancel()
	require.NoError(t, poll(ctx, func(context.Context) error {
		i.proxy.mu.Lock()
		defer i.proxy.mu.Unlock()
		if !enough() {
			return errors.New("kubetest: the fault has not struck often enough")
		}
		return nil
	}))
}

// answered counts an answer of the API server.
func (i *Injected) answered() {
	i.proxy.mu.Lock()
	defer i.proxy.mu.Unlock()
	i.answers++
}

// Remove ends the fault. Calls that it holds are not released.
func (i *Injected) Remove() {
	i.proxy.mu.Lock()
	defer i.proxy.mu.Unlock()
	i.fault.Skip = int(^uint(0) >> 1) // Spares every call from now on.
}
