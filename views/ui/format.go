package ui

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"
)

// SpanWords returns the messages of Span for follow.js, with "#" for the numbers.
func SpanWords(ctx context.Context) string {
	part := func(unit string) string { return T(ctx, "age_"+unit, "N", "#") }
	return strings.Join([]string{
		T(ctx, "span_short"), part("s"), part("m") + " " + part("s"), part("h") + " " + part("m"),
	}, "|")
}

// Number formats a count: 1204 is "1,204", in English and in Chinese.
func Number(n int) string {
	s := strconv.Itoa(n)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// KnownNumber is Number, or a dash for a count below zero.
func KnownNumber(n int) string {
	if n < 0 {
		return Unknown
	}
	return Number(n)
}

// AgeText returns a duration in a single unit, which changes at the same durations
// as kubectl's: "45 s", "12 min", "5 h", "204 d".
func AgeText(ctx context.Context, d time.Duration) string {
	unit, n := largestUnit(d)
	return T(ctx, "age_"+unit, "N", Number(n))
}

// AgoText is AgeText for a time in the past: "12 min ago". static/app.js updates it
// in the page with the same steps, so change both together.
func AgoText(ctx context.Context, d time.Duration) string {
	if d < 2*time.Second {
		return T(ctx, "ago_now")
	}
	unit, n := largestUnit(d)
	return T(ctx, "ago_"+unit, "N", Number(n))
}

func largestUnit(d time.Duration) (unit string, n int) {
	d = max(d, 0)
	switch {
	case d < 2*time.Minute:
		return "s", int(d / time.Second)
	case d < 2*time.Hour:
		return "m", int(d / time.Minute)
	case d < 48*time.Hour:
		return "h", int(d / time.Hour)
	default:
		return "d", int(d / (24 * time.Hour))
	}
}

// agoWords returns the messages of AgoText for follow.js, smallest unit first, with
// "#" for the number.
func agoWords(ctx context.Context) string {
	words := []string{T(ctx, "ago_now")}
	for _, unit := range []string{"s", "m", "h", "d"} {
		words = append(words, T(ctx, "ago_"+unit, "N", "#"))
	}
	return strings.Join(words, "|")
}

// Span returns the duration of something that takes or took time, in two units:
// "4 min 12 s".
func Span(ctx context.Context, d time.Duration) string {
	if d < time.Second {
		return T(ctx, "span_short")
	}
	d = d.Round(time.Second)
	hours, minutes, seconds := int(d/time.Hour), int(d/time.Minute)%60, int(d/time.Second)%60
	part := func(unit string, n int) string { return T(ctx, "age_"+unit, "N", Number(n)) }
	switch {
	case hours > 0:
		return part("h", hours) + " " + part("m", minutes)
	case minutes > 0:
		return part("m", minutes) + " " + part("s", seconds)
	default:
		return part("s", seconds)
	}
}

// Rate returns nodes per second, or per minute below one per second.
func Rate(ctx context.Context, perSecond float64) string {
	switch {
	case perSecond >= 10:
		return T(ctx, "rate_second", "N", Number(int(math.Round(perSecond))))
	case perSecond >= 1:
		return T(ctx, "rate_second", "N", strconv.FormatFloat(perSecond, 'f', 1, 64))
	default:
		return T(ctx, "rate_minute", "N", strconv.FormatFloat(perSecond*60, 'f', 0, 64))
	}
}

// RFC3339 returns a time in UTC for a datetime attribute or a script.
func RFC3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// SecondsField returns the value of a form field for a duration, in its largest
// whole unit; "" for less than zero.
func SecondsField(seconds int) string {
	switch {
	case seconds < 0:
		return ""
	case seconds >= 3600 && seconds%3600 == 0:
		return strconv.Itoa(seconds/3600) + "h"
	case seconds >= 60 && seconds%60 == 0:
		return strconv.Itoa(seconds/60) + "m"
	default:
		return strconv.Itoa(seconds) + "s"
	}
}
