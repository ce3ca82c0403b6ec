// Package batch is the engine that runs every operation over many nodes:
// durable items, bounded workers, progress, cancel, resume, and the order that
// makes "done" mean "visible".
package batch

import (
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// The types of stored rows are the store's.
type (
	// Batch is one run of an operation over a set of nodes.
	Batch = store.Batch
	// Item is one node of a batch.
	Item = store.Item
	// Counts says how many items are in each state.
	Counts = store.Counts
	// Successors are the batches that retry or undo another.
	Successors = store.Successors
)

// View is a batch as a person follows it: its row, its counts and what is
// happening right now.
type View struct {
	Batch
	Counts   Counts   `json:"counts"`
	Running  []string `json:"-"` // nodes in progress, at most a handful
	Gate     *Gate    `json:"gate,omitempty"`
	Closed   *Closed  `json:"closed,omitempty"`   // it rests because its window has closed
	WaitsFor []string `json:"waitsFor,omitempty"` // batches that have some of its nodes first
	Full     *Room    `json:"full,omitempty"`     // the limit of the cluster that it waits for
	// Leases are nodes that wait because somebody else has their lease, at most LeasesShown.
	Leases []LeaseWait `json:"leases,omitempty"`
	Failed []Item      `json:"-"` // failed items, oldest first, at most FailedShown
	// Asks says what an administrator types to resume it; nil when whoever may
	// control it may resume it.
	Asks      *services.Error `json:"-"`
	Rate      float64         `json:"-"` // nodes per second over the run
	Remaining time.Duration   `json:"-"` // estimate; 0 when there is none
	// Converging is how many changed nodes the control plane has yet to reconcile,
	// for example by adding the taint of a cordon.
	Converging int `json:"converging,omitempty"`
	// Telling is how many nodes of a drain whose nodes are done have yet to say so with their
	// conditions.
	Telling int           `json:"conditionsLeft,omitempty"`
	Elapsed time.Duration `json:"-"`
	Drain   *Drain        `json:"drain,omitempty"` // of a running drain
	// Outage says that it waits for the API server; nil while that answers.
	Outage *Outage `json:"-"`
	// Unstored says why its results cannot be stored now; nil while they can.
	Unstored *services.Error `json:"-"`
}

// FailedShown is how many failed nodes a View carries; the rest is on the
// batch's page.
const FailedShown = 50

// Done returns the number of items in a final state.
func Done(c Counts) int { return c.Total() - c.Pending - c.Running - c.Waiting }
