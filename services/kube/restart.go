package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"

	"kube-node-manager/services"
)

// restartedAt is the annotation of a pod template by which kubectl rollout restart has all
// pods of a workload replaced.
const restartedAt = "kubectl.kubernetes.io/restartedAt"

// RestartMark returns what tells the pods of one restart of a workload from those of
// another: the annotation of a pod, or of a pod template.
func RestartMark(annotations map[string]string) string { return annotations[restartedAt] }

// RestartCalls are what the account needs to restart Deployments and to follow them.
func RestartCalls() []Call {
	return []Call{
		{Verb: "patch", Group: appsv1.GroupName, Resource: "deployments"},
		{Verb: "get", Group: appsv1.GroupName, Resource: "deployments"},
		{Verb: "list", Group: appsv1.GroupName, Resource: "deployments"},
		{Verb: "watch", Group: appsv1.GroupName, Resource: "deployments"},
		{Verb: "list", Group: appsv1.GroupName, Resource: "replicasets"},
		{Verb: "watch", Group: appsv1.GroupName, Resource: "replicasets"},
	}
}

// Restart names a Deployment, and the pods of it that are to be replaced.
type Restart struct {
	Namespace, Name string
	UID             types.UID
	// Mark is that of the pods. If the Deployment has another one, they are being replaced
	// already.
	Mark string
	// Fits returns why the Deployment must not be restarted as it is now.
	Fits func(*appsv1.Deployment) error
}

// RestartDeployment has the pods of a Deployment replaced, as kubectl rollout restart does.
// It reads the Deployment first, and writes nothing if the pods are being replaced already:
// calling it again after an error or a crash is safe. written says that it wrote.
//
// Errors: CodeNotFound; of Fits; FaultOf says whether a retry makes sense.
func (c *Client) RestartDeployment(ctx context.Context, r Restart, now time.Time) (written bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, patchTimeout)
	defer cancel()
	d, err := c.reads.AppsV1().Deployments(r.Namespace).Get(ctx, r.Name, metav1.GetOptions{})
	if err != nil {
		return false, explainChange(ctx, err, "get deployments")
	}
	if d.UID != r.UID {
		return false, services.NewError(services.CodeNotFound, "error_restart_gone", "Deployment", r.key())
	}
	if RestartMark(d.Spec.Template.Annotations) != r.Mark {
		return false, nil
	}
	if err := r.Fits(d); err != nil {
		return false, err
	}
	body, err := r.patch(d, now)
	if err != nil {
		return false, err
	}
	err = c.writes.Patch(types.MergePatchType).
		AbsPath("/apis", appsv1.GroupName, appsv1.SchemeGroupVersion.Version).
		Namespace(r.Namespace).Resource("deployments").Name(r.Name).
		VersionedParams(NodePatch{}.options(), scheme.ParameterCodec).
		Body(body).
		MaxRetries(0).
		Do(ctx).Error()
	if err != nil {
		return false, explainChange(ctx, err, "patch deployments")
	}
	return true, nil
}

// patch returns the change, bound to the version of the Deployment that was read.
func (r Restart) patch(d *appsv1.Deployment, now time.Time) ([]byte, error) {
	mark := now.UTC().Format(time.RFC3339)
	if mark == r.Mark { // it was restarted in this very second
		mark = now.UTC().Add(time.Second).Format(time.RFC3339)
	}
	body, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": d.UID, "resourceVersion": d.ResourceVersion},
		"spec": map[string]any{"template": map[string]any{"metadata": map[string]any{
			"annotations": map[string]string{restartedAt: mark},
		}}},
	})
	if err != nil {
		return nil, fmt.Errorf("encode restart of deployment %s: %w", r.key(), err)
	}
	return body, nil
}

func (r Restart) key() string { return r.Namespace + "/" + r.Name }
