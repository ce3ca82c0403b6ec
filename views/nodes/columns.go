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

// Columns are the columns of the table and of its CSV, in the order of both. The
// CSV needs nothing of v but the cluster.
func Columns(v ListView) []column {
	all := slices.Concat(stateColumns(v), placeColumns(v), useColumns(v), recordColumns(v))
	if v.Cluster == "" {
		all = slices.Insert(all, 1, clusterColumn(v))
	}
	return all
}

// cellOf returns a function for Column.Cell from one that also takes the view.
func cellOf(v ListView, cell func(ListView, *node.Node) templ.Component) func(*node.Node) templ.Component {
	return func(n *node.Node) templ.Component { return cell(v, n) }
}

func stateColumns(v ListView) []column {
	return []column{
		{
			Title: "col_name", Class: "name", Sort: "name", Spacer: nameSpacer(v.Page.Summary.LongestName),
			Cell: cellOf(v, nameCell), CSV: "name", Value: func(n *node.Node) string { return n.Name },
		},
		{
			Title: "col_status", Class: "status", Sort: "status", Cell: cellOf(v, statusCell),
			CSV: "status", Value: (*node.Node).StatusText,
		},
		{CSV: "scheduling", Value: func(n *node.Node) string { return n.Scheduling }},
		{
			Title: "col_roles", Class: "roles", Cell: cellOf(v, rolesCell),
			CSV: "roles", Value: func(n *node.Node) string { return strings.Join(n.Roles, " ") },
		},
	}
}

func placeColumns(v ListView) []column {
	return []column{
		{
			Title: "col_pool", Sort: "pool", Spacer: spacer(longest(v.Page.Summary.Pools)), Cell: cellOf(v, poolCell),
			CSV: "pool", Value: func(n *node.Node) string { return n.Pool },
		},
		{
			Title: "col_zone", Sort: "zone", Spacer: spacer(longestZone(v)), Cell: cellOf(v, zoneCell),
			CSV: "zone", Value: func(n *node.Node) string { return n.Zone },
		},
		{
			Title: "col_version", Sort: "version", Spacer: spacer(longest(v.Page.Summary.Versions)),
			Cell: cellOf(v, versionCell), CSV: "version", Value: func(n *node.Node) string { return n.Version },
		},
	}
}

func useColumns(v ListView) []column {
	return []column{
		{Title: "col_cpu", Class: "use-col", Sort: "cpu", LargestFirst: true, Cell: cellOf(v, cpuCell)},
		{Title: "col_memory", Class: "use-col", Sort: "memory", LargestFirst: true, Cell: cellOf(v, memoryCell)},
		{Title: "col_pods", Class: "num", Sort: "pods", LargestFirst: true, Cell: cellOf(v, podsCell)},
		{Title: "col_tags", Class: "tags", Cell: cellOf(v, tagsCell)},
	}
}

func recordColumns(v ListView) []column {
	return []column{
		{CSV: "internalIP", Value: func(n *node.Node) string { return n.InternalIP }},
		{
			Title: "col_age", Class: "num", Sort: "age", Cell: cellOf(v, ageCell),
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
