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

// NodePatch is one change of one node. A nil field is left alone; a nil value
// in a map removes the key.
type NodePatch struct {
	// UID must be that of the node that is meant: the server refuses the patch
	// for a node of the same name that replaced it.
	UID string
	// ResourceVersion, when set, makes the server refuse the patch if the node
	// was changed since. Lists need it, since a patch replaces them whole.
	ResourceVersion string
	Unschedulable   *bool
	Labels          map[string]*string
	Annotations     map[string]*string
	// Taints, when set, is the whole list. It goes with a ResourceVersion only:
	// whatever another writer has added since would be lost with it.
	Taints *[]corev1.Taint
	// DryRun asks the server to say what it would answer, and to store nothing.
	DryRun bool
}

// PatchNode is the write gateway: every change of a node goes through it, as
// one JSON merge patch without a read. It is sent once; FaultOf tells whether
// sending it again makes sense, and whether it may have taken effect. The
// answer is the node as the server stored it.
func (c *Client) PatchNode(ctx context.Context, name string, p NodePatch) (*corev1.Node, error) {
	if err := possible(name); err != nil {
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
		MaxRetries(0). // the engine decides when to try again; client-go would sleep in here
		Do(ctx).Into(node)
	if err != nil {
		return nil, Explain(err, "patch nodes")
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
			return nil, errors.New("a list of taints without the version that it was made from")
		}
		spec["taints"] = *p.Taints
	}
	patch := map[string]any{"metadata": metadata}
	if len(spec) > 0 {
		patch["spec"] = spec
	}
	return json.Marshal(patch)
}

// unschedulable gives the field's value in a patch: false is its absence.
func unschedulable(v bool) any {
	if v {
		return true
	}
	return nil
}

func gitVersion(raw []byte) (string, error) {
	var v struct {
		GitVersion string `json:"gitVersion"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return "", fmt.Errorf("decode version: %w", err)
	}
	return v.GitVersion, nil
}
