package node

import (
	"cmp"
	"slices"
)

// order is a column that the table sorts by.
type order struct {
	key     string
	pods    bool // it depends on the pods
	compare func(a, b *Node, usage Usages) int
}

// SortName is the default order of the table.
const SortName = "name"

// orders lists them, the default first.
func orders() []order {
	return []order{
		{key: SortName, compare: byName},
		{key: "cluster", compare: func(a, b *Node, _ Usages) int { return compareNames(a.Cluster, b.Cluster) }},
		{key: "status", compare: func(a, b *Node, _ Usages) int { return cmp.Compare(severity(a), severity(b)) }},
		{key: "version", compare: func(a, b *Node, _ Usages) int { return compareNames(a.Version, b.Version) }},
		{key: "zone", compare: func(a, b *Node, _ Usages) int { return cmp.Compare(a.Zone, b.Zone) }},
		{key: "pool", compare: func(a, b *Node, _ Usages) int { return cmp.Compare(a.Pool, b.Pool) }},
		{key: "gpus", compare: func(a, b *Node, _ Usages) int { return cmp.Compare(a.GPUCount(), b.GPUCount()) }},
		{key: "age", compare: func(a, b *Node, _ Usages) int { return b.CreatedAt.Compare(a.CreatedAt) }},
		{key: "cpu", pods: true, compare: byUsage(func(n *Node, u Usage) float64 { return share(u.CPU, n.AllocatableCPU) })},
		{key: "memory", pods: true, compare: byUsage(func(n *Node, u Usage) float64 {
			return share(u.Memory, n.AllocatableMemory)
		})},
		{key: "pods", pods: true, compare: byUsage(func(_ *Node, u Usage) float64 { return float64(u.Pods) })},
	}
}

// SortKeys are the columns that the table sorts by, the default first.
func SortKeys() []string {
	var keys []string
	for _, o := range orders() {
		keys = append(keys, o.key)
	}
	return keys
}

// order returns the order that the query asks for, by name when it asks for none.
func (q Query) order() order {
	all := orders()
	return all[max(0, slices.IndexFunc(all, func(o order) bool { return o.key == q.Sort }))]
}

// needsUsage reports whether the order of the table or its search depends on pods.
func (q Query) needsUsage() bool {
	return q.order().pods || slices.ContainsFunc(parse(q.Text).words, func(w word) bool { return w.usage })
}

func (q Query) sort(nodes []*Node, usage Usages) {
	compare := q.order().compare
	inOrder := func(a, b *Node) int {
		by := compare(a, b, usage)
		if q.Desc {
			by = -by
		}
		return cmp.Or(by, compareNames(a.Name, b.Name), compareNames(a.Cluster, b.Cluster))
	}
	if slices.IsSortedFunc(nodes, inOrder) { // as by name, mostly
		return
	}
	slices.SortStableFunc(nodes, inOrder)
}

func byName(a, b *Node, _ Usages) int { return compareNames(a.Name, b.Name) }

func byUsage(of func(*Node, Usage) float64) func(a, b *Node, usage Usages) int {
	return func(a, b *Node, usage Usages) int {
		usedA, _ := usage.Of(a)
		usedB, _ := usage.Of(b)
		return cmp.Compare(of(a, usedA), of(b, usedB))
	}
}

func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
