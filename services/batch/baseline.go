package batch

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"

	"kube-node-manager/services/node"
	"kube-node-manager/services/rule"
)

// baseline is a cluster before the first wave of a batch.
type baseline struct {
	Ready     []string `json:"ready,omitempty"` // nodes
	Pending   int      `json:"pending"`         // pods that cannot be scheduled
	Workloads []begun  `json:"workloads,omitempty"`
}

// begun is a workload that had Ready pods on nodes of the batch.
type begun struct {
	node.Workload
	Ready int    `json:"ready"` // its pods in the whole cluster
	Node  string `json:"node"`  // the first of the nodes in the order of the batch
}

// maxBegun bounds how many workloads are watched.
const maxBegun = 10_000

// measure returns the state of the cluster before some waves; all of it, whatever its rules
// demand: they may change.
func (r *run) measure(ctx context.Context, waves []wave) (b baseline, err error) {
	found, err := r.engine.nodes.All(ctx, r.batch.Cluster, true)
	if err != nil {
		return b, err
	}
	for _, n := range found.Nodes {
		if n.Status == node.StatusReady {
			b.Ready = append(b.Ready, n.Name)
		}
	}
	first := map[node.Workload]string{}
	if r.op.MovesPods() {
		first, err = r.workloadsOn(ctx, waves)
	}
	if err != nil {
		return b, err
	}
	ready := make(map[node.Workload]int, len(first))
	for w := range first {
		ready[w] = 0
	}
	b.Pending, err = node.CountPods(ctx, r.client, ready)
	for w, n := range ready {
		if n > 0 {
			b.Workloads = append(b.Workloads, begun{w, n, first[w]})
		}
	}
	slices.SortFunc(b.Workloads, func(a, b begun) int { return a.Workload.Compare(b.Workload) })
	return b, err
}

// workloadsOn returns the workloads with pods on the nodes of some waves, and for each the
// first of those nodes.
func (r *run) workloadsOn(ctx context.Context, waves []wave) (map[node.Workload]string, error) {
	var nodes []string
	for _, w := range waves {
		nodes = append(nodes, nodesOf(w.items)...)
	}
	first, all, err := node.WorkloadsOn(ctx, r.client, nodes, maxBegun)
	if !all {
		r.log.Warn("The batch moves pods of more workloads than are watched", "watched", maxBegun)
	}
	return first, err
}

// check returns what the rules demand and the cluster does not meet.
func (r *run) check(ctx context.Context, o rule.Health) []Finding {
	var found []Finding
	add := func(findings []Finding, err error) {
		if err != nil {
			findings = []Finding{unread(err)}
		}
		found = append(found, findings...)
	}
	if o.Nodes {
		add(r.checkNodes(ctx))
	}
	if o.Pending != nil || o.Workloads > 0 {
		add(r.checkPods(ctx, o))
	}
	if o.Prometheus != "" {
		found = append(found, r.checkQuery(ctx, o)...)
	}
	return slices.CompactFunc(found, func(a, b Finding) bool { return a.Check == CheckCluster && b.Check == CheckCluster })
}

func (r *run) checkNodes(ctx context.Context) ([]Finding, error) {
	now, err := r.engine.nodes.All(ctx, r.batch.Cluster, true)
	if err != nil {
		return nil, err
	}
	lost := r.begin.lost(now)
	if len(lost) == 0 {
		return nil, nil
	}
	return []Finding{{Check: CheckNodes, Count: len(lost), Nodes: lost[:min(FindingShown, len(lost))]}}, nil
}

// lost returns the nodes that were Ready and are not. One that is gone is neither.
func (b *baseline) lost(now node.Inventory) []string {
	var lost []string
	for _, name := range b.Ready {
		n := now.Find(name)
		if n != nil && n.Status != node.StatusReady {
			lost = append(lost, name)
		}
	}
	return lost
}

func (r *run) checkPods(ctx context.Context, o rule.Health) ([]Finding, error) {
	needed := map[node.Workload]int{}
	if o.Workloads > 0 {
		needed = r.begin.needed(o.Workloads, r.hasEnded)
	}
	ready := maps.Clone(needed)
	for w := range ready {
		ready[w] = 0
	}
	if o.Pending == nil && len(needed) == 0 {
		return nil, nil
	}
	pending, err := node.CountPods(ctx, r.client, ready)
	if err != nil {
		return nil, err
	}
	return append(r.begin.crowded(o.Pending, pending), missing(needed, ready)...), nil
}

// crowded returns a finding if more pods cannot be scheduled than may be.
func (b *baseline) crowded(more *int, pending int) []Finding {
	if more == nil || pending <= b.Pending+*more {
		return nil
	}
	return []Finding{{Check: CheckPending, Count: pending, Most: b.Pending + *more}}
}

// needed returns how many Ready pods the workloads must have whose pods were on nodes that
// the batch is done with.
func (b *baseline) needed(percent int, ended func(node string) bool) map[node.Workload]int {
	const all = 100
	needed := map[node.Workload]int{}
	for _, w := range b.Workloads {
		if ended(w.Node) {
			needed[w.Workload] = (w.Ready*percent + all - 1) / all
		}
	}
	return needed
}

// missing returns a finding if workloads have fewer Ready pods than they need; it names
// those first that miss the most.
func missing(needed, ready map[node.Workload]int) []Finding {
	var short []WorkloadHealth
	for w, n := range needed {
		if ready[w] < n {
			short = append(short, WorkloadHealth{w, ready[w], n})
		}
	}
	if len(short) == 0 {
		return nil
	}
	slices.SortFunc(short, func(a, b WorkloadHealth) int {
		return cmp.Or(cmp.Compare(a.Ready-a.Needed, b.Ready-b.Needed), a.Workload.Compare(b.Workload))
	})
	return []Finding{{Check: CheckWorkloads, Count: len(short), Workloads: short[:min(FindingShown, len(short))]}}
}

func (r *run) checkQuery(ctx context.Context, o rule.Health) []Finding {
	if r.engine.metrics == nil {
		return nil
	}
	f := Finding{Check: CheckPrometheus, Below: number(o.Below)}
	value, err := r.engine.metrics.Highest(ctx, o.Prometheus, o.Query)
	switch {
	case err != nil:
		f.Error = textOf(err)
	case value < o.Below:
		return nil
	default:
		f.Value = number(value)
	}
	return []Finding{f}
}

func number(value float64) string { return strconv.FormatFloat(value, 'g', 6, 64) }

// inProgress notes which nodes the batch is not done with.
func (r *run) inProgress(items []Item) {
	r.open = make(map[string]int, len(items))
	for _, it := range items {
		r.open[it.Node] = it.Seq
	}
}

// hasEnded reports whether the batch is done with a node.
func (r *run) hasEnded(name string) bool {
	seq, open := r.open[name]
	return !open || r.ledger.hasSettled(seq)
}
