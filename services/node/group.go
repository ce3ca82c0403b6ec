package node

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"kube-node-manager/services"
)

// GroupLabel begins a Query.Group that names a label: "label:team".
const GroupLabel = "label:"

// Keys of groups that no value of a label can have.
const (
	GroupNone  = NoValue // the nodes without a value
	GroupEmpty = "="     // the nodes on which the label is empty
)

// FoldAll begins a Query.Fold of which the other keys are those of the groups that are not
// folded.
const FoldAll = "*"

// Keys of the groups by status: each node is in the group of its worst state, as in the
// summary.
const (
	GroupReady    = "ready"
	GroupLimited  = Limited
	GroupCordoned = Cordoned
	GroupNotReady = "notready"
)

// Groupings are the values of Query.Group, besides those that name a label.
func Groupings() []string {
	return []string{"pool", "zone", "version", "type", "role", "status", "cluster"}
}

// Group is the nodes with the same value of what the table is grouped by.
type Group struct {
	Key      string `json:"key"` // the value, GroupNone or GroupEmpty
	Nodes    int    `json:"nodes"`
	NotReady int    `json:"notReady"`
	Cordoned int    `json:"cordoned"`

	AllocatableCPU    int64  `json:"allocatableMilliCPU"`
	AllocatableMemory int64  `json:"allocatableMemoryBytes"`
	AllocatablePods   int64  `json:"allocatablePods"`
	Usage             *Usage `json:"usage,omitempty"` // nil while it is unknown

	Folded bool `json:"-"`

	members []*Node
}

// Section is the part of a group that one page of the table shows.
type Section struct {
	Group
	Rows      []*Node // none if the group is folded
	Continued bool    // the group began on an earlier page
	Page      int     // on which it begins
}

// valueOf returns the function from a node to the key of its group.
func (q Query) valueOf() func(n *Node) string {
	switch q.Group {
	case "pool":
		return func(n *Node) string { return cmp.Or(n.Pool, GroupNone) }
	case "zone":
		return func(n *Node) string { return cmp.Or(n.Zone, GroupNone) }
	case "version":
		return func(n *Node) string { return cmp.Or(n.Version, GroupNone) }
	case "type":
		return func(n *Node) string { return cmp.Or(n.InstanceType(), GroupNone) }
	case "role":
		return func(n *Node) string { return cmp.Or(strings.Join(n.Roles, "+"), GroupNone) }
	case "cluster":
		return func(n *Node) string { return n.Cluster }
	case "status":
		return func(n *Node) string { return statusGroups()[severity(n)] }
	default:
		return labelValue(strings.TrimPrefix(q.Group, GroupLabel))
	}
}

func labelValue(key string) func(n *Node) string {
	return func(n *Node) string {
		value, ok := n.Labels[key]
		if !ok {
			return GroupNone
		}
		return cmp.Or(value, GroupEmpty)
	}
}

// statusGroups are the keys of the groups by status, by severity.
func statusGroups() []string { return []string{GroupReady, GroupLimited, GroupCordoned, GroupNotReady} }

// InstanceType returns the type of the machine, as its cloud calls it, or "".
func (n *Node) InstanceType() string {
	return cmp.Or(n.Labels[corev1.LabelInstanceTypeStable], n.Labels[corev1.LabelInstanceType])
}

// checkGroup returns what is wrong with the grouping of a query.
func (q Query) checkGroup() (wrong services.FieldErrors) {
	key, isLabel := strings.CutPrefix(q.Group, GroupLabel)
	switch {
	case isLabel && len(validation.IsQualifiedName(key)) > 0:
		wrong.Add("group", "error_group_label", "Key", key)
	case !isLabel:
		wrong = services.CheckChoice("group", q.Group, append(Groupings(), GroupLabel+"KEY"))
	}
	for _, f := range []services.Filter{{Field: "in", Value: q.In}, {Field: "fold", Value: q.Fold}} {
		switch {
		case f.Value != "" && q.Group == "":
			wrong.Add(f.Field, "error_group_missing")
		case len(f.Value) > maxText:
			wrong.Add(f.Field, "error_long", "Max", maxText)
		}
	}
	return wrong
}

// Folds reports whether the group with that key is folded.
func (q Query) Folds(key string) bool {
	keys := strings.Split(q.Fold, ",")
	return slices.Contains(keys, key) != (keys[0] == FoldAll)
}

// ToggleFold returns a Query.Fold with which the group with that key is folded if it was
// not, and the other way round.
func (q Query) ToggleFold(key string) string {
	keys := slices.DeleteFunc(strings.Split(q.Fold, ","), func(k string) bool { return k == "" })
	others := slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return k == key })
	if len(others) == len(keys) {
		others = append(others, key)
	}
	return strings.Join(others, ",")
}

// group puts sorted nodes into groups. Their order inside the groups stays.
func (q Query) group(nodes []*Node, usage Usages) []Group {
	valueOf, at := q.valueOf(), map[string]int{}
	var groups []Group
	for _, n := range nodes {
		key := valueOf(n)
		i, ok := at[key]
		if !ok {
			i = len(groups)
			at[key] = i
			groups = append(groups, Group{Key: key, Usage: &Usage{}})
		}
		groups[i].add(n, usage)
	}
	slices.SortFunc(groups, func(a, b Group) int { return q.compareGroups(a.Key, b.Key) })
	for i := range groups {
		groups[i].Folded = q.Folds(groups[i].Key)
	}
	return groups
}

// add adds a node. The usage of the group is unknown if that of a node is.
func (g *Group) add(n *Node, usage Usages) {
	g.members = append(g.members, n)
	g.Nodes++
	if n.Status != StatusReady {
		g.NotReady++
	}
	if n.Unschedulable {
		g.Cordoned++
	}
	g.AllocatableCPU += n.AllocatableCPU
	g.AllocatableMemory += n.AllocatableMemory
	g.AllocatablePods += n.AllocatablePods
	u, known := usage.Of(n)
	switch {
	case !known:
		g.Usage = nil
	case g.Usage != nil:
		*g.Usage = g.Usage.plus(u)
	}
}

// Count returns how many nodes of the group are as a function says.
func (g Group) Count(is func(n *Node) bool) int {
	count := 0
	for _, n := range g.members {
		if is(n) {
			count++
		}
	}
	return count
}

// compareGroups orders groups by their value: states from bad to good, versions from new
// to old. The nodes without a value come last.
func (q Query) compareGroups(a, b string) int {
	switch {
	case a == GroupNone || b == GroupNone:
		return cmp.Compare(btoi(a == GroupNone), btoi(b == GroupNone))
	case q.Group == "status":
		return cmp.Compare(slices.Index(statusGroups(), b), slices.Index(statusGroups(), a))
	case q.Group == "version":
		return compareNames(b, a)
	default:
		return compareNames(a, b)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// ungroup returns the nodes of all groups, in their order.
func ungroup(groups []Group) []*Node {
	var nodes []*Node
	for _, g := range groups {
		nodes = append(nodes, g.members...)
	}
	return nodes
}

// height returns the number of rows that a group takes in the pages of a table: one for
// each node, and one in all if it is folded.
func (g Group) height() int {
	if g.Folded {
		return 1
	}
	return len(g.members)
}

// divide returns what a page of size rows from the row first on shows, and how many nodes
// come before it.
func divide(groups []Group, first, size int) (sections []Section, before int) {
	at := 0 // the row in which the group begins
	for _, g := range groups {
		from, to := max(first-at, 0), min(first+size-at, g.height())
		at += g.height()
		switch {
		case at <= first:
			before += g.Nodes
		case from >= to:
			return sections, before
		case g.Folded:
			sections = append(sections, Section{Group: g, Page: first/size + 1})
		default:
			before += from
			begins := (at-g.height())/size + 1
			sections = append(sections, Section{Group: g, Rows: g.members[from:to], Continued: from > 0, Page: begins})
		}
	}
	return sections, before
}
