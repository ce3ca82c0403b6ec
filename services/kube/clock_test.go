package kube

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestClock_see(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC)
	ended := began.Add(2 * time.Second)
	for name, tt := range map[string]struct {
		date time.Time
		want time.Duration
	}{
		"the second of the call":   {began, 0},
		"the second of the answer": {ended, 0},
		"an hour ahead":            {ended.Truncate(time.Second).Add(time.Hour), time.Hour - 600*time.Millisecond},
		"an hour behind":           {began.Truncate(time.Second).Add(-time.Hour), 400*time.Millisecond - time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			c := &clock{}
			c.see(tt.date.Format(http.TimeFormat), began, ended)
			require.Equal(t, tt.want, time.Duration(c.ahead.Load()))
			c.see("yesterday", began, ended)
			require.Equal(t, tt.want, time.Duration(c.ahead.Load()), "an answer without a date says nothing")
		})
	}
}

// The time of a cluster is that of its own clock.
func TestClient_now(t *testing.T) {
	c, _ := observed(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		answerWith(http.StatusNotFound)(w, r)
	})
	require.WithinDuration(t, time.Now(), c.Now(), time.Minute, "not known yet")
	_, _ = c.GetNode(t.Context(), "a")
	require.WithinDuration(t, time.Now().Add(-time.Hour), c.Now(), time.Minute)
	_, _ = c.PatchNode(t.Context(), "a", NodePatch{})
	require.WithinDuration(t, time.Now().Add(-time.Hour), c.Now(), time.Minute)
}
