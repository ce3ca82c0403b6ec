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
	counts := counter{}
	for _, n := range members {
		for key, value := range n.Labels {
			counts.add(spreadID{key: key}, value)
		}
		for _, t := range n.Taints {
			counts.add(spreadID{t.Key, t.Effect}, t.Value)
		}
	}
	var out []Drift
	for id, values := range counts {
		d := Drift{Pool: pool, Key: id.key, Effect: id.effect}
		d.Want, d.Agree = mostCommon(values, len(members))
		alike := d.Agree >= driftAgree && d.Agree*100 >= len(members)*driftShare
		if alike && d.Agree < len(members) && !differsByNature(id.key) {
			d.Odd = oddOf(members, d)
			out = append(out, d)
		}
	}
	return out
}

// mostCommon returns the value that most of total nodes have, nil if most have none, and
// how many these are.
func mostCommon(values map[string]int, total int) (value *string, count int) {
	count = total
	for _, n := range values {
		count -= n
	}
	for v, n := range values {
		if n > count {
			value, count = &v, n
		}
	}
	return value, count
}

// oddOf returns the nodes that differ from what the others have.
func oddOf(members []*Node, d Drift) []Odd {
	var odd []Odd
	for _, n := range members {
		value := valueOn(n, d)
		same := value == nil && d.Want == nil || value != nil && d.Want != nil && *value == *d.Want
		if !same {
			odd = append(odd, Odd{n.Name, value})
		}
	}
	slices.SortFunc(odd, func(a, b Odd) int { return compareNames(a.Node, b.Node) })
	return odd
}

// valueOn returns the value of the label or taint on a node, nil if it has none.
func valueOn(n *Node, d Drift) *string {
	if d.Effect == "" {
		value, has := n.Labels[d.Key]
		if !has {
			return nil
		}
		return &value
	}
	for _, t := range n.Taints {
		if t.Key == d.Key && t.Effect == d.Effect {
			return &t.Value
		}
	}
	return nil
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
