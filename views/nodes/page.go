package nodes

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"kube-node-manager/services/inspect"
	"kube-node-manager/services/node"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// conditionKind returns the mark of a condition.
func conditionKind(c node.Condition) string {
	if node.IsLifecycle(c.Type) {
		return lifecycleKind(c)
	}
	switch c.Status {
	case node.GoodStatus(c.Type):
		return "ok"
	case "Unknown":
		return "warn"
	default:
		return "bad"
	}
}

// badConditions returns the conditions that are not as they should be.
func badConditions(all []node.Condition) []node.Condition {
	return slices.DeleteFunc(slices.Clone(all), func(c node.Condition) bool {
		return conditionKind(c) == "ok" || node.IsLifecycle(c.Type)
	})
}

// conditionAbout says what a condition means. Of conditions that Kubernetes does not know
// itself, only whoever reports them knows that.
func conditionAbout(ctx context.Context, c node.Condition) string {
	known := []string{"Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"}
	kind := conditionKind(c)
	switch {
	case node.IsLifecycle(c.Type):
		return ui.T(ctx, "condition_"+c.Type+"_"+lifecycleState(c))
	case kind == "warn" && c.Type != "Ready":
		return ui.T(ctx, "condition_unknown")
	case slices.Contains(known, c.Type):
		return ui.T(ctx, "condition_"+c.Type+"_"+kind)
	default:
		return ui.T(ctx, "condition_other_"+kind)
	}
}

// eventKind returns the mark of an event.
func eventKind(e inspect.Event) string {
	if e.Type == "Warning" {
		return "warn"
	}
	return "idle"
}

// countsPods reports whether the requests of the pods count against a resource.
func countsPods(r node.Resource) bool {
	return r.Name == "cpu" || r.Name == "memory" || r.Name == "pods"
}

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

// podColumn is a column of the pods.
type podColumn struct{ title, sort, class string }

func podColumns() []podColumn {
	return []podColumn{
		{"col_pod", "name", ""},
		{"col_drain", "verdict", ""},
		{"col_budget", "", ""},
		{"col_state", "status", ""},
		{"col_owner", "owner", ""},
		{"col_restarts", "restarts", "num"},
		{"col_cpu", "cpu", "num"},
		{"col_memory", "memory", "num"},
		{"col_age", "age", "num"},
	}
}

// budgetName returns the name of a pod's budget, which is in the namespace of the pod.
func budgetName(p inspect.Pod) string { return strings.TrimPrefix(p.Judged.Budget, p.Namespace+"/") }

func ariaSortOf(desc bool) string {
	if desc {
		return "descending"
	}
	return "ascending"
}

// Annotations are folded above annotationFold bytes, and of a longer one than annotationMost
// only the beginning is shown. Some tools keep whole objects there.
const (
	annotationFold = 200
	annotationMost = 16 << 10
)

// annotation is an annotation as the page shows it.
type annotation struct {
	Key, Value string
	Size       int  // of the whole value
	Long       bool // it is folded
	Cut        bool // Value is only its beginning
}

func shownAnnotations(all map[string]string) []annotation {
	out := make([]annotation, 0, len(all))
	for _, pair := range sortedLabels(all) {
		a := annotation{Key: pair.Name, Value: pair.Value, Size: len(pair.Value)}
		a.Long, a.Cut = a.Size > annotationFold || strings.Contains(a.Value, "\n"), a.Size > annotationMost
		if a.Cut {
			a.Value = strings.ToValidUTF8(a.Value[:annotationMost], "")
		}
		out = append(out, a)
	}
	return out
}

func annotationID(i int) string { return "annotation-" + strconv.Itoa(i) }

// auditURL returns all audit entries of the batches that had the node.
func (v View) auditURL() string {
	return ui.WithQuery(ui.AuditURL, url.Values{"cluster": {v.Cluster}, "node": {v.Node.Name}})
}

func auditAction(ctx context.Context, e store.Entry) string {
	return ui.T(ctx, "audit_"+strings.ReplaceAll(string(e.Action), ".", "_"))
}

// auditTitle returns the batch that an entry is about.
func auditTitle(ctx context.Context, e store.Entry) string {
	var facts struct {
		Operation string
		Total     int
	}
	err := json.Unmarshal(e.After, &facts)
	if err != nil || facts.Operation == "" {
		return e.Object
	}
	return ui.BatchTitle(ctx, facts.Operation, facts.Total)
}

// timeOf returns a time that may not be known.
func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
