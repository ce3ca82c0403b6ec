package store

import (
	"encoding/json"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/change"
)

// State is a batch's state.
type State string

// The states of a batch.
const (
	StateProposed    State = "proposed"  // it waits for the approval of a second person
	StateScheduled   State = "scheduled" // it waits for its time
	StateRunning     State = "running"
	StateSucceeded   State = "succeeded"
	StatePartial     State = "partial"
	StateFailed      State = "failed"
	StateCancelled   State = "cancelled"
	StateInterrupted State = "interrupted" // the program stopped; the batch can be resumed
)

// Ended reports whether the state is final.
func (s State) Ended() bool {
	return s != StateProposed && s != StateScheduled && s != StateRunning && s != StateInterrupted
}

// Hold says why an interrupted batch must not continue by itself: what has happened to its
// user, or to its schedule. "" means that it may continue.
type Hold string

// The holds.
const (
	HoldDeleted  Hold = "deleted"
	HoldDisabled Hold = "disabled"
	HoldDemoted  Hold = "demoted"
	HoldReset    Hold = "reset" // an administrator has set their password

	HoldMissed Hold = "missed" // the program was down at its time
	HoldPlan   Hold = "plan"   // the plan has changed; see Schedule.Why
	HoldWindow Hold = "window" // there is no window any more

	HoldRestored Hold = "restored" // it had not ended in the copy that the database was restored from
)

// ItemState is the state of one node of a batch.
type ItemState string

// The states of an item.
const (
	ItemPending   ItemState = "pending"
	ItemRunning   ItemState = "running"
	ItemWaiting   ItemState = "waiting"
	ItemSucceeded ItemState = "succeeded"
	ItemUnchanged ItemState = "unchanged" // no change was needed
	ItemFailed    ItemState = "failed"
	ItemSkipped   ItemState = "skipped"
	ItemCancelled ItemState = "cancelled"
)

// Ended reports whether the state is final.
func (s ItemState) Ended() bool {
	return s != ItemPending && s != ItemRunning && s != ItemWaiting
}

// Batch is one row of the history.
type Batch struct {
	ID              string          `json:"id"`
	Cluster         string          `json:"cluster"`
	Operation       string          `json:"operation"`
	Params          json.RawMessage `json:"params"`
	Reason          string          `json:"reason"`
	ActorID         int64           `json:"-"`
	By              string          `json:"by"`
	Address         string          `json:"-"`
	RequestID       string          `json:"requestId,omitempty"`
	IdempotencyKey  string          `json:"-"`
	Fingerprint     string          `json:"-"` // hash of the request, to notice another request with the same key
	CancelRequested bool            `json:"-"`
	Sync            bool            `json:"-"` // ended within the request that created it
	State           State           `json:"state"`
	Paused          bool            `json:"paused"`
	CreatedAt       time.Time       `json:"createdAt"`
	StartedAt       *time.Time      `json:"startedAt"`
	EndedAt         *time.Time      `json:"endedAt"`
	ClearedAt       *time.Time      `json:"-"` // when the cluster's cache was cleared
	Total           int             `json:"total"`
	Rollout         json.RawMessage `json:"rollout,omitempty"`
	RetryOf         string          `json:"retryOf,omitempty"`
	UndoOf          string          `json:"undoOf,omitempty"`
	TemplateID      int64           `json:"-"` // of the template it used, which may have been deleted; 0 for none
	ActorRole       services.Role   `json:"-"` // the actor's role at the time; "" in batches of earlier versions
	Held            Hold            `json:"held,omitempty"`
	Schedule        *Schedule       `json:"-"` // of a batch that waits or has waited for its time, or for windows
	Approval        *Approval       `json:"-"` // nil for a batch that needs none
	// Untold is the call that would have told the cluster of the batch, and was refused.
	Untold string `json:"untold,omitempty"`
}

// Item is one node of a batch.
type Item struct {
	Seq       int           `json:"-"`
	Node      string        `json:"node"`
	UID       string        `json:"-"` // of the node when the batch was planned; "" if it was unknown
	State     ItemState     `json:"state"`
	ErrorCode string        `json:"errorCode,omitempty"`
	Error     *Text         `json:"-"`                        // why it failed or was skipped
	Unknown   bool          `json:"mayHaveChanged,omitempty"` // it did not succeed, but may have changed the node
	Attempts  int           `json:"attempts,omitempty"`
	Before    *change.State `json:"before"` // nil if the node was unknown
	After     *change.State `json:"after"`  // nil if it is unknown, or nothing happened
	StartedAt *time.Time    `json:"startedAt"`
	EndedAt   *time.Time    `json:"endedAt"`
}

// Text is a stored message: a message id with the values of its placeholders, so
// that every reader sees it in their own language.
type Text struct {
	ID   string         `json:"id"`
	Args map[string]any `json:"args,omitempty"`
}

// Counts is the number of items in each state.
type Counts struct {
	Pending   int `json:"pending"`
	Running   int `json:"running"`
	Waiting   int `json:"waiting"`
	Succeeded int `json:"succeeded"`
	Unchanged int `json:"unchanged"`
	Failed    int `json:"failed"`
	Skipped   int `json:"skipped"`
	Cancelled int `json:"cancelled"`
}

// Total returns the sum of all counts.
func (c Counts) Total() int {
	return c.Pending + c.Running + c.Waiting + c.Succeeded + c.Unchanged + c.Failed + c.Skipped + c.Cancelled
}

// Plus returns the sums of the counts of two batches.
func (c Counts) Plus(other Counts) Counts {
	return Counts{
		Pending: c.Pending + other.Pending, Running: c.Running + other.Running, Waiting: c.Waiting + other.Waiting,
		Succeeded: c.Succeeded + other.Succeeded, Unchanged: c.Unchanged + other.Unchanged,
		Failed: c.Failed + other.Failed, Skipped: c.Skipped + other.Skipped, Cancelled: c.Cancelled + other.Cancelled,
	}
}

// Add adds n to the count of a state.
func (c *Counts) Add(s ItemState, n int) {
	count := c.field(s)
	if count != nil {
		*count += n
	}
}

// Of returns the count of a state; "" means all items.
func (c Counts) Of(s ItemState) int {
	if s == "" {
		return c.Total()
	}
	count := c.field(s)
	if count == nil {
		return 0
	}
	return *count
}

// field returns the count of a state, or nil if there is no such state.
func (c *Counts) field(s ItemState) *int {
	switch s {
	case ItemPending:
		return &c.Pending
	case ItemRunning:
		return &c.Running
	case ItemWaiting:
		return &c.Waiting
	case ItemSucceeded:
		return &c.Succeeded
	case ItemUnchanged:
		return &c.Unchanged
	case ItemFailed:
		return &c.Failed
	case ItemSkipped:
		return &c.Skipped
	case ItemCancelled:
		return &c.Cancelled
	default:
		return nil
	}
}
