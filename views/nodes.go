package views

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"kube-node-manager/services/node"
)

// option is one choice of a select.
type option struct{ Value, Text string }

// pair is a hidden field, or a line of facts.
type pair struct{ Name, Value string }

// stripPart is one state of the strip; X and Width are of 1000.
type stripPart struct {
	Kind    string // class: "ok", "warn", "hold", "bad"
	Count   int
	X       int
	Width   int
	URL     string
	Current bool
}

// stripParts lays the four states out in the strip. A part that exists is never
// thinner than a person can see, at the cost of the widest.
func stripParts(v NodesView) []stripPart {
	s := v.Page.Summary
	parts := []stripPart{
		{Kind: "ok", Count: s.Ready, URL: stripURL(v, node.StatusReady, node.Schedulable)},
		{Kind: "warn", Count: s.Limited, URL: stripURL(v, node.StatusReady, node.Limited)},
		{Kind: "hold", Count: s.Cordoned, URL: stripURL(v, node.StatusReady, node.Cordoned)},
		{Kind: "bad", Count: s.NotReady, URL: stripURL(v, node.StatusNotReady, "")},
	}
	layStrip(parts)
	here := NodesURL(v.Cluster, firstPage(v.Page.Query))
	for i := range parts {
		if parts[i].Current = parts[i].URL == here; parts[i].Current {
			parts[i].URL = stripURL(v, "", "") // a second click takes the filter off
		}
	}
	return parts
}

const (
	stripWidth = 1000
	stripLeast = 6
	stripGap   = 2
)

func layStrip(parts []stripPart) {
	total, shown, widest := 0, 0, 0
	for i, p := range parts {
		total += p.Count
		if p.Count > 0 {
			shown++
		}
		if p.Count > parts[widest].Count {
			widest = i
		}
	}
	if total == 0 {
		return
	}
	room := stripWidth - stripGap*(shown-1)
	left := room
	for i := range parts {
		if parts[i].Count > 0 {
			parts[i].Width = max(parts[i].Count*room/total, stripLeast)
			left -= parts[i].Width
		}
	}
	parts[widest].Width += left
	x := 0
	for i := range parts {
		parts[i].X = x
		if parts[i].Count > 0 {
			x += parts[i].Width + stripGap
		}
	}
}

// stripURL filters by state alone: the strip counts the whole cluster, so what
// it leads to must not be narrowed by the other filters.
func stripURL(v NodesView, status, scheduling string) string {
	q := v.Page.Query
	return NodesURL(v.Cluster, node.Query{Status: status, Scheduling: scheduling, Sort: q.Sort, Desc: q.Desc, Size: q.Size, Apply: q.Apply})
}

// firstPage is a query on its first page and from the cache.
func firstPage(q node.Query) node.Query {
	q.Page, q.Fresh = 0, false
	return q
}

func freshNodesURL(v NodesView) string {
	q := v.Page.Query
	q.Fresh = true
	return NodesURL(v.Cluster, q)
}

func statusOptions(ctx context.Context) []option {
	return []option{
		{node.StatusReady, T(ctx, "status_ready")},
		{node.StatusNotReady, T(ctx, "status_notready")},
		{node.StatusNoContact, T(ctx, "status_nocontact")},
		{node.StatusUnknown, T(ctx, "status_unknown")},
	}
}

func schedulingOptions(ctx context.Context) []option {
	return []option{
		{node.Schedulable, T(ctx, "sched_schedulable")},
		{node.Limited, T(ctx, "sched_limited")},
		{node.Cordoned, T(ctx, "sched_cordoned")},
	}
}

// roleOptions are the roles that occur, and the one asked for even when it does
// not: a filter that is on must be seen.
func roleOptions(_ context.Context, v NodesView) []option {
	roles := v.Page.Summary.Roles
	if q := v.Page.Query.Role; q != "" && !slices.Contains(roles, q) {
		roles = append(slices.Clone(roles), q)
	}
	options := make([]option, len(roles))
	for i, role := range roles {
		options[i] = option{role, role}
	}
	return options
}

// token is a filter in the search box and the address without it.
type token struct{ Value, Without string }

func tokens(ctx context.Context, v NodesView) []token {
	var out []token
	if q := firstPage(v.Page.Query); q.Label != "" {
		value := q.Label
		q.Label = ""
		out = append(out, token{value, NodesURL(v.Cluster, q)})
	}
	if q := firstPage(v.Page.Query); q.Taint != "" {
		value := q.Taint
		q.Taint = ""
		out = append(out, token{T(ctx, "token_taint", "Taint", value), NodesURL(v.Cluster, q)})
	}
	return out
}

// keptFields are the parts of the query that the search form has no field for.
func keptFields(q node.Query) []pair {
	values := QueryValues(firstPage(q))
	var out []pair
	for _, name := range []string{"label", "taint", "sort", "dir", "size", "apply"} {
		if value := values.Get(name); value != "" {
			out = append(out, pair{name, value})
		}
	}
	return out
}

// queryFields are the filters that say which nodes "all" means. Two of them have
// the name of what an operation sets, and are told from that.
func queryFields(q node.Query) []pair {
	return []pair{
		{"q", q.Text},
		{"status", q.Status},
		{"sched", q.Scheduling},
		{"role", q.Role},
		{"filter.label", q.Label},
		{"filter.taint", q.Taint},
	}
}

// unfilteredURL keeps the order of the table and drops what narrows it.
func unfilteredURL(v NodesView) string {
	q := v.Page.Query
	return NodesURL(v.Cluster, node.Query{Sort: q.Sort, Desc: q.Desc, Size: q.Size, Apply: q.Apply})
}

// sortURL sorts by a column, or turns its order round. The columns where the
// fullest is looked for begin with the largest.
func sortURL(v NodesView, key string) string {
	q := firstPage(v.Page.Query)
	if sortKey(q) == key {
		q.Desc = !q.Desc
	} else {
		q.Sort, q.Desc = key, key == "cpu" || key == "memory" || key == "pods"
	}
	return NodesURL(v.Cluster, q)
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

func pageURL(v NodesView, number int) string {
	q := v.Page.Query
	q.Page, q.Fresh = number, false
	return NodesURL(v.Cluster, q)
}

func sizeURL(v NodesView, size int) string {
	q := firstPage(v.Page.Query)
	q.Size = size
	return NodesURL(v.Cluster, q)
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
		return joined(names[:listShown]) + " " + T(ctx, "plan_more", "N", Number(rest))
	}
	return joined(names)
}

func joined(words []string) string { return strings.Join(words, ", ") }

// applyURL is where the selection goes that a template is to be applied to.
func (a ApplyTemplate) applyURL(cluster string) string {
	return withQuery(ApplyURL(cluster), url.Values{"kind": {a.Kind}, "template": {strconv.FormatInt(a.ID, 10)}})
}

// withoutApply is the table for its own sake.
func withoutApply(v NodesView) string {
	q := firstPage(v.Page.Query)
	q.Apply = ""
	return NodesURL(v.Cluster, q)
}
