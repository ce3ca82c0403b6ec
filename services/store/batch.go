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
	StateRunning     State = "running"
	StateSucceeded   State = "succeeded"
	StatePartial     State = "partial"
	StateFailed      State = "failed"
	StateCancelled   State = "cancelled"
	StateInterrupted State = "interrupted" // the program stopped; it can be resumed
)

// Ended reports whether the state is final.
func (s State) Ended() bool { return s != StateRunning && s != StateInterrupted }

// Hold says why an interrupted batch is not continued in the name of its actor.
type Hold string

// The holds; "" is none.
const (
	HoldDeleted  Hold = "deleted"
	HoldDisabled Hold = "disabled"
	HoldDemoted  Hold = "demoted"
)

// ItemState is the state of one node of a batch.
type ItemState string

// The states of an item.
const (
	ItemPending   ItemState = "pending"
	ItemRunning   ItemState = "running"
	ItemWaiting   ItemState = "waiting"
	ItemSucceeded ItemState = "succeeded"
	ItemUnchanged ItemState = "unchanged" // it was so already
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
	Fingerprint     string          `json:"-"` // of what was asked, to tell a repeat from a clash
	CancelRequested bool            `json:"-"`
	Sync            bool            `json:"-"` // ended within the request that asked for it
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
	TemplateID      int64           `json:"-"` // the template that it came from, 0 for none; it may be gone since
	ActorRole       services.Role   `json:"-"` // of the actor at that time; "" in batches of earlier versions
	Held            Hold            `json:"held,omitempty"`
}

// Item is one node of a batch.
type Item struct {
	Seq       int           `json:"-"`
	Node      string        `json:"node"`
	UID       string        `json:"-"` // of the node as planned; "" when it was not known then
	State     ItemState     `json:"state"`
	ErrorCode string        `json:"errorCode,omitempty"`
	Error     *Text         `json:"-"`                        // why it failed or was skipped
	Unknown   bool          `json:"mayHaveChanged,omitempty"` // not succeeded, but its node may be another than before
	Attempts  int           `json:"attempts,omitempty"`
	Before    *change.State `json:"before"` // nil when the node was not known
	After     *change.State `json:"after"`  // nil when it is not known, or nothing happened
	StartedAt *time.Time    `json:"startedAt"`
	EndedAt   *time.Time    `json:"endedAt"`
}

// Text is a stored sentence: a message id with its placeholders, so that every
// reader sees it in their own language.
type Text struct {
	ID   string         `json:"id"`
	Args map[string]any `json:"args,omitempty"`
}

// Counts says how many items are in each state.
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

// Total adds all counts.
func (c Counts) Total() int {
	return c.Pending + c.Running + c.Waiting + c.Succeeded + c.Unchanged + c.Failed + c.Skipped + c.Cancelled
}

// Add counts n more items in state s.
func (c *Counts) Add(s ItemState, n int) {
	switch s {
	case ItemPending:
		c.Pending += n
	case ItemRunning:
		c.Running += n
	case ItemWaiting:
		c.Waiting += n
	case ItemSucceeded:
		c.Succeeded += n
	case ItemUnchanged:
		c.Unchanged += n
	case ItemFailed:
		c.Failed += n
	case ItemSkipped:
		c.Skipped += n
	case ItemCancelled:
		c.Cancelled += n
	}
}
