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

// tagsShown is how many chips a row has room for.
const tagsShown = 3

// statusKind gives a node's mark: the worst of its states wins.
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

// statusWords gives StatusText in two parts, since a phone puts the second on a
// line of its own.
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

// whyTitle is the whole of what the second line may have cut.
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

// splitName cuts a name where it may give way. Of a host name that is the
// domain, which its neighbours share; of another long name its middle, since
// cloud names differ at either end.
func splitName(name string) (head, tail string, host bool) {
	const keep = 12
	if dot := strings.IndexByte(name, '.'); dot > 0 {
		return name[:dot], name[dot:], true
	}
	if len(name) <= 2*keep {
		return name, "", false
	}
	return name[:len(name)-keep], name[len(name)-keep:], false
}

// splitZone cuts a zone's name after the region that all zones share:
// "eu-central-1a" beside "eu-central-1b" reads as "1a".
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

// longestZone returns the zone that needs the most room.
func longestZone(v ListView) string {
	zones := make([]string, len(v.Page.Summary.Zones))
	for i, name := range v.Page.Summary.Zones {
		_, zones[i] = splitZone(v.Page.Summary.Zones, name)
	}
	return longest(zones)
}

func usageOf(v ListView, name string) node.Usage { return v.Page.Usage[name] }

func usageKnown(v ListView, name string) bool {
	_, ok := v.Page.Usage[name]
	return ok
}

func podsNearFull(v ListView, n *node.Node) bool {
	p, ok := percent(usageOf(v, n.Name).Pods, n.AllocatablePods)
	return ok && p > 90
}

// specialRoles gives the roles worth a chip where the roles have no column:
// "worker" says nothing.
func specialRoles(roles []string) []string {
	return slices.DeleteFunc(slices.Clone(roles), func(role string) bool { return role == "worker" })
}

// tag is a label or a taint as a chip that filters the table by itself.
type tag struct {
	Short string // without the prefix of its key
	Full  string
	URL   string
	Taint bool
}

// tagsOf gives the chips of a row and how many labels and taints have none.
func tagsOf(v ListView, n *node.Node) (shown []tag, rest int) {
	all := len(n.Labels) + len(n.Taints)
	for _, t := range n.Taints {
		if len(shown) < tagsShown && !quietTaint(n, t) {
			shown = append(shown, taintTag(v, t))
		}
	}
	for _, key := range tellingLabels(n.Labels) {
		if len(shown) == tagsShown {
			break
		}
		shown = append(shown, labelTag(v, key, n.Labels[key]))
	}
	return shown, all - len(shown)
}

func taintTag(v ListView, t node.Taint) tag {
	q := firstPage(v.Page.Query)
	q.Taint = node.Taint{Key: t.Key, Value: t.Value, Effect: t.Effect}.String()
	return tag{Short: ui.Unprefixed(q.Taint), Full: q.Taint, URL: ui.NodesURL(v.Cluster, q), Taint: true}
}

func labelTag(v ListView, key, value string) tag {
	q := firstPage(v.Page.Query)
	q.Label = key + "=" + value
	return tag{Short: ui.Unprefixed(q.Label), Full: q.Label, URL: ui.NodesURL(v.Cluster, q)}
}

// quietTaint is true for the taint that repeats what the status says.
func quietTaint(n *node.Node, t node.Taint) bool {
	return n.Unschedulable && t.Key == "node.kubernetes.io/unschedulable"
}

// tellingLabels gives the keys of the labels that say something the other
// columns do not, a team's own keys before those with a domain.
func tellingLabels(labels map[string]string) []string {
	keys := slices.DeleteFunc(slices.Collect(maps.Keys(labels)), quietLabel)
	slices.SortFunc(keys, func(a, b string) int {
		if da, db := strings.Contains(a, "/"), strings.Contains(b, "/"); da != db {
			if da {
				return 1
			}
			return -1
		}
		return strings.Compare(a, b)
	})
	return keys
}

func quietLabel(key string) bool {
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

// allTags lists every taint and label, one a line.
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

// rowOperationOf gives the operation that makes sense for one node.
func rowOperationOf(n *node.Node) string {
	if n.Unschedulable {
		return operation.Uncordon
	}
	return operation.Cordon
}

// oneVals gives hx-vals for an operation on one node.
func oneVals(operation, name string) string {
	vals, err := json.Marshal(map[string]string{"operation": operation, "node": name})
	if err != nil {
		return "{}" // two strings always marshal
	}
	return string(vals)
}
