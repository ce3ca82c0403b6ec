// Package batches shows batches: the list of all, the page of one, and the panel
// that follows one while it runs.
package batches

import (
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation"
)

// View is a batch for its panel, with what the user may do to it.
type View struct {
	batch.View
	MayControl     bool
	MayForce       bool   // the user may delete a pod despite its budget
	MayUndo        bool   // the user may undo the batch
	IdempotencyKey string // the next one for the form on the page; "" keeps the present one
	More           int    // other batches that run in the cluster
	// Acted are the nodes of a batch of "all that match". Afterwards the same
	// filters may match others, so the page has to remember them.
	Acted []string
}

// NewView returns the view of a batch for an actor.
func NewView(v batch.View, actor services.Actor) View {
	actor = actor.In(v.Cluster)
	return View{
		View: v, MayControl: actor.May(operation.TraitsOf(v.Operation).Permit),
		MayForce: actor.May(services.PermitForce), MayUndo: actor.May(operation.TraitsOf(operation.Undo).Permit),
	}
}

// PageView is the page of one batch.
type PageView struct {
	Batch View
	batch.ItemPage
	Later   batch.Successors       // the batches that retry or undo it
	Related map[string]batch.Batch // those batches and the one that it retries or undoes, by id
	Now     time.Time
	Mine    bool // who looks at it has started it
}
