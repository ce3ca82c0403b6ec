package nodes

import (
	"cmp"
	"context"
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

func freshNodesURL(v *ListView) string {
	q := v.Page.Query
	q.Fresh = true
	return ui.NodesURL(v.Cluster, q)
}

// unfilteredURL returns the table without filters, in the same order.
func unfilteredURL(v *ListView) string {
	return ui.NodesURL(v.Cluster, unfiltered(v.Page.Query))
}

// unfiltered returns a query without filters, in the same order.
func unfiltered(q node.Query) node.Query {
	return node.Query{
		Clusters: q.Clusters, Group: q.Group, Fold: q.Fold, Cols: q.Cols,
		Sort: q.Sort, Desc: q.Desc, Size: q.Size, Apply: q.Apply,
	}
}

// sortURL returns the table sorted by a column, in reverse if it already is.
func sortURL(v *ListView, c column) string {
	q := firstPage(v.Page.Query)
	if sortKey(q) == c.Sort {
		q.Desc = !q.Desc
	} else {
		q.Sort, q.Desc = c.Sort, c.LargestFirst
	}
	return ui.NodesURL(v.Cluster, q)
}

func sortKey(q node.Query) string { return cmp.Or(q.Sort, node.SortName) }

func ariaSort(q node.Query) string {
	if q.Desc {
		return "descending"
	}
	return "ascending"
}

func pageSize(q node.Query) int { return cmp.Or(q.Size, node.PageSizes()[0]) }

func pageNumber(q node.Query) int { return max(q.Page, 1) }

// pageURL returns the address of each page of the table.
func pageURL(v *ListView) func(page int) string {
	return func(page int) string {
		q := v.Page.Query
		q.Page, q.Fresh = page, false
		return ui.NodesURL(v.Cluster, q)
	}
}

func sizeURL(v *ListView, size int) string {
	q := firstPage(v.Page.Query)
	q.Size = size
	return ui.NodesURL(v.Cluster, q)
}

func sizeID(size int) string { return "size-" + strconv.Itoa(size) }

// rowRange returns the numbers of the first and the last node of a page.
func rowRange(p node.Page) (first, last int) {
	shown := shownNodes(p)
	if shown == 0 {
		return 0, 0
	}
	return p.Before + 1, p.Before + shown
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
