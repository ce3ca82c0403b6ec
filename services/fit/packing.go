package fit

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services/node"
)

// packing is pods in groups that may run on the same nodes.
type packing struct {
	pods   []podNeed
	groups []*group
	known  bool // what is free is known, not only what there is
	unsure map[string]int
	free   map[string]need // by node
}

// group is pods that may run on the same nodes.
type group struct {
	nodes []string
	pods  []podNeed
}

// podNeed is a pod that needs room.
type podNeed struct {
	need   need
	unsure string // what decides beside resources; "" for nothing
}

// need is an amount of each resource, in the units of node.Usage, and GPUs by their name.
type need struct {
	cpu, memory, pods int64
	gpu               string // the one kind that it is about, if any
	gpus              int64
	mixed             bool // of a node with several kinds of GPUs: which of them are free is not known
}

func newPacking(f Facts) *packing {
	p := &packing{known: f.Usage != nil, unsure: map[string]int{}, free: map[string]need{}}
	var candidates []*node.Node
	for _, n := range f.Nodes {
		if !f.Leaving[n.Name] && !n.Unschedulable && n.Status == node.StatusReady {
			candidates = append(candidates, n)
			p.free[n.Name] = freeOn(n, f.Usage[n.Name])
		}
	}
	groups := map[string]*group{}
	for _, pod := range f.Pods {
		if !returns(pod) {
			continue
		}
		one := podNeed{needOf(pod), decidedBy(pod)}
		key := placeOf(pod)
		if groups[key] == nil {
			groups[key] = &group{nodes: nodesFor(pod, candidates)}
			p.groups = append(p.groups, groups[key])
		}
		groups[key].pods = append(groups[key].pods, one)
		p.pods = append(p.pods, one)
		if one.unsure != "" {
			p.unsure[one.unsure]++
		}
	}
	return p
}

// freeOn returns what is free on a node. Of a node with several kinds of GPUs it is not
// known which of them are used.
func freeOn(n *node.Node, used node.Usage) need {
	free := need{
		cpu: max(0, n.AllocatableCPU-used.CPU), memory: max(0, n.AllocatableMemory-used.Memory),
		pods: max(0, n.AllocatablePods-used.Pods),
	}
	free.mixed = len(n.GPUs) > 1
	if free.mixed {
		free.gpus = n.GPUCount()
		return free
	}
	for name, amount := range n.GPUs {
		free.gpu, free.gpus = name, max(0, amount-used.GPUs)
	}
	return free
}

// times returns how many pods of a size have room for sure.
func (n need) times(of need) int64 {
	count := n.pods
	for _, r := range [][2]int64{{n.cpu, of.cpu}, {n.memory, of.memory}} {
		if r[1] > 0 {
			count = min(count, r[0]/r[1])
		}
	}
	switch {
	case of.gpus == 0:
		return count
	case n.gpu != of.gpu:
		return 0
	default:
		return min(count, n.gpus/of.gpus)
	}
}

// largest returns a pod as large as any of them in each resource. The result is false if
// they want different kinds of GPUs: no node is good for all then.
func (p *packing) largest() (need, bool) {
	var most need
	for _, pod := range p.pods {
		if pod.need.gpus > 0 && most.gpus > 0 && pod.need.gpu != most.gpu {
			return need{}, false
		}
		most.cpu, most.memory = max(most.cpu, pod.need.cpu), max(most.memory, pod.need.memory)
		if pod.need.gpus > 0 {
			most.gpu, most.gpus = pod.need.gpu, max(most.gpus, pod.need.gpus)
		}
	}
	return most, true
}

// lower returns how many pods find room for sure, wherever the scheduler puts them. A node
// refuses a pod only if it has as many new ones already as have room on it when all are as
// large as the largest. So the pods of a group find room while all pods together are no
// more than that many on each of its nodes.
func (p *packing) lower() int {
	most, ok := p.largest()
	if !ok {
		return 0
	}
	sure := 0
	for _, g := range p.groups {
		room, certain := int64(0), g.certain()
		for _, name := range g.nodes {
			room += p.free[name].times(most)
		}
		others := len(p.pods) - certain
		sure += max(0, min(certain, int(room)-others))
	}
	return sure
}

// certain returns for how many pods only resources decide, beside their nodes.
func (g *group) certain() int {
	count := 0
	for _, pod := range g.pods {
		if pod.unsure == "" {
			count++
		}
	}
	return count
}

// maxChecks bounds the comparisons of single pods with single nodes.
const maxChecks = 5_000_000

// upper returns how many pods can find room at most, and how many are too large for any of
// their nodes.
func (p *packing) upper() (upper, nowhere int) {
	checks := 0
	for _, g := range p.groups {
		sizes := map[need]bool{} // whether one has room
		var placeable []need
		for _, pod := range g.pods {
			fits, seen := sizes[pod.need]
			if !seen {
				fits = checks > maxChecks || p.hasRoom(g, pod.need)
				checks += len(g.nodes)
				sizes[pod.need] = fits
			}
			if fits {
				placeable = append(placeable, pod.need)
			}
		}
		nowhere += len(g.pods) - len(placeable)
		upper += within(placeable, p.sum(g.nodes))
	}
	return min(upper, len(p.pods)), nowhere
}

// hasRoom reports whether one of the group's nodes may have room for a pod.
func (p *packing) hasRoom(g *group, of need) bool {
	return slices.ContainsFunc(g.nodes, func(name string) bool {
		free, asked := p.free[name], of
		if free.mixed {
			asked.gpus = 0
		}
		return free.times(asked) > 0
	})
}

func (p *packing) sum(nodes []string) need {
	var total need
	for _, name := range nodes {
		free := p.free[name]
		total.cpu, total.memory, total.pods = total.cpu+free.cpu, total.memory+free.memory, total.pods+free.pods
		total.gpus += free.gpus
	}
	return total
}

// within returns how many pods are no more together than an amount, in each resource,
// beginning with the smallest.
func within(pods []need, amount need) int {
	count := int(min(int64(len(pods)), amount.pods))
	for _, r := range []struct {
		of   func(need) int64
		free int64
	}{
		{func(n need) int64 { return n.cpu }, amount.cpu},
		{func(n need) int64 { return n.memory }, amount.memory},
		{func(n need) int64 { return n.gpus }, amount.gpus},
	} {
		sizes := make([]int64, len(pods))
		for i, pod := range pods {
			sizes[i] = r.of(pod)
		}
		slices.Sort(sizes)
		left, some := r.free, 0
		for _, size := range sizes {
			left -= size
			if left < 0 {
				break
			}
			some++
		}
		count = min(count, some)
	}
	return count
}

// union returns the nodes where one of the pods may run.
func (p *packing) union() map[string]bool {
	all := map[string]bool{}
	for _, g := range p.groups {
		for _, name := range g.nodes {
			all[name] = true
		}
	}
	return all
}

// amounts returns what the pods need, and what is free on their nodes.
func (p *packing) amounts() []Amount {
	free := p.sum(slices.Collect(maps.Keys(p.union())))
	mark := Exact
	if !p.known {
		mark = AtMost
	}
	var needed need
	for _, pod := range p.pods {
		needed.cpu, needed.memory = needed.cpu+pod.need.cpu, needed.memory+pod.need.memory
		needed.gpus += pod.need.gpus
	}
	list := []Amount{
		{string(corev1.ResourceCPU), "cpu", needed.cpu, Figure{mark, free.cpu}},
		{string(corev1.ResourceMemory), "memory", needed.memory, Figure{mark, free.memory}},
		{string(corev1.ResourcePods), "", int64(len(p.pods)), Figure{mark, free.pods}},
	}
	if needed.gpus > 0 {
		list = append(list, Amount{"gpus", "", needed.gpus, Figure{AtMost, free.gpus}})
	}
	return list
}
