package plan

import (
	"context"
	"slices"

	"kube-node-manager/services/batch"
	"kube-node-manager/views/ui"
)

// startChosen returns the choice of the field start: what was typed, or what the plan says.
func startChosen(v View) string {
	chosen := typed(v, "start", "")
	switch {
	case chosen != "":
		return chosen
	case v.When.Window, v.When.Must && !v.When.Open:
		return batch.StartWindow
	case !v.When.At.IsZero():
		return batch.StartAt
	default:
		return batch.StartNow
	}
}

// startOpen reports whether the choice of the start is shown unfolded.
func startOpen(v View) bool {
	wrong := slices.ContainsFunc([]string{"start", "start_at"}, func(name string) bool {
		return v.Problem.Field(name) != ""
	})
	return wrong || startChosen(v) != batch.StartNow || v.When.Must || v.When.Approval
}

// startField returns the content of the field for the time of the start.
func startField(ctx context.Context, v View) string {
	if v.When.At.IsZero() {
		return typed(v, "start_at", "")
	}
	return typed(v, "start_at", v.When.At.In(ui.Zone(ctx)).Format("2006-01-02T15:04"))
}
