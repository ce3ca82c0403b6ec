package inspect

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/cache"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/operation/drain"
)

// Pods are the pods on a node, in the order of their names, and what a drain of the node
// alone would do, with its default options.
type Pods struct {
	Pods []Pod
	Plan drain.Plan
}

// Pod is a pod, the verdict of a drain on it, and its budget.
type Pod struct {
	node.Pod
	Judged drain.Judged
	Allows *drain.Demand // the one budget that guards the pod, or nil
}

// Pods returns the pods on a node, by a consistent read.
//
// Errors: CodeForbidden, also if the account may not read pods; CodeNotFound.
func (s *Service) Pods(ctx context.Context, cluster, name string, fresh bool) (Part[Pods], error) {
	n, err := s.nodes.GetQuick(ctx, cluster, name, false)
	if err != nil {
		return Part[Pods]{}, err
	}
	held, err := s.rules.Of(ctx, cluster)
	if err != nil {
		return Part[Pods]{}, err
	}
	key := cache.Key{Cluster: cluster, Kind: kindPods, Name: name}
	return read(ctx, s, key, fresh, func(ctx context.Context, c *kube.Client) (Pods, error) {
		facts, err := operation.DrainFacts(ctx, c, held.Workloads.Namespaces, []*node.Node{&n.Node}, nil)
		if err != nil {
			return Pods{}, err
		}
		plan, err := drain.MakePlan(facts, drain.DefaultOptions())
		if err != nil {
			return Pods{}, err
		}
		for i := range plan.Nodes {
			plan.Nodes[i].Leaving = nil // nobody shows them here, and the value is cached
		}
		return newPods(facts.PodsByNode[name], plan), nil
	})
}

// newPods joins the pods with the verdicts of the plan for their node.
func newPods(pods []*corev1.Pod, plan drain.Plan) Pods {
	judged, budgets := map[string]drain.Judged{}, map[string]*drain.Demand{}
	for _, n := range plan.Nodes {
		for _, j := range n.Pods {
			judged[j.UID] = j
		}
	}
	for _, b := range plan.Budgets {
		budgets[b.Name] = b
	}
	out := Pods{Plan: plan, Pods: make([]Pod, len(pods))}
	for i, p := range pods {
		j := judged[string(p.UID)]
		out.Pods[i] = Pod{Pod: node.PodFromKube(p), Judged: j, Allows: budgets[j.Budget]}
	}
	slices.SortFunc(out.Pods, func(a, b Pod) int { return strings.Compare(a.ID(), b.ID()) })
	return out
}

// ID returns "namespace/name".
func (p Pod) ID() string { return p.Namespace + "/" + p.Name }
