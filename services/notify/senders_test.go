package notify

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/form"
	"kube-node-manager/services/store"
)

// A receiver that hangs delays no other.
func TestSenders_areApart(t *testing.T) {
	b := newBench(t, loopback)
	reached, release := make(chan struct{}, 9), make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		reached <- struct{}{}
		<-release
	}))
	t.Cleanup(hangs.Close)
	for _, name := range []string{"a hangs", "b hangs"} {
		_, err := b.Create(admin(t), form.Fields{"name": {name}, "url": {hangs.URL}, "secret": {secret}}, nil)
		require.NoError(t, err)
	}
	b.hook(t, "works", FormatJSON)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.Run(ctx)
	}()
	b.batch(t, "b1", store.StateSucceeded)
	b.rouse()
	<-reached
	<-reached
	require.Eventually(t, func() bool { return len(b.events()) == 2 }, 5*time.Second, 10*time.Millisecond)
	b.batch(t, "b2", store.StateSucceeded)
	b.rouse()
	require.Eventually(t, func() bool { return len(b.events()) == 4 }, 5*time.Second, 10*time.Millisecond)
	require.Empty(t, reached, "nothing more is sent to those that hang")
	require.Eventually(t, func() bool {
		_, log, err := b.List(admin(t))
		return err == nil && !slices.ContainsFunc(log, func(d store.Delivery) bool {
			return (d.Hook == "works") != (d.State == store.DeliverySent)
		})
	}, 5*time.Second, 10*time.Millisecond, "what has arrived is stored as sent, and nothing else")
	stop()
	<-ended // calls under way are cut
	close(release)
}

// What is told to one webhook arrives in the order in which it happened, also if the first
// has to be sent again.
func TestSenders_keepTheOrder(t *testing.T) {
	b := newBench(t, loopback)
	h := b.hook(t, "all", FormatJSON)
	b.status = http.StatusServiceUnavailable
	b.batch(t, "b1", store.StateSucceeded)
	b.Check(t.Context())
	b.batch(t, "b2", store.StateSucceeded)
	b.Check(t.Context())
	require.Equal(t, []string{"b1 started"}, b.heard(t), "the others wait")
	require.NoError(t, b.Test(admin(t), h.ID))
	b.Check(t.Context())
	require.Equal(t, []string{"b1 started", " test"}, b.heard(t), "but for a test, which somebody waits for")
	b.status, b.now = http.StatusOK, b.now.Add(firstWait)
	b.Check(t.Context())
	require.Equal(t, []string{"b1 started", "b1 ended", "b2 started", "b2 ended"}, b.heard(t)[2:])
}

// heard returns the batches and events that have arrived.
func (b *bench) heard(t *testing.T) []string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]string, len(b.bodies))
	for i, body := range b.bodies {
		var m Message
		require.NoError(t, json.Unmarshal(body, &m))
		out[i] = m.Batch + " " + m.Event
	}
	return out
}

// A message that a receiver refuses for its content holds up those behind it for a moment
// only.
func TestSenders_giveUpWhatIsRefused(t *testing.T) {
	b := newBench(t, loopback)
	b.hook(t, "all", FormatJSON)
	b.status = http.StatusUnprocessableEntity
	b.batch(t, "b1", store.StateRunning)
	for range maxRefusals {
		b.Check(t.Context())
		b.now = b.now.Add(longestWait)
	}
	_, log, err := b.List(admin(t))
	require.NoError(t, err)
	require.Equal(t, store.DeliveryFailed, log[0].State)
	require.Equal(t, maxRefusals, log[0].Attempts)
	require.Equal(t, "422 Unprocessable Entity", log[0].Answer)
}
