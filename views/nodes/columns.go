package nodes

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

// column is a column of the table of nodes or of its CSV.
type column = ui.Column[*node.Node]

// Columns are the columns of the table and of its CSV, in the order of both: those that
// v.Columns names, or the usual ones, with which the CSV has more than the table. The CSV
// needs nothing of v but the cluster and these names.
func Columns(v *ListView) []column {
	all := slices.Concat(stateColumns(v), placeColumns(v), useColumns(v), recordColumns(v))
	first := all[:1:1] // the name
	if v.Cluster == "" {
		first = append(first, clusterColumn(v))
	}
	if len(v.Columns) == 0 {
		return append(first, all[1:]...)
	}
	all = append(all, moreColumns(v)...)
	for _, key := range v.Columns {
		label, isLabel := strings.CutPrefix(key, node.GroupLabel)
		at := slices.IndexFunc(all, func(c column) bool { return c.Key == key })
		switch {
		case isLabel:
			first = append(first, labelColumn(key, label))
		case at >= 0:
			first = append(first, all[at])
		}
	}
	return first
}

// cellOf returns a function for Column.Cell from one that also takes the view.
func cellOf(v *ListView, cell func(*ListView, *node.Node) templ.Component) func(*node.Node) templ.Component {
	return func(n *node.Node) templ.Component { return cell(v, n) }
}

func stateColumns(v *ListView) []column {
	return []column{
		{
			Title: "col_name", Class: "name", Sort: "name", Spacer: nameSpacer(v.Page.Summary.LongestName),
			Cell: cellOf(v, nameCell), CSV: "name", Value: func(n *node.Node) string { return n.Name },
		},
		{
			Key: "status", Title: "col_status", Class: "status", Sort: "status", Cell: cellOf(v, statusCell),
			CSV: "status", Value: (*node.Node).StatusText,
		},
		{CSV: "scheduling", Value: func(n *node.Node) string { return n.Scheduling }},
		{
			Key: "roles", Title: "col_roles", Class: "roles", Cell: cellOf(v, rolesCell),
			CSV: "roles", Value: func(n *node.Node) string { return strings.Join(n.Roles, " ") },
		},
	}
}

func placeColumns(v *ListView) []column {
	return []column{
		{
			Key: "pool", Title: "col_pool", Sort: "pool", Spacer: spacer(longest(v.Page.Summary.Pools)),
			Cell: cellOf(v, poolCell),
			CSV:  "pool", Value: func(n *node.Node) string { return n.Pool },
		},
		{
			Key: "zone", Title: "col_zone", Sort: "zone", Spacer: spacer(longestZone(v)), Cell: cellOf(v, zoneCell),
			CSV: "zone", Value: func(n *node.Node) string { return n.Zone },
		},
		{
			Key: "version", Title: "col_version", Sort: "version", Spacer: spacer(longest(v.Page.Summary.Versions)),
			Cell: cellOf(v, versionCell), CSV: "version", Value: func(n *node.Node) string { return n.Version },
		},
	}
}

func useColumns(v *ListView) []column {
	return []column{
		{
			Key: "cpu", Title: "col_cpu", Class: "use-col", Sort: "cpu", LargestFirst: true, Cell: cellOf(v, cpuCell),
		},
		{
			Key: "memory", Title: "col_memory", Class: "use-col", Sort: "memory", LargestFirst: true,
			Cell: cellOf(v, memoryCell),
		},
		{Key: "pods", Title: "col_pods", Class: "num", Sort: "pods", LargestFirst: true, Cell: cellOf(v, podsCell)},
		{Key: "tags", Title: "col_tags", Class: "tags", Cell: cellOf(v, tagsCell)},
	}
}

func recordColumns(v *ListView) []column {
	return []column{
		{CSV: "internalIP", Value: func(n *node.Node) string { return n.InternalIP }},
		{
			Key: "age", Title: "col_age", Class: "num", Sort: "age", Cell: cellOf(v, ageCell),
			CSV: "createdAt", Value: func(n *node.Node) string { return ui.RFC3339(n.CreatedAt) },
		},
		{CSV: "reason", Value: func(n *node.Node) string { return n.Reason }},
		{CSV: "reasonBy", Value: func(n *node.Node) string { return n.ReasonBy }},
		{CSV: "reasonSince", Value: func(n *node.Node) string { return timeText(n.ReasonSince) }},
		{CSV: "labels", Value: labelsText},
		{CSV: "taints", Value: taintsText},
		{CSV: "noContact", Value: func(n *node.Node) string { return strconv.FormatBool(n.NoContact) }},
		{CSV: "problems", Value: func(n *node.Node) string { return strings.Join(n.Problems, " ") }},
	}
}

func timeText(t *time.Time) string {
	if t == nil {
		return ""
	}
	return ui.RFC3339(*t)
}

func labelsText(n *node.Node) string {
	pairs := make([]string, 0, len(n.Labels))
	for _, key := range slices.Sorted(maps.Keys(n.Labels)) {
		pairs = append(pairs, key+"="+n.Labels[key])
	}
	return strings.Join(pairs, " ")
}

func taintsText(n *node.Node) string {
	texts := make([]string, len(n.Taints))
	for i, t := range n.Taints {
		texts[i] = t.String()
	}
	return strings.Join(texts, " ")
}
