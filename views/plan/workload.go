package plan

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/ui"
)

// workloadNotes returns what pods, and the rules about them, ask of the drain: to wait, and
// to go in an order.
func workloadNotes(ctx context.Context, v View) []note {
	var notes []note
	if n := v.Drain.Counts.WaitCompleted; n > 0 {
		notes = append(notes, note{
			Kind: "hold", Title: ui.N(ctx, "plan_completing", n), Text: waitText(ctx, v.Options, longestWait(v.Drain)),
		})
	}
	if orders := ordersOf(v.Drain); len(orders) > 1 {
		notes = append(notes, note{
			Kind: "idle", Title: ui.T(ctx, "plan_orders", "Orders", strings.Join(orders, ", ")),
			Text: ui.T(ctx, "plan_orders_about"),
		})
	}
	return notes
}

// storageNotes returns warnings of budgets that the operator of a storage changes while a
// zone is drained.
func storageNotes(ctx context.Context, v View) []note {
	risks := v.Drain.Storage()
	notes := make([]note, len(risks))
	for i, r := range risks {
		title := ui.N(ctx, "plan_storage_nodes", r.Nodes, "Operator", r.Operator)
		if len(r.Zones) > 0 {
			title = ui.T(ctx, "plan_storage_zones", "Operator", r.Operator, "Zones", ui.SomeNames(ctx, r.Zones))
		}
		text := "plan_storage_apart"
		if v.Rollout.Order == batch.OrderZone && len(r.Zones) > 0 {
			text = "plan_storage_ordered"
		}
		notes[i] = note{Kind: "warn", Title: title, Text: ui.T(ctx, text)}
	}
	return notes
}

// longestWait returns the longest time in seconds for which the rules wait for a pod.
func longestWait(p *drain.Plan) int {
	longest := 0
	eachPod(p, func(_ string, pod drain.Judged) { longest = max(longest, pod.AtMost) })
	return longest
}

// waitText says how long the drain waits, and warns if it may fail before.
func waitText(ctx context.Context, o drain.Options, longest int) string {
	switch {
	case o.Timeout == 0:
		return ui.T(ctx, "plan_completing_no_limit")
	case longest >= o.Timeout:
		return ui.T(ctx, "plan_completing_too_long", "Wait", ui.SecondsField(longest), "Limit", ui.SecondsField(o.Timeout))
	default:
		return ui.T(ctx, "plan_completing_limit", "Limit", ui.SecondsField(o.Timeout))
	}
}

// ordersOf returns the orders in which pods go, the first one first.
func ordersOf(p *drain.Plan) []string {
	found := map[int]bool{}
	eachPod(p, func(_ string, pod drain.Judged) {
		if pod.Verdict != drain.Skip {
			found[pod.Order] = true
		}
	})
	var orders []int
	for order := range found {
		orders = append(orders, order)
	}
	slices.Sort(orders)
	words := make([]string, len(orders))
	for i, order := range orders {
		words[i] = strconv.Itoa(order)
	}
	return words
}
