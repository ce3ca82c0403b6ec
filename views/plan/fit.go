package plan

import (
	"context"
	"maps"
	"slices"

	"kube-node-manager/services/fit"
	"kube-node-manager/views/ui"
)

// fitKind returns the mark of whether pods find room.
func fitKind(f *fit.Fit) string {
	switch f.Fits.Mark {
	case fit.Exact:
		return "ok"
	case fit.AtMost:
		return "bad"
	case fit.AtLeast:
		return "warn"
	default:
		return "idle"
	}
}

// figure returns a figure with its mark, "≥ 12" for example.
func figure(f fit.Figure, unit string) string {
	if f.Mark == fit.Unknown {
		return fit.Unknown
	}
	return f.Mark + " " + ui.Quantity(unit, f.Value)
}

// fitText says what the figure of the pods means.
func fitText(ctx context.Context, f *fit.Fit) string {
	id := map[string]string{
		fit.Exact: "fit_exact", fit.AtMost: "fit_at_most", fit.AtLeast: "fit_at_least", fit.Unknown: "fit_unknown",
	}[f.Fits.Mark]
	return ui.T(ctx, id)
}

// fitUnsure returns what decides beside resources, with the numbers of pods.
func fitUnsure(ctx context.Context, f *fit.Fit) []string {
	var out []string
	for _, why := range slices.Sorted(maps.Keys(f.Unsure)) {
		out = append(out, ui.N(ctx, "fit_unsure_"+why, f.Unsure[why]))
	}
	return out
}
