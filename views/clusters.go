package views

import "context"

func clusterTestWord(ctx context.Context, v ClusterView) string {
	if v.Down != nil || v.Unread != nil {
		return T(ctx, "try_again")
	}
	return T(ctx, "cluster_test")
}

func clusterTestLabel(ctx context.Context, v ClusterView) string {
	return clusterTestWord(ctx, v) + ": " + v.Name
}

// sourceName says where a cluster's credentials come from.
func sourceName(ctx context.Context, source string) string {
	switch source {
	case "kubeconfig":
		return "kubeconfig"
	case "in-cluster":
		return T(ctx, "source_in_cluster")
	default:
		return orDash(source)
	}
}
