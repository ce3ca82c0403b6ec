package kube

import (
	"net/http"
	"sync/atomic"
	"time"
)

// clock tells the time of a cluster. It learns from the dates of answers by how much the
// cluster's clock is ahead of ours, or behind.
type clock struct{ ahead atomic.Int64 }

// now returns the time of the cluster, by the last answer.
func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// see takes in the date of an answer to a call that took from began to ended. Dates have no
// fractions of a second, so clocks that differ by less than that count as equal.
func (c *clock) see(date string, began, ended time.Time) {
	at, err := http.ParseTime(date)
	if err != nil {
		return
	}
	ahead := time.Duration(0)
	switch next := at.Add(time.Second); {
	case at.After(ended):
		ahead = at.Sub(ended)
	case next.Before(began):
		ahead = next.Sub(began)
	}
	c.ahead.Store(int64(ahead))
}

// clockTransport shows a clock the dates of all answers.
type clockTransport struct {
	next  http.RoundTripper
	clock *clock
}

// RoundTrip implements http.RoundTripper.
func (t *clockTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	answer, err := t.next.RoundTrip(r)
	if err == nil {
		t.clock.see(answer.Header.Get("Date"), began, time.Now())
	}
	return answer, err
}

// WrappedRoundTripper lets client-go find the transport below.
func (t *clockTransport) WrappedRoundTripper() http.RoundTripper { return t.next }

// Now returns the time by the clock of the cluster, for comparisons with the times that the
// cluster has set.
func (c *Client) Now() time.Time { return c.clock.now() }
