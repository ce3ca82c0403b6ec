package kubetest

import (
	"context"
	"errors"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A Cut says when a call is cut off. The client sees a broken stream.
type Cut int

const (
	// CutBefore does not forward the call: nothing happens in the cluster.
	CutBefore Cut = iota + 1
	// CutAfter forwards the call and drops the answer: the call takes effect, but
	// the client cannot know that.
	CutAfter
)

// A Fault says which calls fail, and how. The zero value of a field that selects
// calls means any; the zero value of any other field means no effect.
type Fault struct {
	// Which calls, in the terms of [Request].
	Verb      string
	Resource  string
	Namespace string
	Name      string
	Path      string
	Skip      int // Do not affect the first so many calls.
	Times     int // Stop after so many calls; 0 means never.

	// Delay the call, or hold it until the channel is closed, before it is
	// forwarded.
	Delay time.Duration
	Hold  <-chan struct{}

	// Delay or hold the API server's answer, which then shows an old state.
	DelayAnswer time.Duration
	HoldAnswer  <-chan struct{}

	// Answer with this status code, without forwarding the call. RetryAfter, in
	// seconds, adds the header of that name; Message replaces the default text.
	Code       int
	RetryAfter int
	Message    string

	// Handler answers without forwarding the call.
	Handler http.HandlerFunc

	Cut        Cut
	Connection bool // With Cut: close the TCP connection, and so cut all calls on it.
	Truncate   int  // Cut off the answer's body after so many bytes.

	// GoAway answers as usual and then has the client open another connection, as API
	// servers do now and then so that their clients spread.
	GoAway bool

	// Skew shifts the times in the answer by so much, as if the clock of the cluster were
	// ahead: those that the cluster itself sets, and the date of the answer.
	Skew time.Duration

	// Lag delays each part of the answer's body by up to so long, such as the events of a
	// watch.
	Lag time.Duration
}

// An Injected is a fault that is active in a [Proxy].
type Injected struct {
	proxy   *Proxy
	fault   Fault
	seen    int // Calls that the fault selects. Guarded by the proxy's lock.
	hits    int
	answers int
}

// Hits returns the number of calls that the fault has affected so far. A call
// counts as soon as it arrives.
func (i *Injected) Hits() int {
	i.proxy.mu.Lock()
	defer i.proxy.mu.Unlock()
	return i.hits
}

// WaitHits waits, up to a minute, until the fault has affected n calls.
func (i *Injected) WaitHits(t testing.TB, n int) {
	t.Helper()
	i.await(t, func() bool { return i.hits >= n })
}

// WaitAnswers waits, up to a minute, until the API server has answered n of the
// calls that the fault affects. The client may not have received the answers.
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
			return errors.New("kubetest: the fault has not affected enough calls")
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

// Remove ends the fault for new calls. It does not release the calls that the
// fault holds.
func (i *Injected) Remove() {
	i.proxy.mu.Lock()
	defer i.proxy.mu.Unlock()
	i.fault.Skip = math.MaxInt
}
