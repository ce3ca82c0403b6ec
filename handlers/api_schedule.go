package handlers

import (
	"context"
	"time"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/rule"
	"kube-node-manager/views/ui"
)

// scheduleJSON says when a batch works.
type scheduleJSON struct {
	At     *time.Time `json:"at"`     // when it begins, or goes on; null as soon as it is approved
	Window bool       `json:"window"` // it only works while a window is open
	// Why says what is wrong with the plan, of a batch that is held for that; Node is where.
	Why  string `json:"why,omitempty"`
	Node string `json:"node,omitempty"`
}

// newScheduleJSON returns the schedule of a batch, nil for one without.
func newScheduleJSON(ctx context.Context, b batch.Batch) *scheduleJSON {
	if b.Schedule == nil {
		return nil
	}
	s := &scheduleJSON{Window: b.Schedule.Window, Node: b.Schedule.Node}
	if !b.Schedule.At.IsZero() {
		s.At = &b.Schedule.At
	}
	if b.Schedule.Why != nil {
		s.Why = ui.Text(ctx, *b.Schedule.Why)
	}
	return s
}

// whenJSON says when a plan would begin, and in which windows.
type whenJSON struct {
	At       *time.Time    `json:"at"`       // null for now, or for the next window
	Window   bool          `json:"window"`   // only while a window is open
	Must     bool          `json:"must"`     // the rules of the cluster allow it only in windows
	Approval bool          `json:"approval"` // a second person has to approve it before
	Next     *rule.Opening `json:"next"`     // the window that is open, or opens next; null for none
}

func newWhenJSON(w batch.When) whenJSON {
	out := whenJSON{Window: w.Window, Must: w.Must, Approval: w.Approval, Next: w.Next}
	if !w.At.IsZero() {
		out.At = &w.At
	}
	return out
}

// windowFields are the fields of the windows of a cluster.
func windowFields() []apiField {
	return []apiField{
		flagField("windows_only", "Refuse whatever takes pods off nodes outside of the windows."),
		listField("window_days_1", "Days on which the first window begins: mon, tue, wed, thu, fri, sat, sun. Fields of "+
			"further windows end in `_2` and so on. A request that has any of them has all windows."),
		textField("window_start_1", "When it begins on the clock of its zone, such as `22:00`."),
		textField("window_length_1", "How long it is open, such as `4h`, which is the default."),
		textField("window_zone_1", "Time zone of the IANA database; UTC if left out."),
		textField("window_pool_1", "The pool that it is for. The other windows do not count for that pool."),
	}
}

// startFields are the fields that say when a batch begins.
func startFields() []apiField {
	return []apiField{
		choiceField("start", "When it begins; if left out, `start_at` and `window` say it.",
			batch.StartNow, batch.StartAt, batch.StartWindow),
		textField("start_at", "A time of RFC 3339, at most 90 days ahead. Without an offset, it is UTC."),
		flagField("window", "Begin in the next window, after `start_at` if that is given, and work only while one is open."),
	}
}
