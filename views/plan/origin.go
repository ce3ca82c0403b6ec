package plan

import (
	"context"

	"kube-node-manager/views/ui"
)

// Origin is the batch that the plan of an undo or of a retry goes back to.
type Origin struct {
	ID    string
	Undo  bool // else it is tried again
	Force bool // of an undo: what was changed since may go too
	Since int  // of an undo: nodes that somebody else has changed since
}

// undoes reports whether a plan takes a batch back.
func undoes(v View) bool { return v.Origin != nil && v.Origin.Undo }

// retries reports whether a plan tries a batch again.
func retries(v View) bool { return v.Origin != nil && !v.Origin.Undo }

// originWords are what the button of an undo or a retry does.
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
