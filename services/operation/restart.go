package operation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/operation/drain"
)

// addDeployments reads the Deployments that pods of the plan may belong to.
func addDeployments(ctx context.Context, c *kube.Client, f *drain.Facts) error {
	namespaces := map[string]bool{}
	for _, pods := range f.PodsByNode {
		for _, pod := range pods {
			owner := metav1.GetControllerOfNoCopy(pod)
			if owner != nil && owner.Kind == "ReplicaSet" {
				namespaces[pod.Namespace] = true
			}
		}
	}
	found, err := c.Workloads(ctx, slices.Sorted(maps.Keys(namespaces)))
	if services.CodeOf(err) == services.CodeForbidden {
		f.DeploymentsUnread = true
		return nil
	}
	if err != nil {
		return err
	}
	f.Deployments = found
	return nil
}

// offerWait is how long a plan waits for what only an option would need that was not chosen.
const offerWait = 5 * time.Second

// offerDeployments is addDeployments for an option that was not chosen: without an answer
// the plan does not offer it.
func offerDeployments(ctx context.Context, c *kube.Client, f *drain.Facts) {
	ctx, cancel := context.WithTimeout(ctx, offerWait)
	defer cancel()
	_ = addDeployments(ctx, c, f)
}

// KubectlRestarts returns the kubectl commands that restart Deployments ("namespace/name")
// before nodes are drained: they come before those of the drain.
func KubectlRestarts(p Params, nodes, deployments []string) []string {
	if len(deployments) == 0 || len(nodes) == 0 {
		return nil
	}
	o, _ := ParamsOf[drain.Options](p)
	limit := ""
	if o.Timeout > 0 {
		limit = fmt.Sprintf(" --timeout=%ds", o.Timeout)
	}
	commands := []string{"kubectl cordon " + strings.Join(nodes, " ")}
	for _, d := range deployments {
		namespace, name, _ := strings.Cut(d, "/")
		commands = append(commands, "kubectl -n "+namespace+" rollout restart deployment/"+name)
	}
	for _, d := range deployments {
		namespace, name, _ := strings.Cut(d, "/")
		commands = append(commands, "kubectl -n "+namespace+" rollout status deployment/"+name+limit)
	}
	return commands
}
