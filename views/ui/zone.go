package ui

import (
	"context"
	"strings"
	"time"
)

type zoneKey struct{}

// WithZone returns a context whose times are in the reader's zone.
func WithZone(ctx context.Context, zone *time.Location) context.Context {
	return context.WithValue(ctx, zoneKey{}, zone)
}

// Zone returns the reader's zone, UTC when it is not known.
func Zone(ctx context.Context) *time.Location {
	zone, _ := ctx.Value(zoneKey{}).(*time.Location)
	if zone != nil {
		return zone
	}
	return time.UTC
}

// exact returns a time with the name of its zone, and its offset because an
// abbreviation such as CST stands for several zones.
func exact(ctx context.Context, t time.Time) string {
	return dateTime(ctx, t) + " " + ZoneAt(ctx, t)
}

// ZoneAt returns the name of the reader's zone at a time: "UTC",
// "CEST (UTC+02:00)".
func ZoneAt(ctx context.Context, t time.Time) string {
	t = t.In(Zone(ctx))
	offset := "UTC" + t.Format("-07:00")
	name, seconds := t.Zone()
	switch {
	case name == "UTC":
		return name
	case strings.ContainsAny(name, "+-0123456789"): // it has no abbreviation
		return offset
	case seconds == 0:
		return name + " (UTC)"
	default:
		return name + " (" + offset + ")"
	}
}

// dateTime returns a time without its zone, which the page names elsewhere.
func dateTime(ctx context.Context, t time.Time) string {
	return t.In(Zone(ctx)).Format(time.DateTime)
}

// PointText returns a time with its day of the week.
func PointText(ctx context.Context, t time.Time) string {
	t = t.In(Zone(ctx))
	return T(ctx, "day_"+strings.ToLower(t.Format("Mon"))) + " " + t.Format("2006-01-02 15:04")
}

// ClockTime is dateTime without the date.
func ClockTime(ctx context.Context, t time.Time) string {
	return t.In(Zone(ctx)).Format(time.TimeOnly)
}

// zoneName returns the name of the reader's zone: "Europe/Berlin".
func zoneName(ctx context.Context) string { return Zone(ctx).String() }
