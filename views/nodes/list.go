package nodes

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

// firstPage is a query on its first page and from the cache.
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

// roleOptions are the roles that occur, and the one asked for even when it does
// not: a filter that is on must be seen.
func roleOptions(_ context.Context, v ListView) []ui.Option {
	roles := v.Page.Summary.Roles
	if q := v.Page.Query.Role; q != "" && !slices.Contains(roles, q) {
		roles = append(slices.Clone(roles), q)
	}
	options := make([]ui.Option, len(roles))
	for i, role := range roles {
		options[i] = ui.Option{Value: role, Text: role}
	}
	return options
}

// token is a filter in the search box and the address without it.
type token struct{ Value, Without string }

func tokens(ctx context.Context, v ListView) []token {
	var out []token
	if q := firstPage(v.Page.Query); q.Label != "" {
		value := q.Label
		q.Label = ""
		out = append(out, token{value, ui.NodesURL(v.Cluster, q)})
	}
	if q := firstPage(v.Page.Query); q.Taint != "" {
		value := q.Taint
		q.Taint = ""
		out = append(out, token{ui.T(ctx, "token_taint", "Taint", value), ui.NodesURL(v.Cluster, q)})
	}
	return out
}

// keptFields are the parts of the query that the search form has no field for.
func keptFields(q node.Query) []ui.Pair {
	values := ui.QueryValues(firstPage(q))
	var out []ui.Pair
	for _, name := range []string{"label", "taint", "sort", "dir", "size", "apply"} {
		if value := values.Get(name); value != "" {
			out = append(out, ui.Pair{Name: name, Value: value})
		}
	}
	return out
}

// queryFields are the filters that say which nodes "all" means. Two of them have
// the name of what an operation sets, and are told from that.
func queryFields(q node.Query) []ui.Pair {
	return []ui.Pair{
		{Name: "q", Value: q.Text},
		{Name: "status", Value: q.Status},
		{Name: "sched", Value: q.Scheduling},
		{Name: "role", Value: q.Role},
		{Name: "filter.label", Value: q.Label},
		{Name: "filter.taint", Value: q.Taint},
	}
}

// unfilteredURL keeps the order of the table and drops what narrows it.
func unfilteredURL(v ListView) string {
	q := v.Page.Query
	return ui.NodesURL(v.Cluster, node.Query{Sort: q.Sort, Desc: q.Desc, Size: q.Size, Apply: q.Apply})
}

// sortURL sorts by a column, or turns its order round.
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

func pageURL(v ListView, number int) string {
	q := v.Page.Query
	q.Page, q.Fresh = number, false
	return ui.NodesURL(v.Cluster, q)
}

func sizeURL(v ListView, size int) string {
	q := firstPage(v.Page.Query)
	q.Size = size
	return ui.NodesURL(v.Cluster, q)
}

func sizeID(size int) string { return "size-" + strconv.Itoa(size) }

// pageRange gives the first and last row number of the page shown.
func pageRange(p node.Page) (first, last int) {
	if len(p.Nodes) == 0 {
		return 0, 0
	}
	first = (pageNumber(p.Query)-1)*pageSize(p.Query) + 1
	return first, first + len(p.Nodes) - 1
}

// listShown is how many of the unknown names of a list are written out.
const listShown = 20

func listedNames(ctx context.Context, names []string) string {
	if rest := len(names) - listShown; rest > 0 {
		return ui.Joined(names[:listShown]) + " " + ui.T(ctx, "plan_more", "N", ui.Number(rest))
	}
	return ui.Joined(names)
}
