package rule

import (
	"slices"
	"time"
)

// Opening is a span of time in which maintenance may be done.
type Opening struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// Holds reports whether a time is in the opening.
func (o Opening) Holds(at time.Time) bool { return !at.Before(o.From) && at.Before(o.Until) }

// horizon is how far Next looks: windows are weekly, and the zones of two of them may
// change their clocks in different weeks.
const horizon = 5 * 7 * 24 * time.Hour

// Next returns the opening that a time is in, or else the next one, for nodes of some
// pools: what is open for each of them. Openings that touch are one. There is none if no
// window is for one of the pools, or if theirs have no time in common.
func (o Windows) Next(at time.Time, pools []string) (Opening, bool) {
	if len(pools) == 0 {
		pools = []string{""}
	}
	var common []Opening
	for i, pool := range pools {
		open := o.openings(at, pool)
		if i > 0 {
			open = overlap(common, open)
		}
		common = open
	}
	for _, found := range common {
		if at.Before(found.Until) {
			return found, true
		}
	}
	return Opening{}, false
}

// openings returns when the windows for a pool are open around and after a time, in
// their order.
func (o Windows) openings(at time.Time, pool string) []Opening {
	var all []Opening
	for _, w := range o.of(pool) {
		all = append(all, w.openings(at)...)
	}
	slices.SortFunc(all, func(a, b Opening) int { return a.From.Compare(b.From) })
	var merged []Opening
	for _, next := range all {
		last := len(merged) - 1
		if last < 0 || next.From.After(merged[last].Until) {
			merged = append(merged, next)
		} else if next.Until.After(merged[last].Until) {
			merged[last].Until = next.Until
		}
	}
	return merged
}

// of returns the windows for a pool: its own, or else those of the cluster.
func (o Windows) of(pool string) []Window {
	var own, cluster []Window
	for _, w := range o.List {
		switch w.Pool {
		case "":
			cluster = append(cluster, w)
		case pool:
			own = append(own, w)
		}
	}
	if len(own) > 0 {
		return own
	}
	return cluster
}

// openings returns when the window is open, from one that may still be open at a time.
func (w Window) openings(at time.Time) []Opening {
	zone, err := time.LoadLocation(w.Zone)
	if err != nil {
		return nil
	}
	clock, err := time.Parse("15:04", w.Start)
	if err != nil {
		return nil
	}
	var out []Opening
	first := at.Add(-w.Duration() - 24*time.Hour).In(zone)
	for day := first; day.Before(at.Add(horizon)); day = nextDay(day) {
		if slices.Contains(w.Days, dayOf(day)) {
			from := OnClock(day.Year(), day.Month(), day.Day(), clock.Hour(), clock.Minute(), zone)
			out = append(out, Opening{From: from, Until: from.Add(w.Duration())})
		}
	}
	return out
}

// nextDay returns noon of the day after, which every day has.
func nextDay(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()+1, 12, 0, 0, 0, t.Location())
}

// OnClock returns when a clock in a zone shows a time. If it shows it twice, because it
// was set back, that is the first time; if it skips it, that is when it was set forward.
func OnClock(year int, month time.Month, day, hour, minute int, zone *time.Location) time.Time {
	t := time.Date(year, month, day, hour, minute, 0, 0, zone)
	begin, end := t.ZoneBounds()
	want := time.Date(year, month, day, hour, minute, 0, 0, time.UTC)
	switch shown := face(t); {
	case shown.After(want):
		return begin
	case shown.Before(want):
		return end
	}
	if begin.IsZero() {
		return t
	}
	_, before := begin.Add(-time.Second).Zone()
	_, now := t.Zone()
	earlier := t.Add(time.Duration(now-before) * time.Second)
	if earlier.Before(begin) && face(earlier).Equal(want) {
		return earlier
	}
	return t
}

// face returns what a clock shows, as if it were UTC.
func face(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), 0, 0, time.UTC)
}

// overlap returns when both are open.
func overlap(a, b []Opening) []Opening {
	var out []Opening
	for _, x := range a {
		for _, y := range b {
			from, until := later(x.From, y.From), x.Until
			if y.Until.Before(until) {
				until = y.Until
			}
			if from.Before(until) {
				out = append(out, Opening{From: from, Until: until})
			}
		}
	}
	return out
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
