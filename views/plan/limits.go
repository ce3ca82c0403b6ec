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
	case v.Stored != nil && v.Rollout.Exceed:
		return ui.T(ctx, "limit_agreed")
	case v.Stored != nil && limitRefuses(v):
		return ui.T(ctx, "limit_held")
	case !limitRefuses(v):
		return ui.T(ctx, "limit_waits")
	case v.MayForce:
		return ui.T(ctx, "limit_may")
	default:
		return ui.T(ctx, "limit_asks")
	}
}

// exceedID returns the element id of the field with which the limits of a cluster of several
// are passed: the first is where the error of the field leads.
func exceedID(v, part View) string {
	first := slices.IndexFunc(v.Parts, func(p View) bool { return len(p.Exceeded) > 0 && p.MayForce })
	if first >= 0 && v.Parts[first].Number == part.Number {
		return "opt-exceed"
	}
	return partID(part, "opt-exceed")
}

// typedAmong returns a value of a field that has several, if it was typed.
func typedAmong(v View, name, value string) string {
	if slices.Contains(v.Typed[name], value) {
		return value
	}
	return ""
}
