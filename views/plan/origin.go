package plan

import (
	"context"

	"kube-node-manager/views/ui"
)

// Origin is the batch that a plan would undo or retry.
type Origin struct {
	ID    string
	Undo  bool // else it is a retry
	Force bool // of an undo: later changes are reverted as well
	Since int  // of an undo: nodes that have been changed since
}

// undoes reports whether the plan is of an undo.
func undoes(v View) bool { return v.Origin != nil && v.Origin.Undo }

// retries reports whether the plan is of a retry.
func retries(v View) bool { return v.Origin != nil && !v.Origin.Undo }

// originWords returns the text of the button of an undo or a retry.
func originWords(ctx context.Context, v View) string {
	n := v.Summary.Changed
	if n == 0 || v.Drain != nil { // a drain does more than change nodes
		n = len(v.Names)
	}
	if v.Origin.Undo {
		return ui.N(ctx, "plan_do_undo", n)
	}
	return ui.N(ctx, "plan_do_retry", n)
}
