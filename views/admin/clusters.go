package admin

import (
	"context"
	"time"

	"kube-node-manager/views/ui"
)

// clusterColumns are the columns of the page of all clusters.
func clusterColumns(manages bool, now time.Time) []ui.Column[ui.Cluster] {
	actions := clusterTestCell
	if manages {
		actions = clusterDoCell
	}
	return []ui.Column[ui.Cluster]{
		{Title: "col_cluster", Class: "name", Cell: clusterNameCell},
		{Title: "col_state", Cell: ui.CellAt(now, clusterStateCell)},
		{Title: "col_nodes", Class: "num", Cell: clusterNodesCell},
		{Title: "col_version", Cell: clusterVersionCell},
		{Title: "col_server", Cell: clusterServerCell},
		{Title: "col_source", Cell: clusterSourceCell},
		{Title: "col_checked", Class: "num", Cell: ui.CellAt(now, clusterHeardCell)},
		{Title: "col_actions", Hidden: true, Cell: actions},
	}
}

func clusterTestWord(ctx context.Context, v ui.Cluster) string {
	if v.Down != nil || v.Unread != nil {
		return ui.T(ctx, "try_again")
	}
	return ui.T(ctx, "cluster_test")
}

func clusterTestLabel(ctx context.Context, v ui.Cluster) string {
	return clusterTestWord(ctx, v) + ": " + v.Name
}

// sourceName says where a cluster's credentials come from.
func sourceName(ctx context.Context, source string) string {
	switch source {
	case "kubeconfig":
		return "kubeconfig"
	case "imported":
		return ui.T(ctx, "source_imported")
	case "in-cluster":
		return ui.T(ctx, "source_in_cluster")
	default:
		return ui.OrDash(source)
	}
}
