package node

import (
	"cmp"
	"slices"
	"strings"
)

// Drift is a label or a taint in which a few nodes of a pool differ from all the others.
type Drift struct {
	Pool   string  `json:"pool"`
	Key    string  `json:"key"`
	Effect string  `json:"effect,omitempty"` // of a taint; a label has none
	Want   *string `json:"want"`             // the value of the others; null if they have none
	Agree  int     `json:"agree"`            // nodes of the pool that are as the others
	Odd    []Odd   `json:"odd"`              // nodes that differ, by name
}

// Odd is a node that differs from its pool.
type Odd struct {
	Node  string  `json:"node"`
	Value *string `json:"value"` // null if it has none
}

// Limits of what counts as drift: so many nodes of a pool, and such a share of it, must be
// alike for the others to be the exception.
const (
	driftAgree = 3
	driftShare = 80 // percent
)

// FindDrift returns the drift of every pool, by pool and key. Keys whose values differ from
// node to node by nature are left out: see differsByNature.
func FindDrift(nodes []*Node) []Drift {
	byPool := map[string][]*Node{}
	for _, n := range nodes {
		if n.Pool != "" {
			byPool[n.Pool] = append(byPool[n.Pool], n)
		}
	}
	var out []Drift
	for pool, members := range byPool {
		if len(members) > driftAgree {
			out = append(out, driftOf(pool, members)...)
		}
	}
	slices.SortFunc(out, func(a, b Drift) int {
		return cmp.Or(compareNames(a.Pool, b.Pool), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Effect, b.Effect))
	})
	return out
}

// driftOf returns the drift of one pool.
func driftOf(pool string, members []*Node) []Drift {
	values := map[spreadID]map[string]string{} // by key, and by node name
	note := func(id spreadID, n *Node, value string) {
		if values[id] == nil {
			values[id] = map[string]string{}
		}
		values[id][n.Name] = value
	}
	for _, n := range members {
		for key, value := range n.Labels {
			note(spreadID{key: key}, n, value)
		}
		for _, t := range n.Taints {
			note(spreadID{t.Key, t.Effect}, n, t.Value)
		}
	}
	var out []Drift
	for id, byNode := range values {
		found, drifts := compareToPool(members, byNode)
		if drifts && !differsByNature(id.key) {
			found.Pool, found.Key, found.Effect = pool, id.key, id.effect
			out = append(out, found)
		}
	}
	return out
}

// compareToPool compares the values of one key, and reports whether a few nodes differ from
// all the others.
func compareToPool(members []*Node, byNode map[string]string) (Drift, bool) {
	var d Drift
	d.Want, d.Agree = mostCommon(members, byNode)
	alike := d.Agree >= driftAgree && d.Agree*100 >= len(members)*driftShare
	if !alike || d.Agree == len(members) {
		return Drift{}, false
	}
	for _, n := range members {
		value, has := byNode[n.Name]
		switch {
		case !has && d.Want != nil:
			d.Odd = append(d.Odd, Odd{Node: n.Name})
		case has && (d.Want == nil || *d.Want != value):
			d.Odd = append(d.Odd, Odd{n.Name, &value})
		}
	}
	slices.SortFunc(d.Odd, func(a, b Odd) int { return compareNames(a.Node, b.Node) })
	return d, true
}

// mostCommon returns the value that most nodes have, nil if most have none, and how many.
func mostCommon(members []*Node, byNode map[string]string) (value *string, count int) {
	counts := map[string]int{}
	for _, v := range byNode {
		counts[v]++
	}
	count = len(members) - len(byNode)
	for v, n := range counts {
		if n > count {
			value, count = &v, n
		}
	}
	return value, count
}

// differsByNature reports whether a label or taint tells nodes of one pool apart, or comes
// and goes with the state of a node: it names a place or the node itself, or a controller
// sets it.
func differsByNature(key string) bool {
	domain, name, found := strings.Cut(strings.ToLower(key), "/")
	if !found {
		domain, name = "", domain
	}
	if domain == "node.kubernetes.io" || strings.HasPrefix(domain, "topology.") ||
		strings.HasPrefix(domain, "failure-domain.") {
		return true
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '.' || r == '_' })
	return slices.ContainsFunc(words, func(word string) bool {
		return slices.Contains([]string{
			"hostname", "id", "uid", "uuid", "serial", "ip", "mac", "rack", "zone", "region", "index", "ordinal",
		}, word)
	})
}
