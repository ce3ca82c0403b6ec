package nodes

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/a-h/templ"

	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

// firstPage returns a query for its first page, from the cache.
func firstPage(q node.Query) node.Query {
	q.Page, q.Fresh = 0, false
	return q
}

func freshNodesURL(v ListView) string {
	q := v.Page.Query
	q.Fresh = true
	return ui.NodesURL(v.Cluster, q)
}

func statusOptions(ctx context.Context) []ui.Option {
	return []ui.Option{
		{Value: node.StatusReady, Text: ui.T(ctx, "status_ready")},
		{Value: node.StatusNotReady, Text: ui.T(ctx, "status_notready")},
		{Value: node.StatusNoContact, Text: ui.T(ctx, "status_nocontact")},
		{Value: node.StatusUnknown, Text: ui.T(ctx, "status_unknown")},
	}
}

func schedulingOptions(ctx context.Context) []ui.Option {
	return []ui.Option{
		{Value: node.Schedulable, Text: ui.T(ctx, "sched_schedulable")},
		{Value: node.Limited, Text: ui.T(ctx, "sched_limited")},
		{Value: node.Cordoned, Text: ui.T(ctx, "sched_cordoned")},
	}
}

// roleOptions are the roles that exist, and that of the filter even if no node has
// it: a filter that is set must be visible.
func roleOptions(v ListView) []ui.Option {
	roles, filter := v.Page.Summary.Roles, v.Page.Query.Role
	if filter != "" && !slices.Contains(roles, filter) {
		roles = append(slices.Clone(roles), filter)
	}
	options := make([]ui.Option, len(roles))
	for i, role := range roles {
		options[i] = ui.Option{Value: role, Text: role}
	}
	return options
}

// token is a filter in the search box and the address of the table without it.
type token struct{ Value, Without string }

// tokens are the filters that are set by a chip in the table.
func tokens(ctx context.Context, v ListView) []token {
	var out []token
	q := firstPage(v.Page.Query)
	for _, cluster := range q.Clusters {
		out = append(out, token{cluster, clusterURL(v, cluster)})
	}
	if q.Label != "" {
		without := q
		without.Label = ""
		out = append(out, token{q.Label, ui.NodesURL(v.Cluster, without)})
	}
	if q.Taint != "" {
		without := q
		without.Taint = ""
		out = append(out, token{ui.T(ctx, "token_taint", "Taint", q.Taint), ui.NodesURL(v.Cluster, without)})
	}
	return out
}

// keptFields are the parts of the query for which the search form has only hidden
// fields.
func keptFields(q node.Query) []ui.Pair {
	values := ui.QueryValues(firstPage(q))
	var out []ui.Pair
	for _, name := range []string{"cluster", "label", "taint", "sort", "dir", "size", "apply"} {
		for _, value := range values[name] {
			out = append(out, ui.Pair{Name: name, Value: value})
		}
	}
	return out
}

// queryFields are the filters that say which nodes "all" means. Two of them would
// have the same names as parameters of operations, so they have a prefix.
func queryFields(q node.Query) []ui.Pair {
	fields := []ui.Pair{
		{Name: "q", Value: q.Text},
		{Name: "status", Value: q.Status},
		{Name: "sched", Value: q.Scheduling},
		{Name: "role", Value: q.Role},
		{Name: "filter.label", Value: q.Label},
		{Name: "filter.taint", Value: q.Taint},
	}
	for _, cluster := range q.Clusters {
		fields = append(fields, ui.Pair{Name: "filter.cluster", Value: cluster})
	}
	return fields
}

// unfilteredURL returns the table without filters, in the same order.
func unfilteredURL(v ListView) string {
	return ui.NodesURL(v.Cluster, unfiltered(v.Page.Query))
}

// unfiltered returns a query without filters, in the same order.
func unfiltered(q node.Query) node.Query {
	return node.Query{Clusters: q.Clusters, Sort: q.Sort, Desc: q.Desc, Size: q.Size, Apply: q.Apply}
}

// sortURL returns the table sorted by a column, in reverse if it already is.
func sortURL(v ListView, c column) string {
	q := firstPage(v.Page.Query)
	if sortKey(q) == c.Sort {
		q.Desc = !q.Desc
	} else {
		q.Sort, q.Desc = c.Sort, c.LargestFirst
	}
	return ui.NodesURL(v.Cluster, q)
}

func sortKey(q node.Query) string { return cmp.Or(q.Sort, node.SortKeys()[0]) }

func ariaSort(q node.Query) string {
	if q.Desc {
		return "descending"
	}
	return "ascending"
}

func pageSize(q node.Query) int { return cmp.Or(q.Size, node.PageSizes()[0]) }

func pageNumber(q node.Query) int { return max(q.Page, 1) }

// pageURL returns the address of each page of the table.
func pageURL(v ListView) func(page int) string {
	return func(page int) string {
		q := v.Page.Query
		q.Page, q.Fresh = page, false
		return ui.NodesURL(v.Cluster, q)
	}
}

func sizeURL(v ListView, size int) string {
	q := firstPage(v.Page.Query)
	q.Size = size
	return ui.NodesURL(v.Cluster, q)
}

func sizeID(size int) string { return "size-" + strconv.Itoa(size) }

// rowRange returns the numbers of the first and the last row of a page.
func rowRange(p node.Page) (first, last int) {
	if len(p.Nodes) == 0 {
		return 0, 0
	}
	first = (pageNumber(p.Query)-1)*pageSize(p.Query) + 1
	return first, first + len(p.Nodes) - 1
}

// unknownShown is how many unknown names are listed.
const unknownShown = 20

// unknownText lists the first of the unknown names and counts the rest.
func unknownText(ctx context.Context, names []string) string {
	first, rest := ui.FirstNames(names, unknownShown)
	if rest == 0 {
		return ui.Joined(first)
	}
	return ui.Joined(first) + " " + ui.T(ctx, "plan_more", "N", ui.Number(rest))
}

// intoTable returns the attributes of a link that replaces the table.
func intoTable(address string) templ.Attributes {
	return templ.Attributes{"hx-get": address, "hx-push-url": "true", "hx-swap": "innerHTML scroll:top"}
}
