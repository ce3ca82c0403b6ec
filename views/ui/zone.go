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
	if zone, _ := ctx.Value(zoneKey{}).(*time.Location); zone != nil {
		return zone
	}
	return time.UTC
}

// exact returns a time with the name of its zone. Abbreviations mean different
// zones to different people (CST), so that the offset stands beside them.
func exact(ctx context.Context, t time.Time) string {
	return dateTime(ctx, t) + " " + ZoneAt(ctx, t)
}

// ZoneAt names the reader's zone at a time: "UTC", "CEST (UTC+02:00)".
func ZoneAt(ctx context.Context, t time.Time) string {
	t = t.In(Zone(ctx))
	offset := "UTC" + t.Format("-07:00")
	switch name, seconds := t.Zone(); {
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

// dateTime and ClockTime leave the zone to what stands around them.
func dateTime(ctx context.Context, t time.Time) string {
	return t.In(Zone(ctx)).Format(time.DateTime)
}

func ClockTime(ctx context.Context, t time.Time) string {
	return t.In(Zone(ctx)).Format(time.TimeOnly)
}

// zoneName names the reader's zone whatever the season: "Europe/Berlin".
func zoneName(ctx context.Context) string { return Zone(ctx).String() }
