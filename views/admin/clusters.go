package admin

import (
	"context"

	"kube-node-manager/views/ui"
)

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
	case "in-cluster":
		return ui.T(ctx, "source_in_cluster")
	default:
		return ui.OrDash(source)
	}
}
