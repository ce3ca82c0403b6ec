package batch

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/rule"
)

// Room is a limit of the nodes that may be out of service at once, and how much of it is
// used: of a cluster, of a pool, or of a control plane, whose members keep a majority.
type Room struct {
	Kind  string `json:"kind"`           // ReachCluster, ReachPool or ReachControlPlane
	Name  string `json:"name,omitempty"` // of the pool
	Max   int    `json:"max"`
	Now   int    `json:"now"`   // nodes that are cordoned or not ready
	After int    `json:"after"` // the same once the batch has cordoned its nodes
}

// limited is some nodes of which only so many may be out of service.
type limited struct {
	part
	max int
}

// limitsOf returns what limits the nodes that may be out of service. The majority of a
// control plane is a limit in every cluster.
func limitsOf(all []*node.Node, l rule.Limits) []limited {
	var out []limited
	for _, p := range partsOf(all) {
		most, has := 0, false
		switch p.kind {
		case ReachCluster:
			most, has = l.Cluster.Of(len(p.nodes))
		case ReachPool:
			most, has = l.Pool.Of(len(p.nodes))
		case ReachControlPlane:
			most, has = (len(p.nodes)-1)/2, len(p.nodes) > 0
		}
		if has {
			out = append(out, limited{p, most})
		}
	}
	return out
}

// out counts the nodes that are out of service, or will be: those that are taken.
func (l limited) out(taken map[string]bool) int {
	n := 0
	for _, member := range l.nodes {
		if isOut(member) || taken[member.Name] {
			n++
		}
	}
	return n
}

// isOut reports whether a node is out of service, whoever took it out.
func isOut(n *node.Node) bool { return n.Unschedulable || n.Status != node.StatusReady }

// exceeded returns the limits that a plan would pass. It is pure.
func exceeded(all []*node.Node, plans []NodePlan, drains bool, l rule.Limits) []Room {
	taken := map[string]bool{}
	for _, p := range plans {
		taken[p.Node] = len(p.Blockers) == 0 && (drains || cordons(p.Plan))
	}
	var out []Room
	for _, limit := range limitsOf(all, l) {
		r := Room{Kind: limit.kind, Name: limit.name, Max: limit.max, Now: limit.out(nil), After: limit.out(taken)}
		if r.After > r.Max && r.After > r.Now {
			out = append(out, r)
		}
	}
	return out
}

// cordons reports whether a plan cordons its node.
func cordons(p operation.Plan) bool { return p.After.Unschedulable != nil && *p.After.Unschedulable }

// passes reports whether an administrator has agreed to pass the limits of a plan. Without
// that, a batch that may wait will, if it is able to: for a limit of none there is never
// room.
func (p Preview) passes(actor services.Actor, cluster string, given Consents) (bool, error) {
	refused := p.noRoom()
	if len(p.Exceeded) == 0 || refused == nil && given.Exceed == "" {
		return false, nil
	}
	err := cmp.Or(refused, &p.Exceeded[0]).consent(cluster).Check(actor, given.Exceed)
	return err == nil, err
}

// noRoom returns the limit for which the batch is refused, unless an administrator agrees to
// pass it; nil for none.
func (p Preview) noRoom() *Room {
	for i, r := range p.Exceeded {
		if !p.Waits || r.Max < 1 {
			return &p.Exceeded[i]
		}
	}
	return nil
}

// consent returns what an administrator types to pass the limit.
func (r Room) consent(cluster string) *operation.Consent {
	denied, missing := "error_limit_cluster", "error_exceed_cluster"
	switch r.Kind {
	case ReachPool:
		denied, missing = "error_limit_pool", "error_exceed_pool"
	case ReachControlPlane:
		denied, missing = "error_limit_control_plane", "error_exceed_control_plane"
	}
	args := []any{"Name", r.Name, "Max", r.Max, "After", r.After, "Cluster", cluster}
	return &operation.Consent{
		Type: cluster, Permit: services.PermitForce,
		Denied:  services.NewError(services.CodeForbidden, denied, args...),
		Missing: services.Invalid("exceed", missing, args...),
	}
}

// capacity hands out the room that limits leave, so that batches at the same time do not
// take the same.
type capacity struct {
	mu       sync.Mutex
	clusters map[string]*taken
}

// taken is the nodes of a cluster that batches have taken, or are about to. Its lock is
// held while the nodes are counted.
type taken struct {
	sync.Mutex
	nodes map[string]bool
}

func newCapacity() *capacity { return &capacity{clusters: map[string]*taken{}} }

func (c *capacity) of(cluster string) *taken {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.clusters[cluster]
	if t == nil {
		t = &taken{nodes: map[string]bool{}}
		c.clusters[cluster] = t
	}
	return t
}

// leave gives up nodes whose items have ended: from here on they are out of service if
// the cluster says so.
func (c *capacity) leave(cluster string, items []Item) {
	t := c.of(cluster)
	t.Lock()
	defer t.Unlock()
	for _, it := range items {
		delete(t.nodes, it.Node)
	}
}

// fit returns how many of the items, from the first one on, fit into the limits, and takes
// their nodes. If none does, it returns the limit that is in the way.
func (t *taken) fit(limits []limited, find func(name string) *node.Node, items []Item) (n int, full *Room) {
	rooms := map[string][]*Room{} // by node
	for _, l := range limits {
		r := &Room{Kind: l.kind, Name: l.name, Max: l.max, Now: l.out(t.nodes)}
		for _, member := range l.nodes {
			rooms[member.Name] = append(rooms[member.Name], r)
		}
	}
	for i, it := range items {
		seen := find(it.Node)
		if seen == nil || isOut(seen) || t.nodes[it.Node] {
			continue
		}
		for _, r := range rooms[it.Node] {
			if r.Now >= r.Max {
				r.After = r.Now + 1
				return i, r
			}
		}
		for _, r := range rooms[it.Node] {
			r.Now++
		}
		t.nodes[it.Node] = true
	}
	return len(items), nil
}

// lookForRoomEvery is how long a batch waits before it counts the nodes again.
const lookForRoomEvery = 5 * time.Second

// admit waits until the first of the items may be taken out of service, and returns how
// many of them may. It returns an error when no more items are to be begun.
func (r *run) admit(items []Item) (n int, err error) {
	if r.pace.rollout.Exceed || !r.takesOut(items) {
		return len(items), nil
	}
	defer r.setFull(nil)
	for {
		n, full, err := r.tryAdmit(items)
		if n > 0 {
			return n, nil
		}
		if err != nil {
			r.log.Warn("The nodes that are out of service cannot be counted", "error", err)
		}
		r.setFull(full)
		wait := time.NewTimer(lookForRoomEvery)
		select {
		case <-wait.C:
		case <-r.pace.take.Done():
			wait.Stop()
			return 0, r.pace.stopped()
		}
	}
}

// takesOut reports whether the batch cordons any of the nodes.
func (r *run) takesOut(items []Item) bool {
	return r.define.Drains || r.define.Name == operation.Cordon ||
		slices.ContainsFunc(items, func(it Item) bool { return cordons(operation.Plan{After: stateOf(it.After)}) })
}

// tryAdmit is admit without the wait.
func (r *run) tryAdmit(items []Item) (n int, full *Room, err error) {
	ctx, cancel := r.reading()
	defer cancel()
	held, err := r.engine.rules.Of(ctx, r.batch.Cluster)
	if err != nil {
		return 0, nil, err
	}
	t := r.engine.capacity.of(r.batch.Cluster)
	t.Lock()
	defer t.Unlock()
	all, err := r.engine.nodes.All(ctx, r.batch.Cluster, !held.Limits.None())
	if err != nil && held.Limits.None() {
		return len(items), nil, nil // each item says what is wrong with the cluster
	}
	if err != nil {
		return 0, nil, err
	}
	n, full = t.fit(limitsOf(all.Nodes, held.Limits), all.Find, items)
	return n, full, nil
}

// setFull notes the limit that the batch waits for.
func (r *run) setFull(full *Room) {
	r.mu.Lock()
	moved := (full == nil) != (r.full == nil) || full != nil && *full != *r.full
	r.full = full
	r.mu.Unlock()
	if moved {
		r.changed()
	}
}

func (r *run) waitsForRoom() *Room {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.full
}

// limits finds out which limits a plan would pass. For a plan that is to be carried out, it
// counts the nodes as they are now.
func (e *Engine) limits(ctx context.Context, p *Preview, proposed *proposal, forReal bool) error {
	limits, all := proposed.rules.Limits, p.inventory
	if forReal && !limits.None() {
		var err error
		all, err = e.nodes.All(ctx, proposed.batch.Cluster, true)
		if err != nil {
			return err
		}
	}
	p.Waits = limits.Wait
	p.Exceeded = exceeded(all.Nodes, p.Nodes, proposed.define.Drains, limits)
	return nil
}
