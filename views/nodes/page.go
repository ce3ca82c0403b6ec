package nodes

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

// intoNode returns the attributes of a link that replaces the whole node.
func intoNode() templ.Attributes {
	return templ.Attributes{"hx-target": "#node", "hx-select": "#node", "hx-swap": "outerHTML"}
}

// conditionKind returns the mark of a condition.
func conditionKind(c node.Condition) string {
	switch c.Status {
	case node.GoodStatus(c.Type):
		return "ok"
	case "Unknown":
		return "warn"
	default:
		return "bad"
	}
}

// conditionText returns the message of a condition, or else its reason.
func conditionText(c node.Condition) string { return cmp.Or(c.Message, c.Reason) }

// podKind returns the mark of a pod's status, as kubectl names it.
func podKind(phase string) string {
	switch phase {
	case "Running":
		return "ok"
	case "Succeeded", "Completed":
		return "done"
	case "Pending", "ContainerCreating", "Terminating", "Init":
		return "warn"
	case "":
		return "idle"
	default:
		if strings.HasPrefix(phase, "Init:") && !strings.Contains(phase, "Err") && !strings.Contains(phase, "Back") {
			return "warn"
		}
		return "bad"
	}
}

// infoLines returns the facts about a node that are known.
func infoLines(ctx context.Context, v View) []ui.Pair {
	n := v.Node
	lines := []ui.Pair{
		{Name: ui.T(ctx, "col_roles"), Value: ui.Joined(n.Roles)},
		{Name: ui.T(ctx, "col_pool"), Value: n.Pool},
		{Name: ui.T(ctx, "col_zone"), Value: n.Zone},
		{Name: ui.T(ctx, "info_kubelet"), Value: n.Version},
		{Name: ui.T(ctx, "info_runtime"), Value: n.Info.ContainerRuntime},
		{Name: ui.T(ctx, "info_os"), Value: n.Info.OSImage},
		{Name: ui.T(ctx, "info_kernel"), Value: n.Info.Kernel},
		{Name: ui.T(ctx, "info_arch"), Value: strings.Trim(n.Info.OS+"/"+n.Info.Architecture, "/")},
		{Name: ui.T(ctx, "info_provider"), Value: n.Info.ProviderID},
	}
	return slices.DeleteFunc(lines, func(l ui.Pair) bool { return l.Value == "" })
}

func sortedLabels(labels map[string]string) []ui.Pair {
	out := make([]ui.Pair, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, ui.Pair{Name: key, Value: labels[key]})
	}
	return out
}
