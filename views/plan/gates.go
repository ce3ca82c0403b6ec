package plan

import (
	"context"

	"kube-node-manager/services/rule"
	"kube-node-manager/views/ui"
)

// gateTitle says when a plan waits for the health of its cluster, and for how long.
func gateTitle(ctx context.Context, v View) string {
	id, h := "gates_title", v.Gates.Health
	if h.For == 0 {
		id = "gates_title_once"
	}
	return ui.T(ctx, id, "Waves", ui.Number(v.Gates.Waves), "For", ui.SecondsField(h.For))
}

// gateLines says what the rules of the cluster demand between two waves.
func gateLines(ctx context.Context, h rule.Health) []string {
	var lines []string
	if h.Nodes {
		lines = append(lines, ui.T(ctx, "gates_nodes"))
	}
	if h.Workloads > 0 {
		lines = append(lines, ui.T(ctx, "gates_workloads", "Percent", h.Workloads))
	}
	if h.Pending != nil {
		lines = append(lines, ui.N(ctx, "gates_pending", *h.Pending))
	}
	if h.Prometheus != "" {
		lines = append(lines, ui.T(ctx, "gates_prometheus", "Query", h.Query, "Below", h.Below))
	}
	return lines
}
