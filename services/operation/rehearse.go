package operation

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services/kube"
)

// Rehearse does to one node what Apply does, as a dry run: the server says what
// it would answer, and stores nothing. So a missing right, or an admission
// webhook that refuses, is known before anything changes.
func Rehearse(ctx context.Context, op Operation, c Cluster, t Target) error {
	_, err := op.Apply(ctx, stage{c}, t)
	return err
}

// stage is a cluster on which every write is a dry run.
type stage struct{ Cluster }

// PatchNode asks what the patch would do.
func (s stage) PatchNode(ctx context.Context, name string, p kube.NodePatch) (*corev1.Node, error) {
	p.DryRun = true
	return s.Cluster.PatchNode(ctx, name, p)
}

// DeletePod asks nothing: whether a pod may be deleted shows when it is.
func (s stage) DeletePod(context.Context, string, string, string, time.Duration) (bool, error) {
	return false, nil
}
