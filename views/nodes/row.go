package nodes

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/views/ui"
)

// tagsShown is how many chips a row shows.
const tagsShown = 3

// statusKind returns the mark of a node's worst state.
func statusKind(n *node.Node) string {
	switch {
	case n.Status != node.StatusReady:
		return "bad"
	case n.Unschedulable:
		return "hold"
	case n.Scheduling == node.Limited:
		return "warn"
	default:
		return "ok"
	}
}

// statusWords returns StatusText in two parts, because a phone shows the second one
// on a separate line.
func statusWords(n *node.Node) (head, tail string) {
	head, tail, found := strings.Cut(n.StatusText(), ",")
	if found {
		head += ","
	}
	return head, tail
}

func limited(n *node.Node) bool { return n.Scheduling == node.Limited && !n.Unschedulable }

func hasWhy(n *node.Node) bool {
	return n.StatusReason != "" || n.Unschedulable && (n.Reason != "" || n.ReasonBy != "" || n.ReasonSince != nil)
}

// whyTitle returns the full text of the second line, which may be cut.
func whyTitle(n *node.Node) string {
	var lines []string
	for _, line := range []string{n.Reason, n.ReasonBy, n.StatusReason} {
		if line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

func rolesText(roles []string) string {
	if len(roles) == 0 {
		return ui.Unknown
	}
	return ui.Joined(roles)
}

// splitName splits a name where it can be shortened: a host name before its domain,
// which is the same for all nodes; another long name near its end, because names in
// clouds differ at both ends.
func splitName(name string) (head, tail string, host bool) {
	const keep = 12
	dot := strings.IndexByte(name, '.')
	if dot > 0 {
		return name[:dot], name[dot:], true
	}
	if len(name) <= 2*keep {
		return name, "", false
	}
	return name[:len(name)-keep], name[len(name)-keep:], false
}

// splitZone splits a zone's name after the region, if all zones are in the same:
// "1a" is enough to tell "eu-central-1a" from "eu-central-1b".
func splitZone(zones []string, name string) (region, rest string) {
	cut := strings.LastIndexByte(name, '-') + 1
	for _, zone := range zones {
		if !strings.HasPrefix(zone, name[:cut]) {
			return "", name
		}
	}
	return name[:cut], name[cut:]
}

// longest returns the longest of some values.
func longest(values []string) string {
	out := ""
	for _, value := range values {
		if len(value) > len(out) {
			out = value
		}
	}
	return out
}

// longestZone returns the longest zone as the table shows it.
func longestZone(v *ListView) string {
	zones := make([]string, len(v.Page.Summary.Zones))
	for i, name := range v.Page.Summary.Zones {
		_, zones[i] = splitZone(v.Page.Summary.Zones, name)
	}
	return longest(zones)
}

func usageOf(v *ListView, n *node.Node) node.Usage {
	used, _ := v.Page.Usage.Of(n)
	return used
}

func usageKnown(v *ListView, n *node.Node) bool {
	_, known := v.Page.Usage.Of(n)
	return known
}

// inUse returns how much of a resource a node uses, of how much. The result is false if it
// is not measured.
func inUse(v *ListView, n *node.Node, unit string) (used, whole int64, known bool) {
	measured, known := v.Page.InUse.Of(n)
	if unit == "cpu" {
		return measured.CPU, n.AllocatableCPU, known
	}
	return measured.Memory, n.AllocatableMemory, known
}

func podsNearFull(v *ListView, n *node.Node) bool {
	p, ok := percent(usageOf(v, n).Pods, n.AllocatablePods)
	return ok && p > 90
}

// specialRoles returns the roles that get a chip when there is no column for roles:
// all but "worker".
func specialRoles(roles []string) []string {
	return slices.DeleteFunc(slices.Clone(roles), func(role string) bool { return role == "worker" })
}

// tag is a label or a taint as a chip that filters the table.
type tag struct {
	Short string // without the prefix of its key
	Full  string
	URL   string
	Taint bool
}

// tagsOf returns the chips of a row, and how many labels and taints have none.
func tagsOf(v *ListView, n *node.Node) (shown []tag, rest int) {
	all := len(n.Labels) + len(n.Taints)
	for _, t := range n.Taints {
		if len(shown) < tagsShown && !quietTaint(n, t) {
			shown = append(shown, taintTag(v, t))
		}
	}
	for _, key := range shownLabels(n.Labels) {
		if len(shown) == tagsShown {
			break
		}
		shown = append(shown, labelTag(v, key, n.Labels[key]))
	}
	return shown, all - len(shown)
}

func taintTag(v *ListView, t node.Taint) tag {
	q := firstPage(v.Page.Query)
	q.Taint = node.Taint{Key: t.Key, Value: t.Value, Effect: t.Effect}.String()
	return tag{Short: ui.Unprefixed(q.Taint), Full: q.Taint, URL: ui.NodesURL(v.Cluster, q), Taint: true}
}

func labelTag(v *ListView, key, value string) tag {
	q := firstPage(v.Page.Query)
	q.Label = key + "=" + value
	return tag{Short: ui.Unprefixed(q.Label), Full: q.Label, URL: ui.NodesURL(v.Cluster, q)}
}

// quietTaint reports whether a taint only repeats the status.
func quietTaint(n *node.Node, t node.Taint) bool {
	return n.Unschedulable && t.Key == "node.kubernetes.io/unschedulable"
}

// shownLabels returns the keys of the labels that say more than the other columns:
// a team's own keys before those with a domain.
func shownLabels(labels map[string]string) []string {
	keys := slices.DeleteFunc(slices.Sorted(maps.Keys(labels)), quietLabel)
	own := slices.DeleteFunc(slices.Clone(keys), hasDomain)
	return append(own, slices.DeleteFunc(keys, func(key string) bool { return !hasDomain(key) })...)
}

func hasDomain(key string) bool { return strings.Contains(key, "/") }

// quietLabel reports whether another column already shows a label, or few need it.
func quietLabel(key string) bool {
	if node.IsPoolLabel(key) {
		return true
	}
	domain, name, found := strings.Cut(key, "/")
	if !found {
		return false
	}
	switch domain {
	case "topology.kubernetes.io", "node-role.kubernetes.io":
		return true
	case "kubernetes.io":
		return name == "hostname" || name == "os" || name == "arch"
	default:
		return strings.HasPrefix(domain, "beta.") || strings.HasPrefix(domain, "failure-domain.")
	}
}

// allTags returns all taints and labels, one on each line.
func allTags(n *node.Node) string {
	lines := make([]string, 0, len(n.Taints)+len(n.Labels))
	for _, t := range n.Taints {
		lines = append(lines, t.String())
	}
	for _, key := range slices.Sorted(maps.Keys(n.Labels)) {
		lines = append(lines, key+"="+n.Labels[key])
	}
	return strings.Join(lines, "\n")
}

// rowOperationOf returns the operation that makes sense for a node.
func rowOperationOf(n *node.Node) string {
	if n.Unschedulable {
		return operation.Uncordon
	}
	return operation.Cordon
}

// oneVals returns hx-vals for an operation on one node.
func oneVals(operation, name string) string {
	vals, err := json.Marshal(map[string]string{"operation": operation, "node": name})
	if err != nil {
		return "{}" // two strings always marshal
	}
	return string(vals)
}
