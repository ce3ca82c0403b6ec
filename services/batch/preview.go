package batch

import (
	"context"
	"slices"

	"kube-node-manager/services"
	"kube-node-manager/services/change"
	"kube-node-manager/services/fit"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/operation/drain"
)

// Preview is what a request would do.
type Preview struct {
	Nodes     []NodePlan
	Drain     *drain.Plan         // of a drain
	Fit       *fit.Fit            // of a drain: whether its pods find room; nil where nobody asked
	Evictions operation.Evictions // that a NoExecute taint would cause
	// Named lists the protected keys that the request names; an administrator
	// has to confirm them.
	Named []string
	// Digest stands for what the plan would change. A request that carries it is
	// refused when the plan has changed.
	Digest string
	// Refusal is why the cluster would refuse the first of the changes; the others
	// need the same rights.
	Refusal *services.Error
	// Reach says how far it reaches, where that is far; see Request.Guarded.
	Reach []Reach
	// Exceeded are the limits of the cluster that it would pass. With Waits, the batch waits
	// for room, and is refused otherwise.
	Exceeded []Room
	Waits    bool
	// Others are who else is at work on its nodes, where that needs a consent.
	Others Others
	// OthersUnread are resources that the account may not list, and that would say so.
	OthersUnread []string
	// Gates are the waits for the health of the cluster, nil for none.
	Gates *Gates
	// Params are the operation's, with what was read for the whole batch.
	Params operation.Params
	// Rollout is how the batch would go through its nodes.
	Rollout Rollout
	// When is when the batch would begin.
	When When

	op        operation.Operation
	client    *kube.Client
	inventory node.Inventory
}

// NodePlan is what a batch would do to one node.
type NodePlan struct {
	Node string
	UID  string // "" for a node that is not known
	operation.Plan
}

// Preview says what a request would change, node by node. It writes nothing,
// and does not ask for the confirmations that the batch needs.
//
// Errors: those of Submit.
func (e *Engine) Preview(ctx context.Context, q Request) (Preview, error) {
	q.preview = true
	p, err := e.propose(ctx, q)
	if err != nil {
		return Preview{}, err
	}
	leave, err := e.planning.enter(ctx, p.batch.Cluster, p.batch.ActorID)
	if err != nil {
		return Preview{}, err
	}
	defer leave()
	plan, err := e.plan(ctx, &p, false)
	if err != nil {
		return Preview{}, err
	}
	plan.When = e.when(&p, plan)
	plan.Fit = e.fit(ctx, p.batch.Cluster, plan)
	plan.Refusal = rehearse(e.options.ActAs.context(ctx, p.batch.Cluster, services.ActorFrom(ctx)), plan)
	return plan, nil
}

// rehearse sends the first change as a dry run, to learn before anything changes
// what RBAC or an admission webhook would refuse. It ignores other errors.
func rehearse(ctx context.Context, p Preview) *services.Error {
	i := slices.IndexFunc(p.Nodes, func(n NodePlan) bool { return n.UID != "" && n.Changes() })
	if i < 0 {
		return nil
	}
	n := p.Nodes[i]
	target := operation.Target{Node: n.Node, UID: n.UID, Seen: p.inventory.Find(n.Node), Plan: n.Plan}
	err := operation.Rehearse(ctx, p.op, p.client, target)
	e := services.AsError(err)
	if err != nil && (e.Code == services.CodeForbidden || e.Code == services.CodeInvalid) {
		return e
	}
	return nil
}

// plan says what a batch would do to every node, and to all together. A plan that
// is to be carried out may begin with a fresh read.
func (e *Engine) plan(ctx context.Context, proposed *proposal, forReal bool) (Preview, error) {
	if err := e.resolve(ctx, proposed); err != nil {
		return Preview{}, err
	}
	return e.planResolved(ctx, proposed, forReal)
}

// planResolved is plan for parameters that are complete.
func (e *Engine) planResolved(ctx context.Context, proposed *proposal, forReal bool) (Preview, error) {
	op, err := e.makeOperation(ctx, proposed.batch, proposed.params, proposed.rules)
	if err != nil {
		return Preview{}, err
	}
	p := Preview{Params: proposed.params, Rollout: proposed.rollout, Named: op.Named(proposed.nodes), op: op}
	p.client, err = e.clusters.Client(proposed.batch.Cluster)
	if err != nil {
		return Preview{}, err
	}
	p.inventory, err = e.inventory(ctx, proposed.batch.Cluster, op, proposed.nodes, forReal)
	if err != nil {
		return Preview{}, err
	}
	known, missing := p.planNodes(proposed.nodes)
	p.Reach = reachOf(p.inventory.Nodes, p.Nodes, proposed.define.Drains, e.options.Reach)
	if disturbs(proposed.define) {
		elsewhere := e.elsewhere(ctx, proposed.batch.Cluster, proposed.rules.Lease, forReal)
		if elsewhere.Err != nil {
			e.log.Warn("Who else is at work cannot be read", "cluster", proposed.batch.Cluster, "error", elsewhere.Err)
		}
		p.noteOthers(proposed.define, elsewhere)
	}
	p.Digest = digest(p.Nodes, p.Reach, p.Others)
	if err := e.limits(ctx, &p, proposed, forReal); err != nil {
		return Preview{}, err
	}
	p.Gates = p.gates(proposed.rules.Health)
	offer := !forReal && proposed.define.Drains && e.mayOffer(ctx, p.client)
	if err := p.survey(ctx, operation.Scope{Nodes: known, Missing: missing, Offer: offer}); err != nil {
		return Preview{}, err
	}
	p.warnOfOthers()
	e.denyRestarts(ctx, proposed.batch, p, forReal || offer)
	return p, nil
}

// planNodes plans every node. It returns those that are known, and the names of
// the others.
func (p *Preview) planNodes(names []string) (known []*node.Node, missing []string) {
	p.Nodes = make([]NodePlan, len(names))
	for i, name := range names {
		n := p.inventory.Find(name)
		p.Nodes[i] = planFor(p.op, name, n)
		if n == nil {
			missing = append(missing, name)
		} else {
			known = append(known, n)
		}
	}
	return known, missing
}

// survey looks at what a plan does to pods.
func (p *Preview) survey(ctx context.Context, s operation.Scope) error {
	c, ok := p.op.(operation.Conductor)
	if ok {
		surveyed, err := c.Survey(ctx, p.client, s)
		p.Drain = &surveyed
		return err
	}
	var err error
	p.Evictions, err = p.op.Evictions(ctx, p.client, s.Nodes)
	return err
}

// readAgain is the number of nodes from which a fresh list costs less than the
// writes that would fail because the plan has old versions.
const readAgain = 20

// inventory reads the nodes to plan over. It reads them anew where an old list costs
// more, and where a node is not in the cached list: nobody would be asked about its
// pods.
func (e *Engine) inventory(
	ctx context.Context, cluster string, op operation.Operation, names []string, forReal bool,
) (node.Inventory, error) {
	if !forReal {
		return e.nodes.All(ctx, cluster, false)
	}
	if op.Versioned() && len(names) >= readAgain {
		return e.nodes.All(ctx, cluster, true)
	}
	all, err := e.nodes.All(ctx, cluster, false)
	if err != nil || !op.MovesPods() {
		return all, err
	}
	if slices.ContainsFunc(names, func(name string) bool { return all.Find(name) == nil }) {
		return e.nodes.All(ctx, cluster, true)
	}
	return all, nil
}

func planFor(op operation.Operation, name string, n *node.Node) NodePlan {
	if n == nil {
		gone := services.NewError(services.CodeNotFound, "error_node_gone")
		return NodePlan{Node: name, Plan: operation.Plan{Blockers: []*services.Error{gone}}}
	}
	return NodePlan{Node: name, UID: n.UID, Plan: op.Plan(n)}
}

// digest sums up which nodes a plan is about, what it changes on each, and how
// far that reaches. The explanation of a cordon, which has the time of the plan in
// it, is left out.
func digest(plans []NodePlan, reach []Reach, others Others) string {
	d := change.NewDigest()
	for _, p := range plans {
		explained := node.CordonAnnotations()
		before, after := p.Before.WithoutAnnotations(explained...), p.After.WithoutAnnotations(explained...)
		d.Add(p.Node, p.UID, len(p.Blockers), before, after)
	}
	for _, r := range reach {
		d.Add(r.Kind, r.Name)
	}
	for _, name := range others.Nodes() {
		for _, a := range others[name] {
			d.Add(name, a.Kind)
		}
	}
	return d.String()
}

// agreed returns an error when a consent that the plan needs is missing, or when it
// is not the plan that was shown.
func (p Preview) agreed(actor services.Actor, cluster string, given Consents) error {
	if given.Plan != "" && given.Plan != p.Digest {
		return services.NewError(services.CodeConflict, "error_plan_changed")
	}
	if err := operation.ProtectedConsent(p.Named, cluster).Check(actor, given.Typed); err != nil {
		return err
	}
	return joined(p.agreedPods(given), p.agreedOthers(given))
}

// agreedPods wants the consents to what happens to pods.
func (p Preview) agreedPods(given Consents) error {
	if p.Drain != nil {
		return p.Drain.Refusal()
	}
	return given.agreeTo(p.Evictions)
}

// agreeTo wants the number that was shown. Pods come and go: a number that is up
// to a tenth too high agrees to what happens and to a little more. One that is too
// low, or high enough for anything, was said of another plan.
func (c Consents) agreeTo(e operation.Evictions) error {
	switch {
	case !e.Any(), e.Unread && c.PodsUnknown:
		return nil
	case e.Unread:
		return services.Invalid("confirm_pods", "error_confirm_pods_unread")
	case c.Pods == nil, *c.Pods < e.Pods, *c.Pods > e.Pods+e.Pods/10:
		return services.Invalid("confirm_pods", "error_confirm_pods", "Count", e.Pods, "Nodes", len(e.ByNode))
	default:
		return nil
	}
}

// Seen returns a node as the plan saw it, or nil.
func (p Preview) Seen(name string) *node.Node { return p.inventory.Find(name) }
