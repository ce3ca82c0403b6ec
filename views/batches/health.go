package batches

import (
	"context"
	"strconv"
	"strings"

	"kube-node-manager/services/batch"
	"kube-node-manager/views/ui"
)

// healthTitle says whether the cluster is as healthy as its rules demand; "#" stands for
// the time for which it has been.
func healthTitle(ctx context.Context, h *batch.Health) string {
	switch {
	case h.Failed:
		return ui.T(ctx, "health_failed")
	case h.HealthySince != nil:
		return ui.T(ctx, "health_holds", "Span", "#", "For", wholeSpan(ctx, h.For))
	case len(h.Findings) == 0:
		return ui.T(ctx, "health_checks")
	default:
		return ui.T(ctx, "health_waits")
	}
}

// wholeSpan returns a number of seconds in the largest unit of which it is a whole number.
func wholeSpan(ctx context.Context, seconds int) string {
	const minute, hour = 60, 60 * 60
	switch {
	case seconds > 0 && seconds%hour == 0:
		return ui.T(ctx, "age_h", "N", ui.Number(seconds/hour))
	case seconds > 0 && seconds%minute == 0:
		return ui.T(ctx, "age_m", "N", ui.Number(seconds/minute))
	default:
		return ui.T(ctx, "age_s", "N", ui.Number(seconds))
	}
}

// healthWords says what a batch waits for in one line.
func healthWords(ctx context.Context, v batch.View) string {
	h := v.Gate.Health
	span := ""
	if h.HealthySince != nil {
		span = ui.Span(ctx, viewTime(v).Sub(*h.HealthySince))
	}
	words := []string{strings.ReplaceAll(healthTitle(ctx, h), "#", span)}
	for _, f := range h.Findings {
		words = append(words, findingText(ctx, f))
	}
	return strings.Join(words, " ")
}

// findingText says why the cluster is not healthy, without the names of nodes.
func findingText(ctx context.Context, f batch.Finding) string {
	switch {
	case f.Check == batch.CheckNodes:
		return ui.N(ctx, "health_nodes", f.Count)
	case f.Check == batch.CheckPending:
		return ui.N(ctx, "health_pending", f.Count, "Most", ui.Number(f.Most))
	case f.Check == batch.CheckWorkloads:
		return ui.N(ctx, "health_workloads", f.Count)
	case f.Check == batch.CheckPrometheus && f.Error != nil:
		return ui.T(ctx, "health_query_error", "Error", ui.Text(ctx, *f.Error))
	case f.Check == batch.CheckPrometheus:
		return ui.T(ctx, "health_query", "Value", f.Value, "Below", f.Below)
	case f.Error != nil:
		return ui.T(ctx, "health_cluster", "Error", ui.Text(ctx, *f.Error))
	default:
		return f.Check
	}
}

// workloadText says how many pods of a workload are ready.
func workloadText(ctx context.Context, w batch.WorkloadHealth) string {
	return ui.T(ctx, "health_workload", "Ready", ui.Number(w.Ready), "Needed", ui.Number(w.Needed),
		"Kind", w.Kind, "Name", w.Namespace+"/"+w.Name)
}

// moreFound says how many nodes or workloads are not named, "" for none.
func moreFound(ctx context.Context, f batch.Finding) string {
	more := f.Count - len(f.Nodes) - len(f.Workloads)
	if more <= 0 || f.Check == batch.CheckPending {
		return ""
	}
	return ui.T(ctx, "health_more", "More", ui.Number(more))
}

// healthMark returns a value that changes when screen readers should be told of the health.
func healthMark(h *batch.Health) string {
	mark := "h" + strconv.FormatBool(h.Failed) + strconv.FormatBool(h.HealthySince != nil)
	for _, f := range h.Findings {
		mark += f.Check
	}
	return mark
}
