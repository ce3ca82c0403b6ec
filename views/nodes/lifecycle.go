package nodes

import (
	"context"
	"slices"
	"strings"

	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

// lifecycleKind returns the mark of a condition that says where the node is in its
// maintenance: neither state is good or bad.
func lifecycleKind(c node.Condition) string {
	if c.Status == "True" {
		return "hold"
	}
	return "idle"
}

// lifecycleState returns the second half of the message that says what such a condition
// means.
func lifecycleState(c node.Condition) string {
	if c.Status == "True" {
		return "on"
	}
	return "off"
}

// telling are the types of these conditions, the one first that says most: of several that
// hold, a row shows one.
func telling() []string {
	return []string{
		"GracefulNodeShutdownInProgress", "DrainInProgress", "Drained", "MaintenanceInProgress", "MaintenancePlanned",
	}
}

// lifecycleWord returns where a node is in its maintenance, in one word; "" if it says
// nothing of it.
func lifecycleWord(ctx context.Context, n *node.Node) string {
	for _, kind := range telling() {
		if slices.ContainsFunc(n.Lifecycle, func(c node.Lifecycle) bool { return c.Type == kind }) {
			return ui.T(ctx, "lifecycle_"+kind)
		}
	}
	return ""
}

// lifecycleTitle returns all that a node says of its maintenance, one condition on each
// line.
func lifecycleTitle(n *node.Node) string {
	lines := make([]string, len(n.Lifecycle))
	for i, c := range n.Lifecycle {
		lines[i] = ui.Parts(c.Type, c.Reason, c.Message)
	}
	return strings.Join(lines, "\n")
}
