package operation

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"kube-node-manager/services"
	"kube-node-manager/services/change"
	"kube-node-manager/services/form"
	"kube-node-manager/services/node"
)

// PodParams name the pod to delete.
type PodParams struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"` // of the pod that was seen; a new pod may have the same name
}

// deletePod deletes one pod past its budget. It is a decision of its own, never
// a step of a drain: an administrator takes it for one pod at a time and types
// the pod's name.
type deletePod struct {
	plain
	PodParams
}

func deletePodDefinition() Definition {
	return Define(Spec[PodParams]{
		Traits: Traits{
			Name: DeletePod, Permit: services.PermitForce, Page: PagePod,
			Fields:   []string{"pod", "uid"},
			Final:    true,
			Beside:   true, // a drain that hangs on the pod
			CacheLog: func(bool) string { return "pod delete" },
		},
		Read: readPod,
		Consent: func(p PodParams, _ string) *Consent {
			return &Consent{
				Type: p.Name, Permit: services.PermitForce,
				Missing: services.Invalid("confirm", "error_confirm_pod", "Pod", p.Name),
			}
		},
		Make:    func(p PodParams, _ Meta) Operation { return deletePod{PodParams: p} },
		Kubectl: func(p PodParams) string { return "kubectl delete pod " + p.Name + " --namespace=" + p.Namespace },
	})
}

// readPod reads pod=namespace/name and uid, and takes one node only: the pod's.
func readPod(r *form.Reader) PodParams {
	namespace, name, ok := strings.Cut(r.Text("pod"), "/")
	if !ok || len(validation.IsDNS1123Label(namespace)) > 0 || len(validation.IsDNS1123Subdomain(name)) > 0 {
		r.Refuse("pod", "error_pod_name", "Value", services.Clip(r.Text("pod")))
	}
	uid := r.Text("uid")
	if uid == "" || len(validation.IsValidLabelValue(uid)) > 0 { // the letters of a UID, and no more than one has
		r.Refuse("uid", "error_pod_uid")
	}
	if len(r.Fields["node"]) != 1 {
		r.Refuse("node", "error_pod_node")
	}
	return PodParams{Namespace: namespace, Name: name, UID: uid}
}

// Plan says that the pod is deleted.
func (d deletePod) Plan(*node.Node) Plan {
	return Plan{Before: change.State{Notes: change.Notes{Pod: d.Namespace + "/" + d.Name}}}
}

// MovesPods is true: another pod may start in its place.
func (deletePod) MovesPods() bool { return true }

// Apply deletes the pod with its own grace period. One that is gone already is
// no change.
func (d deletePod) Apply(ctx context.Context, c Cluster, t Target) (Result, error) {
	gone, err := c.DeletePod(ctx, d.Namespace, d.Name, d.UID, -1*time.Second)
	if err != nil {
		return Result{}, fmt.Errorf("delete pod %s/%s: %w", d.Namespace, d.Name, err)
	}
	return Result{UID: t.UID, Before: t.Plan.Before, Changed: !gone}, nil
}
