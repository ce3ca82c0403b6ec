package nodes

import (
	"context"
	"maps"
	"slices"

	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

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

// valueOptions are the values that exist, and that of the filter even if no node has it:
// a filter that is set must be visible.
func valueOptions(values []string, filter string) []ui.Option {
	if filter != "" && filter != node.NoValue && !slices.Contains(values, filter) {
		values = append(slices.Clone(values), filter)
	}
	options := make([]ui.Option, len(values))
	for i, value := range values {
		options[i] = ui.Option{Value: value, Text: value}
	}
	return options
}

// placeOptions are valueOptions with one for the nodes without a value.
func placeOptions(ctx context.Context, name string, values []string, filter string) []ui.Option {
	none := ui.Option{Value: node.NoValue, Text: ui.T(ctx, "pick_no_"+name)}
	return append(valueOptions(values, filter), none)
}

// token is a filter in the search box and the address of the table without it.
type token struct{ Value, Without string }

// tokens are the filters that have no field which is always visible.
func tokens(ctx context.Context, v *ListView) []token {
	var out []token
	add := func(value, text string, remove func(q *node.Query)) {
		if value != "" {
			q := firstPage(v.Page.Query)
			remove(&q)
			out = append(out, token{text, ui.NodesURL(v.Cluster, q)})
		}
	}
	q := v.Page.Query
	for _, cluster := range q.Clusters {
		out = append(out, token{cluster, clusterURL(v, cluster)})
	}
	add(q.Version, q.Version, func(q *node.Query) { q.Version = "" })
	add(q.Condition, q.Condition, func(q *node.Query) { q.Condition = "" })
	add(q.Label, q.Label, func(q *node.Query) { q.Label = "" })
	add(q.Taint, ui.T(ctx, "token_taint", "Taint", q.Taint), func(q *node.Query) { q.Taint = "" })
	add(q.In, groupText(ctx, q), func(q *node.Query) { q.In = "" })
	return out
}

// foundFields are the parts of the query that have a field in the search form.
func foundFields() []string {
	return []string{
		"q", "status", "sched", "role", "pool", "zone", "version", "condition", "label", "taint",
	}
}

// keptFields are the other parts of the query: the search form has hidden fields for
// them.
func keptFields(q node.Query) []ui.Pair {
	values := ui.QueryValues(firstPage(q))
	var out []ui.Pair
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[name] {
			if !slices.Contains(foundFields(), name) && name != "group" {
				out = append(out, ui.Pair{Name: name, Value: value})
			}
		}
	}
	return out
}

// queryFields are the filters that say which nodes "all" means. All but the first have
// a prefix: some have the same names as parameters of operations.
func queryFields(q node.Query) []ui.Pair {
	values := ui.QueryValues(q)
	fields := []ui.Pair{{Name: "q", Value: q.Text}}
	for _, name := range foundFields()[1:] {
		fields = append(fields, ui.Pair{Name: "filter." + name, Value: values.Get(name)})
	}
	for _, cluster := range q.Clusters {
		fields = append(fields, ui.Pair{Name: "filter.cluster", Value: cluster})
	}
	if q.In != "" {
		fields = append(fields, ui.Pair{Name: "filter.group", Value: q.Group}, ui.Pair{Name: "filter.in", Value: q.In})
	}
	return fields
}
