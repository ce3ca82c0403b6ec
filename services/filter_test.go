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
	now := time.Date(2026, 3, 29, 23, 30, 0, 0, time.UTC) // in Berlin it is the 30th; its clocks changed on the 29th
	utc := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return at
	}
	for name, tt := range map[string]struct {
		span     services.Span
		from, to time.Time
	}{
		"nothing":           {services.Span{}, time.Time{}, time.Time{}},
		"days of UTC":       {services.Span{From: "2026-03-29", To: "2026-03-29"}, utc("2026-03-29T00:00:00Z"), utc("2026-03-30T00:00:00Z")},
		"a day of 23 hours": {services.Span{From: "2026-03-29", To: "2026-03-29", Zone: berlin}, utc("2026-03-28T23:00:00Z"), utc("2026-03-29T22:00:00Z")},
		"a moment":          {services.Span{From: "2026-03-29T10:00:00Z", Zone: berlin}, utc("2026-03-29T10:00:00Z"), time.Time{}},
		"today of UTC":      {services.Span{Since: "today"}, utc("2026-03-29T00:00:00Z"), time.Time{}},
		"today in Berlin":   {services.Span{Since: "today", Zone: berlin}, utc("2026-03-29T22:00:00Z"), time.Time{}},
		"seven days":        {services.Span{Since: "7d", Zone: berlin}, utc("2026-03-23T23:00:00Z"), time.Time{}},
		"thirty days":       {services.Span{Since: "30d"}, utc("2026-02-28T00:00:00Z"), time.Time{}},
		"the narrower":      {services.Span{Since: "30d", From: "2026-03-28"}, utc("2026-03-28T00:00:00Z"), time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			from, to, wrong := tt.span.Limits(now)
			require.Empty(t, wrong)
			require.True(t, tt.from.Equal(from), "from %s", from)
			require.True(t, tt.to.Equal(to), "to %s", to)
		})
	}
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
