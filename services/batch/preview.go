package batch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/operation/drain"
)

// Preview is what a request would do.
type Preview struct {
	Nodes     []NodePlan
	Drain     *drain.Plan         // of a drain
	Evictions operation.Evictions // that a NoExecute taint would cause
	// Named lists the protected keys that the request names; an administrator
	// has to confirm them.
	Named []string
	// Digest stands for what the plan would change. A request that carries it is
	// refused when the plan has become another.
	Digest string
	// Refusal is why the cluster would refuse the first of the changes; the others
	// need the same rights.
	Refusal *services.Error
	// Reach says how far it goes, where that is far; see Request.Guarded.
	Reach []Reach
	// Params are the operation's, with what was read for the whole batch.
	Params Params

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
// and does not ask for the confirmations that the deed needs.
//
// Errors: those of Submit.
func (e *Engine) Preview(ctx context.Context, q Request) (Preview, error) {
	q.preview = true
	b, definition, names, err := e.check(ctx, q)
	if err != nil {
		return Preview{}, err
	}
	leave, err := e.planning.enter(ctx, b.Cluster, b.ActorID)
	if err != nil {
		return Preview{}, err
	}
	defer leave()
	if err := e.resolve(ctx, &b, definition); err != nil {
		return Preview{}, err
	}
	p, err := e.plan(ctx, b, definition, names, false)
	if err != nil {
		return Preview{}, err
	}
	p.Refusal = rehearse(ctx, p)
	return p, nil
}

// rehearse sends the first change as a dry run: what rights or an admission
// webhook would refuse is known before the deed then. Other errors say nothing
// of it.
func rehearse(ctx context.Context, p Preview) *services.Error {
	i := slices.IndexFunc(p.Nodes, func(n NodePlan) bool { return n.Changes && len(n.Blockers) == 0 && n.UID != "" })
	if i < 0 {
		return nil
	}
	n := p.Nodes[i]
	target := operation.Target{Node: n.Node, UID: n.UID, Seen: p.inventory.Find(n.Node), Plan: n.Plan}
	err := operation.Rehearse(ctx, p.op, p.client, target)
	if e := services.AsError(err); err != nil && (e.Code == services.CodeForbidden || e.Code == services.CodeInvalid) {
		return e
	}
	return nil
}

// resolve completes the parameters with what is read once for the whole batch.
func (e *Engine) resolve(ctx context.Context, b *Batch, definition operation.Definition) error {
	if definition.Resolve == nil || b.RetryOf != "" { // what was read for the first try holds for the second
		return nil
	}
	client, err := e.clusters.Client(b.Cluster)
	if err != nil {
		return err
	}
	b.Params, err = definition.Resolve(ctx, operation.Sources{Cluster: b.Cluster, Nodes: client, Templates: e.templates}, b.Params)
	if t := operation.TemplateOf(b.Params); t != nil {
		b.TemplateID = t.ID
	}
	return err
}

// readAgain is from how many nodes on a fresh list costs less than the writes
// that would be refused for a plan of old versions.
const readAgain = 20

// plan says what the batch would do to every node, and to all together. A plan
// that is to be carried out may begin with a fresh read.
func (e *Engine) plan(ctx context.Context, b Batch, definition operation.Definition, names []string, forReal bool) (Preview, error) {
	op, err := e.operationOf(ctx, b, definition)
	if err != nil {
		return Preview{}, err
	}
	p := Preview{Nodes: make([]NodePlan, len(names)), Params: b.Params, op: op}
	if p.client, err = e.clusters.Client(b.Cluster); err != nil {
		return Preview{}, err
	}
	p.inventory, err = e.inventory(ctx, b.Cluster, op, names, forReal)
	if err != nil {
		return Preview{}, err
	}
	var nodes []*node.Node
	var missing []string
	for i, name := range names {
		n := p.inventory.Find(name)
		if p.Nodes[i] = planFor(op, name, n); n == nil {
			missing = append(missing, name)
		} else {
			nodes = append(nodes, n)
		}
	}
	p.Reach = reachOf(p.inventory.Nodes, p.Nodes, definition.Name == "drain", e.options.Reach)
	p.Digest = digest(p.Nodes, p.Reach)
	if n, ok := op.(operation.Namer); ok {
		p.Named = n.Named(names)
	}
	if c, ok := op.(operation.Conductor); ok {
		survey, err := c.Survey(ctx, p.client, nodes, missing)
		if err != nil {
			return Preview{}, err
		}
		p.Drain = &survey
	}
	if o, ok := op.(operation.Evicting); ok {
		p.Evictions, err = o.Evictions(ctx, p.client, nodes)
	}
	return p, err
}

// inventory reads the nodes to plan over.
func (e *Engine) inventory(ctx context.Context, cluster string, op operation.Operation, names []string, forReal bool) (node.Inventory, error) {
	v, ok := op.(operation.Versioned)
	fresh := forReal && ok && v.Versioned() && len(names) >= readAgain
	all, err := e.nodes.All(ctx, cluster, fresh)
	_, evicts := op.(operation.Evicting)
	if err != nil || fresh || !forReal || !evicts || !slices.ContainsFunc(names, func(name string) bool { return all.Find(name) == nil }) {
		return all, err
	}
	// Nobody would be asked about the pods of a node that the list does not know
	// yet.
	return e.nodes.All(ctx, cluster, true)
}

func planFor(op operation.Operation, name string, n *node.Node) NodePlan {
	if n == nil {
		return NodePlan{Node: name, Plan: operation.Plan{Blockers: []*services.Error{services.NewError(services.CodeNotFound, "error_node_gone")}}}
	}
	return NodePlan{Node: name, UID: n.UID, Plan: op.Plan(n)}
}

// digest sums up which nodes a plan is about, what it changes on each, and how
// far that goes. What every plan has of its own, as the time and the reason of a
// cordon, is left out.
func digest(plans []NodePlan, reach []Reach) string {
	h := sha256.New()
	for _, p := range plans {
		before, after := p.Before, p.After
		before.Annotations, after.Annotations = nil, nil
		// A hash never fails to write, and these values can always be encoded.
		_ = json.NewEncoder(h).Encode([]any{p.Node, p.UID, len(p.Blockers), before, after})
	}
	for _, r := range reach {
		_ = json.NewEncoder(h).Encode([]any{r.Kind, r.Name})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// agreed refuses a plan as long as a consent that it needs is missing, or when
// it is not the plan that was shown.
func (p Preview) agreed(actor services.Actor, cluster string, form url.Values) error {
	if shown := form.Get("plan"); shown != "" && shown != p.Digest {
		return services.NewError(services.CodeConflict, "error_plan_changed")
	}
	if err := agreedKeys(actor, p.Named, cluster, form); err != nil {
		return err
	}
	if p.Drain != nil {
		return p.Drain.Refusal()
	}
	return agreedEvictions(p.Evictions, form.Get("confirm_pods"))
}

// agreedKeys refuses protected keys to all but administrators who have typed the
// cluster's name.
func agreedKeys(actor services.Actor, named []string, cluster string, form url.Values) error {
	keys := strings.Join(named, ", ")
	switch {
	case len(named) == 0:
		return nil
	case !actor.May(services.PermitForce):
		return services.NewError(services.CodeForbidden, "error_protected", "Keys", keys)
	case form.Get("confirm") != cluster:
		return services.Invalid("confirm", "error_confirm_protected", "Keys", keys, "Cluster", cluster)
	default:
		return nil
	}
}

// evictionsUnread is what confirms evictions that nobody could count.
const evictionsUnread = "unknown"

// agreedEvictions wants the number that was shown. Pods come and go: a number
// that is up to a tenth too high agrees to what happens and to a little more. One
// that is too low, or high enough for anything, was said of another plan.
func agreedEvictions(e operation.Evictions, confirmed string) error {
	switch count, err := strconv.Atoi(confirmed); {
	case !e.Any(), e.Unread && confirmed == evictionsUnread:
		return nil
	case e.Unread:
		return services.Invalid("confirm_pods", "error_confirm_pods_unread")
	case err != nil || count < e.Pods || count > e.Pods+e.Pods/10:
		return services.Invalid("confirm_pods", "error_confirm_pods", "Count", e.Pods, "Nodes", len(e.ByNode))
	default:
		return nil
	}
}
