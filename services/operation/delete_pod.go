package operation

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
)

// deletePod deletes one pod past its budget. It is a decision of its own, never
// a step of a drain: an administrator takes it for one pod at a time and types
// the pod's name.
type deletePod struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"` // of the pod that was seen; one of the same name is another
}

func deletePodDefinition() Definition {
	return Definition{
		Name:     "delete-pod",
		Permit:   services.PermitForce,
		Beside:   true, // a drain that hangs on the pod
		CacheLog: func(bool) string { return "pod delete" },
		Parse:    parseDeletePod,
		Authorize: func(_ services.Actor, _ string, form url.Values, params json.RawMessage) error {
			var p deletePod
			if err := json.Unmarshal(params, &p); err != nil {
				return err
			}
			if form.Get("confirm") != p.Name {
				return services.Invalid("confirm", "error_confirm_pod", "Pod", p.Name)
			}
			return nil
		},
		New: func(params json.RawMessage, _ Meta) (Operation, error) {
			var p deletePod
			err := json.Unmarshal(params, &p)
			return p, err
		},
	}
}

// parseDeletePod reads pod=namespace/name and uid, and takes one node only: the
// pod's.
func parseDeletePod(form url.Values) (json.RawMessage, error) {
	namespace, name, ok := strings.Cut(form.Get("pod"), "/")
	if !ok || len(validation.IsDNS1123Label(namespace)) > 0 || len(validation.IsDNS1123Subdomain(name)) > 0 {
		return nil, services.Invalid("pod", "error_pod_name", "Value", clip(form.Get("pod")))
	}
	if uid := form.Get("uid"); len(validation.IsValidLabelValue(uid)) > 0 || uid == "" { // the letters of a UID, and no more than one has
		return nil, services.Invalid("uid", "error_pod_uid")
	}
	if len(form["node"]) != 1 {
		return nil, services.Invalid("node", "error_pod_node")
	}
	return json.Marshal(deletePod{Namespace: namespace, Name: name, UID: form.Get("uid")})
}

// Plan says that the pod goes.
func (d deletePod) Plan(*node.Node) Plan {
	return Plan{Before: State{Pod: d.Namespace + "/" + d.Name}, Changes: true}
}

// Apply deletes the pod with its own grace period. One that is gone already is
// no change.
func (d deletePod) Apply(ctx context.Context, c Cluster, t Target) (Result, error) {
	gone, err := c.DeletePod(ctx, d.Namespace, d.Name, d.UID, -1*time.Second)
	if err != nil {
		return Result{}, fmt.Errorf("delete pod %s/%s: %w", d.Namespace, d.Name, err)
	}
	return Result{UID: t.UID, Before: t.Plan.Before, Changed: !gone}, nil
}
