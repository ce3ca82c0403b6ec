package batch

import (
	"context"
	"maps"
	"slices"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/rule"
)

// Others are who else is at work on nodes of a plan, by node. Somebody has to agree before
// the batch works on them.
type Others map[string][]node.Actor

// Nodes returns the names of the nodes, sorted.
func (o Others) Nodes() []string { return slices.Sorted(maps.Keys(o)) }

// kinds returns the kinds of actors on any of the nodes, as text.
func (o Others) kinds() string {
	found := map[string]bool{}
	for _, actors := range o {
		for _, a := range actors {
			found[a.Kind] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(found)), ", ")
}

// texts returns who is at work where, as node/kind.
func (o Others) texts() []string {
	var all []string
	for _, name := range o.Nodes() {
		for _, a := range o[name] {
			all = append(all, name+"/"+a.Kind)
		}
	}
	return all
}

// among reports whether all of them are among some that were agreed to.
func (o Others) among(agreed []string) bool {
	return !slices.ContainsFunc(o.texts(), func(text string) bool { return !slices.Contains(agreed, text) })
}

// noteOthers warns of who else is at work on the nodes that a plan changes, and notes on
// which of them it needs a consent.
func (p *Preview) noteOthers(define operation.Definition, elsewhere node.Elsewhere) {
	p.Others = Others{}
	p.OthersUnread = elsewhere.Unread
	for i, n := range p.Nodes {
		seen := p.inventory.Find(n.Node)
		if seen == nil || !define.Drains && !n.Changes() {
			continue
		}
		for _, a := range node.WithActors(seen.Actors, elsewhere.Actors[n.Node]) {
			p.Nodes[i].Warnings = append(p.Nodes[i].Warnings, warningOf(a))
			if asksFor(a, n.Plan) {
				p.Others[n.Node] = append(p.Others[n.Node], a)
			}
		}
	}
}

// elsewhere returns who is at work on the nodes of a cluster by what they keep outside of
// the nodes. Leases of this installation are no news.
func (e *Engine) elsewhere(ctx context.Context, cluster string, leases rule.Lease, fresh bool) node.Elsewhere {
	found := e.nodes.Elsewhere(ctx, cluster, node.ElsewhereQuery{
		Namespace: leases.Namespace, Leases: leases.Hold, Fresh: fresh,
	})
	actors := make(map[string][]node.Actor, len(found.Actors))
	for name, all := range found.Actors {
		for _, a := range all {
			if a.Kind != node.ActorLease || !e.holds(ctx, a.Mark) {
				actors[name] = append(actors[name], a)
			}
		}
	}
	found.Actors = actors
	return found
}

// Actors returns who else is at work on a node, by what the node itself says and by what
// they keep elsewhere.
//
// Errors: CodeForbidden.
func (e *Engine) Actors(ctx context.Context, cluster string, n *node.Node) ([]node.Actor, error) {
	if err := services.RequireIn(ctx, cluster, services.PermitSee); err != nil {
		return nil, err
	}
	rules, err := e.rules.Of(ctx, cluster)
	if err != nil {
		return nil, err
	}
	return node.WithActors(n.Actors, e.elsewhere(ctx, cluster, rules.Lease, false).Actors[n.Name]), nil
}

// warnOfOthers moves these warnings of a drain to its own plan, which its readers look at.
func (p *Preview) warnOfOthers() {
	if p.Drain == nil {
		return
	}
	warnings := map[string][]*services.Error{}
	for i, n := range p.Nodes {
		warnings[n.Node], p.Nodes[i].Warnings = n.Warnings, nil
	}
	for i, n := range p.Drain.Nodes {
		p.Drain.Nodes[i].Warnings = append(n.Warnings, warnings[n.Node]...)
	}
}

// disturbs reports whether an operation may get in somebody's way: it closes nodes, opens
// them, or takes their pods.
func disturbs(define operation.Definition) bool {
	switch define.Name {
	case operation.Cordon, operation.Uncordon, operation.Drain, operation.Taint, operation.CopyTaints, operation.Undo:
		return true
	default:
		return false
	}
}

// asksFor reports whether a plan for the node of an actor needs a consent. Somebody else's
// cordon is in the way of nothing but its end.
func asksFor(a node.Actor, p operation.Plan) bool {
	if a.Kind == node.ActorCordon {
		return p.After.Unschedulable != nil && !*p.After.Unschedulable
	}
	return a.Firm()
}

// warningOf returns the warning that somebody else is at work on a node.
func warningOf(a node.Actor) *services.Error {
	id, args := a.Text()
	return services.NewError(services.CodeConflict, id, args...)
}

// agreedOthers wants the consent to work where others do.
func (p Preview) agreedOthers(given Consents) error {
	if len(p.Others) == 0 || given.Others {
		return nil
	}
	return services.Invalid("others", "error_others", "Count", len(p.Others), "Actors", p.Others.kinds())
}
