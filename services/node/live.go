package node

import (
	"reflect"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// sighting is the newest state of a node that a watch has seen.
type sighting struct {
	node    *Node
	deleted bool // node is its last state
}

func newSighting(n *corev1.Node, deleted bool) sighting {
	return sighting{node: FromKube(n), deleted: deleted}
}

// isNewer reports whether one resource version is newer than another. Those of one
// resource can be compared if they are numbers, as every API server with etcd has them.
func isNewer(version, than string) bool {
	order, err := resourceversion.CompareResourceVersion(version, than)
	return err == nil && order > 0
}

// isComparable reports whether isNewer can say anything about a version.
func isComparable(version string) bool {
	_, err := resourceversion.CompareResourceVersion(version, version)
	return err == nil
}

// with returns the inventory with what a watch has seen, as far as that is newer. The
// result is false if nobody would see a difference.
func (i Inventory) with(seen map[string]sighting) (Inventory, bool) {
	next := make(map[string]*Node, len(i.byName)+len(seen))
	for name, n := range i.byName {
		next[name] = n
	}
	changed, version := false, i.version
	for name, s := range seen {
		old, at := i.byName[name], s.node.ResourceVersion
		if isNewer(at, version) {
			version = at
		}
		switch {
		case old == nil && (s.deleted || !isNewer(at, i.version)):
		case old != nil && !isNewer(at, old.ResourceVersion):
		case s.deleted:
			delete(next, name)
			changed = true
		case old == nil || !looksLike(old, s.node):
			next[name] = s.node
			changed = true
		}
	}
	if !changed {
		return i, false
	}
	return inventoryOf(next, version), true
}

// looksLike reports whether two states of a node differ in their version only, as after
// a heartbeat.
func looksLike(a, b *Node) bool {
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
		if theirs == nil || n.ResourceVersion != theirs.ResourceVersion && !looksLike(n, theirs) {
			return false
		}
	}
	return true
}

// inventoryOf returns the inventory of these nodes at a resource version.
func inventoryOf(byName map[string]*Node, version string) Inventory {
	v := Inventory{Nodes: make([]*Node, 0, len(byName)), byName: byName, version: version}
	for _, n := range byName {
		v.Nodes = append(v.Nodes, n)
	}
	sortByName(v.Nodes)
	v.summary = sync.OnceValue(func() Summary { return summarize(v.Nodes) })
	return v
}
