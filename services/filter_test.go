package services_test

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

func TestSpan(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	// In Berlin it is the 30th; the clocks there changed on the 29th.
	now := time.Date(2026, 3, 29, 23, 30, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		span     services.Span
		from, to string // "" is no limit
	}{
		"no limit": {services.Span{}, "", ""},
		"a day in UTC": {
			services.Span{From: "2026-03-29", To: "2026-03-29"},
			"2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z",
		},
		"a day of 23 hours": {
			services.Span{From: "2026-03-29", To: "2026-03-29", Zone: berlin},
			"2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z",
		},
		"a time":          {services.Span{From: "2026-03-29T10:00:00Z", Zone: berlin}, "2026-03-29T10:00:00Z", ""},
		"today in UTC":    {services.Span{Since: "today"}, "2026-03-29T00:00:00Z", ""},
		"today in Berlin": {services.Span{Since: "today", Zone: berlin}, "2026-03-29T22:00:00Z", ""},
		"seven days":      {services.Span{Since: "7d", Zone: berlin}, "2026-03-23T23:00:00Z", ""},
		"thirty days":     {services.Span{Since: "30d"}, "2026-02-28T00:00:00Z", ""},
		"the later start": {services.Span{Since: "30d", From: "2026-03-28"}, "2026-03-28T00:00:00Z", ""},
	} {
		t.Run(name, func(t *testing.T) {
			from, to, wrong := tt.span.Limits(now)
			require.Empty(t, wrong)
			requireTime(t, tt.from, from)
			requireTime(t, tt.to, to)
		})
	}
}

func requireTime(t *testing.T, want string, got time.Time) {
	t.Helper()
	if want == "" {
		require.True(t, got.IsZero(), "%s", got)
		return
	}
	at, err := time.Parse(time.RFC3339, want)
	require.NoError(t, err)
	require.True(t, at.Equal(got), "%s", got)
}

func TestSpan_namesEveryWrongField(t *testing.T) {
	now := time.Date(2026, 3, 29, 23, 30, 0, 0, time.UTC)
	_, _, wrong := services.Span{Since: "ever", From: "soon", To: "2026-02-30"}.Limits(now)
	require.Len(t, wrong, 3)
	for i, field := range []string{"since", "from", "to"} {
		require.Equal(t, field, wrong[i].Field)
	}
}

func TestSearchWords(t *testing.T) {
	words, wrong := services.SearchWords("q", "  kernel\tnode-1 ")
	require.Empty(t, wrong)
	require.Equal(t, []string{"kernel", "node-1"}, words)
	_, wrong = services.SearchWords("q", strings.Repeat("a ", services.MaxWords+1))
	require.Equal(t, "q", wrong[0].Field)
}
