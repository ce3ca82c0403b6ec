package views

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"kube-node-manager/services/node"
)

// intoNode has HTMX put an answer in the place of the whole node.
func intoNode() templ.Attributes {
	return templ.Attributes{"hx-target": "#node", "hx-select": "#node", "hx-swap": "outerHTML"}
}

// conditionKind marks a condition: Ready is good when True, all others when
// False.
func conditionKind(c node.Condition) string {
	good := "False"
	if c.Type == "Ready" {
		good = "True"
	}
	switch c.Status {
	case good:
		return "ok"
	case "Unknown":
		return "warn"
	default:
		return "bad"
	}
}

// conditionText gives the message, or the reason when there is none.
func conditionText(c node.Condition) string {
	if c.Message != "" {
		return c.Message
	}
	return c.Reason
}

// podKind marks a pod by kubectl's word for it.
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

// infoLines are a node's facts that are known.
func infoLines(ctx context.Context, v NodeView) []pair {
	n := v.Node
	lines := []pair{
		{T(ctx, "col_roles"), joined(n.Roles)},
		{T(ctx, "col_pool"), n.Pool},
		{T(ctx, "col_zone"), n.Zone},
		{T(ctx, "info_kubelet"), n.Version},
		{T(ctx, "info_runtime"), n.Info.ContainerRuntime},
		{T(ctx, "info_os"), n.Info.OSImage},
		{T(ctx, "info_kernel"), n.Info.Kernel},
		{T(ctx, "info_arch"), strings.Trim(n.Info.OS+"/"+n.Info.Architecture, "/")},
		{T(ctx, "info_provider"), n.Info.ProviderID},
	}
	return slices.DeleteFunc(lines, func(l pair) bool { return l.Value == "" })
}

func sortedLabels(labels map[string]string) []pair {
	out := make([]pair, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, pair{key, labels[key]})
	}
	return out
}
