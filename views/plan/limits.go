package plan

import (
	"context"
	"slices"

	"kube-node-manager/services/batch"
	"kube-node-manager/views/ui"
)

// limitWords says how a plan would pass a limit of the cluster.
func limitWords(ctx context.Context, r batch.Room) string {
	return ui.T(ctx, "limit_"+ui.OperationID(r.Kind),
		"Name", r.Name, "After", ui.Number(r.After), "Max", ui.Number(r.Max))
}

// limitRefuses reports whether the batch is refused unless an administrator agrees.
func limitRefuses(v View) bool {
	return !v.Waits || slices.ContainsFunc(v.Exceeded, func(r batch.Room) bool { return r.Max < 1 })
}

// limitAbout says what follows from the limits.
func limitAbout(ctx context.Context, v View) string {
	switch {
	case !limitRefuses(v):
		return ui.T(ctx, "limit_waits")
	case v.Number > 0: // of a plan over several clusters
		return ui.T(ctx, "limit_alone")
	case v.MayForce:
		return ui.T(ctx, "limit_may")
	default:
		return ui.T(ctx, "limit_asks")
	}
}
