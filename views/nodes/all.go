package nodes

import (
	"context"
	"slices"

	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

// What the table of all clusters has beside that of one.

// heading returns the heading of the table.
func heading(ctx context.Context, v *ListView) string {
	if v.Cluster == "" {
		return ui.T(ctx, "nodes_all")
	}
	return v.Cluster
}

// listTitle returns the name of the table for screen readers.
func listTitle(ctx context.Context, v *ListView) string {
	if v.Cluster == "" {
		return ui.T(ctx, "nodes_of_all")
	}
	return ui.T(ctx, "nodes_of", "Cluster", v.Cluster)
}

// clusterOf returns the cluster of a row.
func clusterOf(v *ListView, n *node.Node) string {
	if v.Cluster == "" {
		return n.Cluster
	}
	return v.Cluster
}

// keyOf returns what a form calls the node of a row.
func keyOf(v *ListView, n *node.Node) string {
	if v.Cluster == "" {
		return n.Ref().String()
	}
	return n.Name
}

// memberOf returns the cluster of a name; the zero Member if there is none.
func memberOf(v *ListView, cluster string) Member {
	i := slices.IndexFunc(v.Clusters, func(m Member) bool { return m.Name == cluster })
	if i < 0 {
		return Member{}
	}
	return v.Clusters[i]
}

// opens reports whether nodes of a cluster can be chosen: the user may change them, and
// what the table shows of them is not only known from before.
func opens(v *ListView, cluster string) bool {
	return v.Cluster != "" || memberOf(v, cluster).MayChange && v.Page.Late(cluster) == nil
}

func mayChange(v *ListView, n *node.Node) bool { return v.MayChange && opens(v, n.Cluster) }

func mayDrain(v *ListView, n *node.Node) bool {
	return v.MayDrain && opens(v, n.Cluster) && (v.Cluster != "" || memberOf(v, n.Cluster).MayDrain)
}

// closedWhy says why a node cannot be chosen.
func closedWhy(ctx context.Context, v *ListView, n *node.Node) string {
	if err := v.Page.Late(n.Cluster); err != nil {
		return ui.NewProblem(ctx, err).Text
	}
	return ui.T(ctx, "all_not_yours", "Cluster", n.Cluster)
}

// choosable returns how many nodes "all that match" chooses.
func choosable(v *ListView) int {
	if v.Cluster != "" {
		return v.Page.Match
	}
	count := 0
	for cluster, nodes := range v.Page.Matching() {
		if opens(v, cluster) {
			count += nodes
		}
	}
	return count
}

// reloadTrigger says when the table is loaded again. The table of all clusters also asks
// by itself while one of them is missing: its return changes nothing that was shown.
func reloadTrigger(v *ListView) string {
	if len(lateReadings(v)) > 0 {
		return "nodes-changed from:body, every 5s"
	}
	return "nodes-changed from:body"
}

// lateReadings returns the clusters that do not answer.
func lateReadings(v *ListView) []node.Reading {
	return slices.DeleteFunc(slices.Clone(v.Page.Readings), func(r node.Reading) bool { return r.Problem == nil })
}

// clusterURL returns the table with or without a cluster among those of the filter.
func clusterURL(v *ListView, cluster string) string {
	q := firstPage(v.Page.Query)
	if i := slices.Index(q.Clusters, cluster); i >= 0 {
		q.Clusters = slices.Delete(slices.Clone(q.Clusters), i, i+1)
	} else {
		q.Clusters = append(slices.Clone(q.Clusters), cluster)
	}
	return ui.NodesURL(v.Cluster, q)
}

// onlyURL returns the table of one of the clusters.
func onlyURL(v *ListView, cluster string) string {
	q := firstPage(v.Page.Query)
	q.Clusters = []string{cluster}
	return ui.NodesURL(v.Cluster, q)
}

func longestCluster(v *ListView) string {
	names := make([]string, len(v.Clusters))
	for i, m := range v.Clusters {
		names[i] = m.Name
	}
	return longest(names)
}

// clusterColumn names the cluster of each row.
func clusterColumn(v *ListView) column {
	return column{
		Title: "col_cluster", Class: "of-cluster", Sort: "cluster", Spacer: spacer(longestCluster(v)),
		Cell: cellOf(v, clusterCell), CSV: "cluster", Value: func(n *node.Node) string { return n.Cluster },
	}
}

// clusterMenuText says which clusters the table has.
func clusterMenuText(ctx context.Context, v *ListView) string {
	chosen := len(v.Page.Query.Clusters)
	if chosen == 0 {
		return ui.T(ctx, "all_pick")
	}
	return ui.N(ctx, "all_picked", chosen, "Of", ui.Number(len(v.Clusters)))
}

// lateText says why a cluster does not answer, since when, and whether the table has
// what was known last.
func lateText(ctx context.Context, m Member, r node.Reading) string {
	texts := []string{ui.NewProblem(ctx, r.Problem).Text}
	if m.Down != nil && !m.Since.IsZero() {
		texts = append(texts, ui.T(ctx, "all_down_since", "Time", ui.ClockTime(ctx, m.Since)))
	}
	last := ui.T(ctx, "all_last_none")
	if r.Known() {
		last = ui.T(ctx, "all_last_shown", "Time", ui.ClockTime(ctx, r.AsOf))
	}
	return ui.Sentences(append(texts, last)...)
}

// noneHint says why the table is empty.
func noneHint(ctx context.Context, v *ListView) string {
	if v.Cluster == "" {
		return ui.T(ctx, "all_none_hint")
	}
	return ui.T(ctx, "nodes_none_hint")
}
