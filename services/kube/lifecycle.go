package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
)

// LifecycleConditions returns the types of the conditions that say where a node is in its
// maintenance, in the order in which they follow each other. Kubernetes 1.37 defines them;
// the API server of any version stores them.
func LifecycleConditions() []corev1.NodeConditionType {
	return []corev1.NodeConditionType{
		corev1.NodeMaintenancePlanned, corev1.NodeDrainInProgress, corev1.NodeDrained, corev1.NodeMaintenanceInProgress,
	}
}

// IsLifecycle reports whether a condition says where its node is in its life: in one of
// these states a node is neither healthy nor broken.
func IsLifecycle(conditionType string) bool {
	of := corev1.NodeConditionType(conditionType)
	return of == corev1.NodeGracefulNodeShutdownInProgress || slices.Contains(LifecycleConditions(), of)
}

// Every message of a condition that this program sets begins with ownMessage and the ID of
// the batch. That makes it known as ours: reasons are categories, which others use as well.
const ownMessage = FieldManager + " batch "

// LifecycleMessage returns the message of a condition that a batch sets.
func LifecycleMessage(batch, text string) string { return ownMessage + batch + ": " + text }

// BatchOfCondition returns the batch of the message of a condition. own is false if this
// program has not set the condition.
func BatchOfCondition(message string) (batch string, own bool) {
	rest, found := strings.CutPrefix(message, ownMessage)
	batch, _, complete := strings.Cut(rest, ": ")
	if !found || !complete {
		return "", false
	}
	return batch, true
}

// statusPatch is a change of the conditions of one node.
type statusPatch struct {
	// UID is the UID of the node to change; see NodePatch.
	UID string
	// ResourceVersion makes the server refuse the patch if the node has changed since that
	// version: somebody else may have set the same condition.
	ResourceVersion string
	// Conditions are set by their type. All others stay as they are.
	Conditions []corev1.NodeCondition
}

// patchNodeStatus sets conditions of a node, as one strategic merge patch. See PatchNode.
func (c *Client) patchNodeStatus(ctx context.Context, name string, p statusPatch) error {
	body, err := p.body()
	if err != nil {
		return fmt.Errorf("encode patch of the status of node %s: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, patchTimeout)
	defer cancel()
	err = c.writes.Patch(types.StrategicMergePatchType).
		Resource("nodes").Name(name).SubResource("status").
		VersionedParams(NodePatch{}.options(), scheme.ParameterCodec).
		Body(body).
		MaxRetries(0).
		Do(ctx).Error()
	if err != nil {
		return explainChange(ctx, err, "patch nodes/status")
	}
	return nil
}

func (p statusPatch) body() ([]byte, error) {
	return json.Marshal(map[string]any{
		"metadata": map[string]string{"uid": p.UID, "resourceVersion": p.ResourceVersion},
		"status":   map[string]any{"conditions": p.Conditions},
	})
}
