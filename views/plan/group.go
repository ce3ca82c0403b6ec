package plan

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/ui"
)

// Closed is a cluster of a selection in which the user may not do it, or that does not
// answer. Its nodes are only left out if the user agrees.
type Closed struct {
	Cluster string
	Nodes   int
	Why     *ui.Problem
	Agreed  bool
}

// Group returns the view of a plan over several clusters, of what it has in each of them
// and of what it has for all. The nodes of whole are named with their clusters.
func Group(whole View, parts []View) View {
	whole.Cluster, whole.Parts, whole.MayForce = "", parts, true
	for i := range parts {
		parts[i].Number = i + 1
		whole.add(parts[i])
	}
	return whole
}

// add adds the plan of a cluster to that of all.
func (v *View) add(part View) {
	refs := namer(part.Cluster)
	v.Summary.Total += part.Summary.Total
	v.Summary.Changed += part.Summary.Changed
	v.Summary.Unchanged += part.Summary.Unchanged
	v.Summary.Blocked += part.Summary.Blocked
	v.Reach = append(v.Reach, part.Reach...)
	for _, n := range part.Nodes {
		n.Node = refs(n.Node)
		v.Nodes = append(v.Nodes, n)
	}
	if part.Drain != nil {
		v.addDrain(part.Drain, refs)
	}
	if part.Change != nil {
		v.addChange(*part.Change)
		v.MayForce = v.MayForce && (part.MayForce || len(part.Change.Named) == 0)
	}
}

// namer returns a function that names the nodes of a cluster among those of others.
func namer(cluster string) func(name string) string {
	return func(name string) string { return node.Ref{Cluster: cluster, Name: name}.String() }
}

func (v *View) addDrain(p *drain.Plan, refs func(string) string) {
	if v.Drain == nil {
		v.Drain = &drain.Plan{}
	}
	v.Drain.Counts.Add(p.Counts)
	for _, n := range p.Nodes {
		n.Node = refs(n.Node)
		v.Drain.Nodes = append(v.Drain.Nodes, n)
	}
	v.addRestarts(p, refs)
}

func (v *View) addChange(c Change) {
	if v.Change == nil {
		v.Change = &Change{Fields: c.Fields, Edit: c.Edit, Moved: c.Moved}
	}
	v.Change.Evictions.Pods += c.Evictions.Pods
	v.Change.Evictions.Unread = v.Change.Evictions.Unread || c.Evictions.Unread
	for _, key := range c.Named {
		if !slices.Contains(v.Change.Named, key) {
			v.Change.Named = append(v.Change.Named, key)
		}
	}
}

// spans reports whether the view is of a plan over several clusters.
func spans(v View) bool { return v.Cluster == "" }

// where returns what a plan is about: a cluster, or how many.
func where(ctx context.Context, v View) string {
	if !spans(v) {
		return v.Cluster
	}
	return ui.N(ctx, "clusters_count", len(v.Parts))
}

// partID returns an element id that no other part of the page has.
func partID(v View, id string) string {
	if v.Number == 0 {
		return id
	}
	return id + "-" + strconv.Itoa(v.Number)
}

// refsOf returns the nodes of a part as the form names them.
func refsOf(part View) []string {
	refs, names := namer(part.Cluster), make([]string, len(part.Names))
	for i, name := range part.Names {
		names[i] = refs(name)
	}
	return names
}

// confirmPodsOf returns the value of the field with which the evictions of a part are
// confirmed.
func confirmPodsOf(part View, e operation.Evictions) string {
	return node.Ref{Cluster: part.Cluster, Name: confirmPods(e)}.String()
}

// closedText says why the nodes of a cluster are not in the plan.
func closedText(ctx context.Context, c Closed) string {
	return ui.N(ctx, "plan_closed", c.Nodes, "Cluster", c.Cluster, "Why", cmp.Or(c.Why.Text, c.Why.Hint))
}

// closedID returns the element id of the consent to leave out a cluster: the first is
// where the error of the field leads.
func closedID(i int) string {
	if i == 0 {
		return "opt-leave"
	}
	return "opt-leave-" + strconv.Itoa(i)
}
