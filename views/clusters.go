package views

import (
	"context"
	"fmt"
	"hash/fnv"
)

// clusterButtonID gives an id that a selector takes; a cluster's name may hold
// anything.
func clusterButtonID(name string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash never fails
	return fmt.Sprintf("test-%016x", h.Sum64())
}

func clusterTestWord(ctx context.Context, v ClusterView) string {
	if v.Problem != nil {
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
