package node

import (
	"cmp"
	"slices"
	"strings"
)

// Spread is the distribution of one label, or of the taints with one key and
// effect, over some nodes.
type Spread struct {
	Key    string       `json:"key"`
	Effect string       `json:"effect,omitempty"` // of a taint
	Nodes  int          `json:"nodes"`            // how many nodes have it
	Values []ValueCount `json:"values"`           // the most frequent first
}

// ValueCount is a value, which may be empty, and the number of nodes that have it.
type ValueCount struct {
	Value string `json:"value"`
	Nodes int    `json:"nodes"`
}

// ID returns the key of a label, or "key:Effect" of a taint.
func (s Spread) ID() string {
	if s.Effect == "" {
		return s.Key
	}
	return s.Key + ":" + s.Effect
}

// Common returns the value that all nodes with the key have. The result is false
// if the values differ.
func (s Spread) Common() (string, bool) {
	if len(s.Values) != 1 {
		return "", false
	}
	return s.Values[0].Value, true
}

// LabelSpread counts the labels of some nodes, by key.
func LabelSpread(nodes []*Node) []Spread {
	return KeySpread(nodes, func(n *Node) map[string]string { return n.Labels })
}

// KeySpread counts what some nodes have by key, such as labels or annotations.
func KeySpread(nodes []*Node, of func(n *Node) map[string]string) []Spread {
	c := counter{}
	for _, n := range nodes {
		for key, value := range of(n) {
			c.add(spreadID{key: key}, value)
		}
	}
	return c.spreads()
}

// TaintSpread counts the taints of some nodes, by key and effect.
func TaintSpread(nodes []*Node) []Spread {
	c := counter{}
	for _, n := range nodes {
		for _, t := range n.Taints {
			c.add(spreadID{t.Key, t.Effect}, t.Value)
		}
	}
	return c.spreads()
}

type spreadID struct{ key, effect string }

// counter counts how often each value of each key occurs.
type counter map[spreadID]map[string]int

func (c counter) add(id spreadID, value string) {
	if c[id] == nil {
		c[id] = map[string]int{}
	}
	c[id][value]++
}

func (c counter) spreads() []Spread {
	out := make([]Spread, 0, len(c))
	for id, values := range c {
		s := Spread{Key: id.key, Effect: id.effect, Values: countsOf(values)}
		for _, v := range s.Values {
			s.Nodes += v.Nodes
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Spread) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Effect, b.Effect))
	})
	return out
}

// countsOf returns the values, the most frequent first.
func countsOf(values map[string]int) []ValueCount {
	var out []ValueCount
	for value, nodes := range values {
		out = append(out, ValueCount{value, nodes})
	}
	slices.SortFunc(out, func(a, b ValueCount) int {
		return cmp.Or(cmp.Compare(b.Nodes, a.Nodes), compareNames(a.Value, b.Value))
	})
	return out
}

// SearchSpread returns the spreads that contain every word of text, as in the
// table's search. If the key alone does not contain the words, only the values
// that do are returned; Nodes still counts all nodes with the key.
func SearchSpread(all []Spread, text string) []Spread {
	words := strings.Fields(strings.ToLower(text))
	out := make([]Spread, 0, len(all))
	for _, s := range all {
		if !containsAll(s.ID(), words) {
			s.Values = slices.DeleteFunc(slices.Clone(s.Values), func(v ValueCount) bool {
				return !containsAll(s.Key+"="+v.Value+":"+s.Effect, words)
			})
		}
		if len(s.Values) > 0 {
			out = append(out, s)
		}
	}
	return out
}

func containsAll(text string, words []string) bool {
	text = strings.ToLower(text)
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}
