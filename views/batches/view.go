// Package batches shows batches: the list of all, the page of one, and the panel
// that follows one while it runs.
package batches

import (
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation"
)

// View is a batch for the dock and its page.
type View struct {
	batch.View
	MayControl     bool
	MayForce       bool   // the person may delete a pod past its budget
	MayUndo        bool   // the person may take it back
	IdempotencyKey string // a fresh one for the form that the answer renews; "" leaves it
	More           int    // other batches running in this cluster
	// Acted are the nodes of an answer to "all that match": once something was
	// done to them, the same filters may mean others.
	Acted []string
}

// NewView returns a batch with what an actor may do to it.
func NewView(v batch.View, actor services.Actor) View {
	return View{
		View: v, MayControl: actor.May(operation.TraitsOf(v.Operation).Permit),
		MayForce: actor.May(services.PermitForce), MayUndo: actor.May(operation.TraitsOf(operation.Undo).Permit),
	}
}

// PageView is the page of one batch: its panel and its items.
type PageView struct {
	Batch View
	batch.ItemPage
	Later   batch.Successors       // the batches that retry or undo it
	Related map[string]batch.Batch // those batches, and the one that it retries or undoes, by id
	Now     time.Time
}
