package operation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation/drain"
)

// Conductor is an operation that works on all nodes of its batch together,
// because what it may do to one depends on the others.
type Conductor interface {
	Operation
	// Survey says what the batch as a whole would do. It writes nothing.
	Survey(ctx context.Context, c *kube.Client, s Scope) (drain.Plan, error)
	// Conduct works until every target has ended; see drain.Conduct.
	Conduct(take, calls context.Context, c *kube.Client, host drain.Host, targets []NumberedTarget) error
}

// NumberedTarget is a target with its number in the batch.
type NumberedTarget struct {
	Target
	Seq     int
	Evicted int // pods that an earlier process evicted
	// Restarted are the Deployments that an earlier process restarted for it.
	Restarted []string
}

// Scope is what is surveyed.
type Scope struct {
	Nodes   []*node.Node
	Missing []string // names that are no node
	Offer   bool     // what options would do that were not chosen, too
}

// draining cordons a node and evicts its pods.
type draining struct {
	cordon
	options drain.Options
	rules   []drain.NamespaceRule // the cluster's
}

func drainDefinition() Definition {
	return Define(Spec[drain.Options]{
		Traits: Traits{
			Name: Drain, Permit: services.PermitDrain, Key: "d", Drains: true, Long: true, Parallel: 5,
			Fields: drain.Fields(), CacheLog: schedulingLog(Drain),
		},
		Read:    drain.ReadOptions,
		Revise:  drain.Options.Revise,
		Consent: drainConsent,
		Make: func(o drain.Options, m Meta) Operation {
			return draining{cordon: cordon{unschedulable: true, meta: m, drains: true}, options: o, rules: m.Namespaces}
		},
		Kubectl: drainCommand,
	})
}

// drainCommand returns kubectl's command with the same options. It has none for Restore,
// and drains one node after the other.
func drainCommand(o drain.Options) string {
	words := []string{"kubectl drain", namesHere}
	for flag, on := range map[string]bool{
		"--ignore-daemonsets": o.IgnoreDaemonSets, "--delete-emptydir-data": o.DeleteEmptyDir, "--force": o.Force,
	} {
		if on {
			words = append(words, flag)
		}
	}
	slices.Sort(words[2:])
	if o.Grace >= 0 {
		words = append(words, fmt.Sprintf("--grace-period=%d", o.Grace))
	}
	if o.Timeout > 0 {
		words = append(words, fmt.Sprintf("--timeout=%ds", o.Timeout))
	}
	if o.PodSelector != "" {
		words = append(words, shellWord("--pod-selector="+o.PodSelector))
	}
	if o.SkipWait > 0 {
		words = append(words, fmt.Sprintf("--skip-wait-for-delete-timeout=%d", o.SkipWait))
	}
	return strings.Join(words, " ")
}

// drainConsent asks an administrator to type the cluster's name before pods are
// evicted that nothing brings back.
func drainConsent(o drain.Options, cluster string) *Consent {
	if !o.Force {
		return nil
	}
	return &Consent{
		Type: cluster, Permit: services.PermitForce,
		Missing: services.Invalid("confirm", "error_confirm", "Cluster", cluster),
	}
}

// MovesPods is true: pods leave, and others start elsewhere.
func (draining) MovesPods() bool { return true }

// perNodeLists is up to how many nodes are asked for their pods one by one.
const perNodeLists = 10

// Survey reads what the plan is made of, each once, and makes it. What the
// account may not read is said to be unknown.
func (o draining) Survey(ctx context.Context, c *kube.Client, s Scope) (drain.Plan, error) {
	f, err := DrainFacts(ctx, c, o.rules, s.Nodes, s.Missing)
	if err != nil {
		return drain.Plan{}, err
	}
	switch {
	case o.options.RestartFirst:
		err = addDeployments(ctx, c, &f)
	case s.Offer:
		offerDeployments(ctx, c, &f)
	}
	if err != nil {
		return drain.Plan{}, err
	}
	return drain.MakePlan(f, o.options)
}

// DrainFacts reads what the plan of a drain is made of. rules are those of the cluster for
// its namespaces.
func DrainFacts(
	ctx context.Context, c *kube.Client, rules []drain.NamespaceRule, nodes []*node.Node, missing []string,
) (drain.Facts, error) {
	f := drain.Facts{Nodes: nodes, Missing: missing, Now: c.Now(), Self: kube.Self()}
	var err error
	f.PodsByNode, err = podsOf(ctx, c, nodes)
	if err != nil {
		return drain.Facts{}, err
	}
	list, err := c.ListBudgets(ctx)
	f.BudgetsUnread = services.CodeOf(err) == services.CodeForbidden
	if err != nil && !f.BudgetsUnread {
		return drain.Facts{}, err
	}
	f.Budgets = make([]*policyv1.PodDisruptionBudget, len(list))
	for i := range list {
		f.Budgets[i] = &list[i]
	}
	f.DaemonSets, err = c.DaemonSets(ctx)
	if err != nil && services.CodeOf(err) != services.CodeForbidden {
		return drain.Facts{}, err
	}
	f.Policies, err = drainPolicies(ctx, c, rules)
	return f, err
}

// drainPolicies reads what decides on pods beside the options of a drain. What the account
// may not read is said to be unread.
func drainPolicies(ctx context.Context, c *kube.Client, rules []drain.NamespaceRule) (drain.Policies, error) {
	p := drain.Policies{Namespaces: rules}
	var err error
	p.Machines, err = c.DrainRules(ctx)
	if services.CodeOf(err) == services.CodeForbidden {
		p.Unread, err = append(p.Unread, "machinedrainrules"), nil
	}
	if err != nil || !p.WantLabels() {
		return p, err
	}
	p.Labels, err = c.NamespaceLabels(ctx)
	if services.CodeOf(err) == services.CodeForbidden {
		p.Unread, err = append(p.Unread, "namespaces"), nil
	}
	return p, err
}

// podsOf reads the pods of the nodes: a few nodes one by one, many with one list.
func podsOf(ctx context.Context, c *kube.Client, nodes []*node.Node) (map[string][]*corev1.Pod, error) {
	byNode := make(map[string][]*corev1.Pod, len(nodes))
	take := func(pods []corev1.Pod) {
		for i := range pods {
			byNode[pods[i].Spec.NodeName] = append(byNode[pods[i].Spec.NodeName], &pods[i])
		}
	}
	if len(nodes) > perNodeLists {
		pods, err := c.ListAllPods(ctx)
		take(pods)
		return byNode, err
	}
	for _, n := range nodes {
		pods, err := c.ListNodePods(ctx, n.Name)
		if err != nil {
			return nil, err
		}
		take(pods)
	}
	return byNode, nil
}

// Conduct drains the targets.
func (o draining) Conduct(
	take, calls context.Context, c *kube.Client, host drain.Host, targets []NumberedTarget,
) error {
	policies, err := drainPolicies(take, c, o.rules)
	if err != nil {
		return err
	}
	list := make([]drain.Target, len(targets))
	for i, t := range targets {
		list[i] = o.target(c, t)
	}
	return drain.Conduct(take, calls, c, host, drain.Terms{Options: o.options, Policies: policies}, list)
}

// target ties a node's cordon, and what lifts it again, to the write gateway.
// Restore puts back what the plan saw; a node that was cordoned before the
// batch stays so.
func (o draining) target(c *kube.Client, t NumberedTarget) drain.Target {
	before, foreign := t.Plan.Before, false
	d := drain.Target{Seq: t.Seq, Node: t.Node, UID: t.UID, Evicted: t.Evicted, Restarted: t.Restarted}
	d.Cordon = func(ctx context.Context) error {
		result, err := o.cordon.Apply(ctx, c, t.Target)
		if err == nil && t.UID == "" {
			t.UID, before = result.UID, result.Before
		}
		foreign = foreign || err == nil && result.Foreign
		return err
	}
	if before.Unschedulable != nil && *before.Unschedulable {
		return d
	}
	d.Restore = func(ctx context.Context) error {
		if foreign || before.Unschedulable == nil || *before.Unschedulable {
			return drain.ErrForeign
		}
		_, err := c.PatchNode(ctx, t.Node, kube.NodePatch{
			UID: t.UID, Unschedulable: before.Unschedulable, Annotations: before.Annotations,
		})
		return err
	}
	return d
}
