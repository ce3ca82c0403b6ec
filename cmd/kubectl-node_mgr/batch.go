package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// A batch is what the server says of one. Only what is shown is read of it.
type batch struct {
	ID                         string
	Cluster, Operation, By     text
	Reason                     text
	State                      text
	CreatedAt                  time.Time
	StartedAt, EndedAt         *time.Time
	Total                      int
	Counts                     counts
	Paused                     bool
	Held                       text
	Gate                       *gate
	Closed                     *struct{ Until *time.Time }
	WaitsFor                   []text
	Full                       *room
	Leases                     []lease
	Converging, ConditionsLeft int
	Drain                      *drainProgress
	Items                      []item
	Schedule                   *schedule
	Approval                   *struct{ State, Why text }
	RetryOf, UndoOf            *text
}

type counts struct{ Pending, Running, Waiting, Succeeded, Unchanged, Failed, Skipped, Cancelled int }

type gate struct {
	Canary bool
	Until  *time.Time
	Health *struct {
		Findings []struct{ Check text }
	}
}

type lease struct {
	Node, Holder text
	Until        time.Time
}

type item struct{ Node, State, Error text }

type schedule struct {
	At     *time.Time
	Window bool
	Why    text
}

type drainProgress struct {
	PodsLeft, PodsEvicted, PodsTerminating, PodsBlocked int
	Nodes                                               []nodeProgress
}

type nodeProgress struct {
	Node     text
	Blocks   []block
	Waits    []struct{ Pod text }
	Restarts []struct{ Pod, Deployment text }
}

type block struct {
	Pod, Budget     text
	Healthy, Needed int
	Message         text
	Since           time.Time
}

// done returns how many nodes are in their last state.
func (c counts) done() int { return c.Succeeded + c.Unchanged + c.Failed + c.Skipped + c.Cancelled }

// text returns the counts that are not 0.
func (c counts) text() string {
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{
		{c.Succeeded, "succeeded"},
		{c.Unchanged, "unchanged"},
		{c.Failed, "failed"},
		{c.Skipped, "skipped"},
		{c.Cancelled, "cancelled"},
		{c.Running, "running"},
		{c.Waiting, "waiting"},
		{c.Pending, "pending"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return strings.Join(parts, ", ")
}

func batchPath(id string) string { return "/batches/" + url.PathEscape(id) }

// batch reads a batch, with those of its nodes only that have failed.
func (c *client) batch(ctx context.Context, id string) (batch, error) {
	var b batch
	_, err := c.get(ctx, batchPath(id), url.Values{"state": {"failed"}}, &b)
	return b, err
}

// ended reports whether nothing more happens to a batch.
func (b batch) ended() bool { return b.EndedAt != nil }

// stands says why a batch does not go on by itself; "" if it does.
func (b batch) stands() string {
	switch {
	case b.State == "proposed":
		return "waits for the approval of a second person"
	case b.State == "scheduled":
		return "waits for its time" + b.Schedule.text()
	case b.State == "interrupted":
		return "is interrupted" + b.Schedule.text() + ": kubectl node_mgr resume " + b.ID
	case b.Paused:
		return "is paused: kubectl node_mgr resume " + b.ID
	case b.Gate != nil && b.Gate.Until == nil && b.Gate.Health == nil:
		return "waits after its first nodes: kubectl node_mgr resume " + b.ID
	default:
		return ""
	}
}

func (s *schedule) text() string {
	switch {
	case s == nil:
		return ""
	case s.Why != "":
		return ": " + string(s.Why)
	case s.At != nil:
		return ", " + clock(*s.At)
	case s.Window:
		return ", the next maintenance window"
	default:
		return ""
	}
}

// result returns the exit of a batch, and says how it stands.
func (b batch) result() error {
	switch {
	case b.State == "succeeded":
		return nil
	case b.ended():
		return &exit{exitFailed, ""}
	case b.stands() != "":
		return &exit{exitWaits, ""}
	default:
		return nil
	}
}
