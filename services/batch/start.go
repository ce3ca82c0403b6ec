package batch

import (
	"slices"
	"strings"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/rule"
	"kube-node-manager/services/store"
)

// When says when a batch is to begin, and in which windows its cluster is maintained.
type When struct {
	Cluster string

	At     time.Time // not before; zero for now
	Window bool      // only while a window is open
	// Must says that the cluster's rules allow the batch only in windows.
	Must bool
	// Approval says that a second person has to approve the plan before.
	Approval bool
	// Windows says that the cluster has any; Next is the one that is open for the nodes of
	// the plan, or opens next, nil for none.
	Windows bool
	Next    *rule.Opening
	Open    bool // Next is open when the batch is to begin
}

// The choices of the field start.
const (
	StartNow    = "now"
	StartAt     = "at"
	StartWindow = "window"
)

const (
	// maxAhead is how far ahead a batch may be scheduled.
	maxAhead = 90 * 24 * time.Hour
	// startGrace is how late a batch may begin: after an hour its time is missed.
	startGrace = time.Hour

	fieldStart   = "start"
	fieldStartAt = "start_at"
)

// readStart reads when a batch is to begin. Without the field start, start_at and window
// count if they are there. A time without an offset is on the clock of the zone.
func readStart(f form.Fields, zone *time.Location, now time.Time) (When, error) {
	r, w := form.Read(f), When{}
	if r.Text(fieldStart) == "" {
		w.Window = r.Flag("window", false)
		w.At = readMoment(r, zone, now, true)
		return w, r.Err()
	}
	switch r.Choice(fieldStart, StartNow, StartAt, StartWindow) {
	case StartAt:
		w.At = readMoment(r, zone, now, false)
	case StartWindow:
		w.Window = true
	}
	return w, r.Err()
}

func readMoment(r *form.Reader, zone *time.Location, now time.Time, optional bool) time.Time {
	text := strings.TrimSpace(r.Text(fieldStartAt))
	if text == "" {
		if !optional {
			r.Refuse(fieldStartAt, "error_start_none")
		}
		return time.Time{}
	}
	at, err := parseMoment(text, zone)
	switch {
	case err != nil:
		r.Refuse(fieldStartAt, "error_start_at", "Value", services.Clip(text))
	case at.Before(now.Add(-time.Minute)): // a form has no seconds
		r.Refuse(fieldStartAt, "error_start_past", "Value", services.Clip(text))
	case at.After(now.Add(maxAhead)):
		r.Refuse(fieldStartAt, "error_start_far", "Days", int(maxAhead/(24*time.Hour)))
	}
	return at
}

// parseMoment reads a moment of RFC 3339, or a time on the clock of a zone. One that the
// clock skips is none.
func parseMoment(text string, zone *time.Location) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err == nil {
		return at.UTC(), nil
	}
	if zone == nil {
		zone = time.UTC
	}
	face, err := time.Parse("2006-01-02T15:04", strings.TrimSuffix(strings.Replace(text, " ", "T", 1), ":00"))
	if err != nil {
		face, err = time.Parse("2006-01-02T15:04", strings.Replace(text, " ", "T", 1))
	}
	if err != nil {
		return time.Time{}, err
	}
	at = rule.OnClock(face.Year(), face.Month(), face.Day(), face.Hour(), face.Minute(), zone)
	if at.In(zone).Format(time.TimeOnly) != face.Format(time.TimeOnly) {
		return time.Time{}, services.Invalid(fieldStartAt, "error_start_at")
	}
	return at.UTC(), nil
}

// disrupts reports whether a plan takes pods off nodes: what rules may keep to windows.
func disrupts(define operation.Definition, plan Preview) bool {
	return define.Drains || define.Final || plan.Evictions.Any()
}

// poolsOf returns the pools of the nodes of a plan.
func poolsOf(plan Preview) []string {
	var pools []string
	for _, p := range plan.Nodes {
		if n := plan.Seen(p.Node); n != nil {
			pools = append(pools, n.Pool)
		}
	}
	slices.Sort(pools)
	return slices.Compact(pools)
}

// when completes when a batch begins with what the rules of its cluster say.
func (e *Engine) when(p *proposal, plan Preview) When {
	w, windows := p.start, p.rules.Windows
	w.Cluster = p.batch.Cluster
	w.Approval = needsApproval(p.rules, p.define)
	w.Windows = len(windows.List) > 0
	w.Must = windows.Only && w.Windows && disrupts(p.define, plan)
	next, ok := windows.Next(later(e.now(), w.At), poolsOf(plan))
	if ok {
		w.Next, w.Open = &next, next.Holds(later(e.now(), w.At))
	}
	return w
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// starts returns when a batch begins: at its time, or in its window; from is now for one
// that begins at once.
//
// Errors: CodeInvalid for a time outside of the windows where it must be in one.
func (w When) starts(now time.Time) (from time.Time, err error) {
	from = later(now, w.At)
	field := fieldStart
	if !w.At.IsZero() {
		field = fieldStartAt
	}
	switch {
	case !w.Window && !w.Must:
		return from, nil
	case w.Next == nil:
		return from, services.Invalid(fieldStart, "error_window_none", "Cluster", w.Cluster)
	case w.Next.Holds(from):
		return from, nil
	case w.Window:
		return w.Next.From, nil
	default:
		return from, services.Invalid(field, "error_window_only",
			"Cluster", w.Cluster, "From", written(w.Next.From), "Until", written(w.Next.Until))
	}
}

// written returns a time for a message.
func written(at time.Time) string { return at.UTC().Format("2006-01-02 15:04") + " UTC" }

// schedule says in the row of a batch when it begins, and whether somebody has to approve it
// before.
func (e *Engine) schedule(p *proposal, plan Preview, given Consents) error {
	w, now := e.when(p, plan), e.now()
	from, err := w.starts(now)
	if err != nil {
		return err
	}
	bound, waits := w.Window || w.Must, from.After(now)
	if !bound && !waits && !w.Approval {
		return nil
	}
	p.batch.Schedule = &store.Schedule{
		At: from.Truncate(time.Millisecond), Window: bound, Pools: poolsOf(plan), Agreed: agreedTo(plan, given),
	}
	switch {
	case w.Approval:
		p.batch.State, p.batch.Approval = store.StateProposed, &store.Approval{}
		if !waits {
			p.batch.Schedule.At = time.Time{} // as soon as it is approved
		}
	case waits:
		p.batch.State = store.StateScheduled
	}
	return nil
}

// agreedTo returns what somebody has agreed to with a plan.
func agreedTo(plan Preview, given Consents) store.Agreed {
	a := store.Agreed{Typed: given.Typed, Pods: given.Pods, PodsUnknown: given.PodsUnknown}
	for _, n := range plan.Nodes {
		if len(n.Blockers) > 0 {
			a.Blocked = append(a.Blocked, n.Node)
		}
	}
	if given.Others {
		a.Others = plan.Others.texts()
	}
	for _, r := range plan.Reach {
		a.Reach = append(a.Reach, r.Kind+"/"+r.Name)
	}
	return a
}
