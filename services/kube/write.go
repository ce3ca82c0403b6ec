package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
)

// NodePatch is one change of one node. A nil field changes nothing; a nil value
// in a map removes the key.
type NodePatch struct {
	// UID is the UID of the node to change. If another node has replaced it under
	// the same name, the server refuses the patch.
	UID string
	// ResourceVersion, if set, makes the server refuse the patch if the node has
	// changed since that version. Taints need it, because a patch replaces the
	// whole list.
	ResourceVersion string
	Unschedulable   *bool
	Labels          map[string]*string
	Annotations     map[string]*string
	// Taints, if set, is the complete new list. It requires a ResourceVersion, or
	// taints that somebody else has added meanwhile would be lost.
	Taints *[]corev1.Taint
	// DryRun makes the server check the patch and answer it without storing it.
	DryRun bool
}

// PatchNode is the write gateway: every change of a node goes through it, as one
// JSON merge patch. It does not read the node first, and it sends the patch once;
// FaultOf says of its error whether a retry makes sense and whether the patch may
// have taken effect. PatchNode returns the node as the server stored it.
func (c *Client) PatchNode(ctx context.Context, name string, p NodePatch) (*corev1.Node, error) {
	if err := checkNodeName(name); err != nil {
		return nil, err
	}
	body, err := p.body()
	if err != nil {
		return nil, fmt.Errorf("encode patch of node %s: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, patchTimeout)
	defer cancel()
	node := &corev1.Node{}
	err = c.writes.Patch(types.MergePatchType).
		Resource("nodes").Name(name).
		VersionedParams(p.options(), scheme.ParameterCodec).
		Body(body).
		MaxRetries(0). // the batch engine decides when to retry; client-go would block here
		Do(ctx).Into(node)
	if err != nil {
		return nil, c.doubt(ctx, explainChange(ctx, err, "patch nodes"))
	}
	return node, nil
}

func (p NodePatch) options() *metav1.PatchOptions {
	o := &metav1.PatchOptions{FieldManager: FieldManager}
	if p.DryRun {
		o.DryRun = []string{metav1.DryRunAll}
	}
	return o
}

func (p NodePatch) body() ([]byte, error) {
	metadata := map[string]any{}
	set := func(key, value string) {
		if value != "" {
			metadata[key] = value
		}
	}
	set("uid", p.UID)
	set("resourceVersion", p.ResourceVersion)
	if len(p.Labels) > 0 {
		metadata["labels"] = p.Labels
	}
	if len(p.Annotations) > 0 {
		metadata["annotations"] = p.Annotations
	}
	spec := map[string]any{}
	if p.Unschedulable != nil {
		spec["unschedulable"] = unschedulable(*p.Unschedulable)
	}
	if p.Taints != nil {
		if p.ResourceVersion == "" {
			return nil, errors.New("patch has taints but no resourceVersion")
		}
		spec["taints"] = *p.Taints
	}
	patch := map[string]any{"metadata": metadata}
	if len(spec) > 0 {
		patch["spec"] = spec
	}
	return json.Marshal(patch)
}

// unschedulable returns the field's value in a patch. Instead of false it is
// null, which removes the field.
func unschedulable(v bool) any {
	if v {
		return true
	}
	return nil
}
