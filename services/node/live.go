package node

import (
	"maps"
	"reflect"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services/kube"
)

// sighting is the newest state of a node that a watch has seen.
type sighting struct {
	node    *Node
	deleted bool // node is its last state
}

func newSighting(n *corev1.Node, deleted bool) sighting {
	return sighting{node: FromKube(n), deleted: deleted}
}

// with returns the inventory with what a watch has seen, as far as that is newer. The
// result is false if nobody would see a difference.
func (i Inventory) with(seen map[string]sighting) (Inventory, bool) {
	byName, version, changed := maps.Clone(i.byName), i.version, false
	var added []*Node
	for name, s := range seen {
		old, at := i.byName[name], s.node.ResourceVersion
		if kube.Older(version, at) {
			version = at
		}
		switch {
		case old == nil && (s.deleted || !kube.Older(i.version, at)):
		case old != nil && !kube.Older(old.ResourceVersion, at):
		case s.deleted:
			delete(byName, name)
			changed = true
		case old == nil:
			added = append(added, s.node)
		case !lookAlike(old, s.node):
			byName[name] = s.node
			changed = true
		}
	}
	if !changed && added == nil {
		return i, false
	}
	return i.replaced(byName, added, version), true
}

// replaced returns an inventory with the nodes that are in byName still, and with added
// ones. Sorting thousands of names takes longer than everything else, so it is done for
// added nodes only.
func (i Inventory) replaced(byName map[string]*Node, added []*Node, version string) Inventory {
	nodes := make([]*Node, 0, len(byName)+len(added))
	for _, n := range i.Nodes {
		if now := byName[n.Name]; now != nil {
			nodes = append(nodes, now)
		}
	}
	if len(added) == 0 {
		return inventoryOf(nodes, byName, version)
	}
	for _, n := range added {
		byName[n.Name] = n
	}
	nodes = append(nodes, added...)
	sortByName(nodes)
	return inventoryOf(nodes, byName, version)
}

// lookAlike reports whether two states of a node differ in their version only, as after
// a heartbeat.
func lookAlike(a, b *Node) bool {
	left, right := *a, *b
	left.ResourceVersion, right.ResourceVersion = "", ""
	return reflect.DeepEqual(left, right)
}

// looksLike reports whether nobody would see a difference between two inventories.
func (i Inventory) looksLike(other Inventory) bool {
	if len(i.byName) != len(other.byName) {
		return false
	}
	for name, n := range i.byName {
		theirs := other.byName[name]
		if theirs == nil || n.ResourceVersion != theirs.ResourceVersion && !lookAlike(n, theirs) {
			return false
		}
	}
	return true
}

// inventoryOf returns the inventory of sorted nodes at a resource version.
func inventoryOf(nodes []*Node, byName map[string]*Node, version string) Inventory {
	return Inventory{
		Nodes: nodes, byName: byName, version: version,
		summary: sync.OnceValue(func() Summary { return summarize(nodes) }),
		drift:   sync.OnceValue(func() []Drift { return FindDrift(nodes) }),
	}
}
