package node

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Spread is one label key, or one taint by key and effect, over some nodes.
type Spread struct {
	Key    string       `json:"key"`
	Effect string       `json:"effect,omitempty"` // of a taint
	Nodes  int          `json:"nodes"`            // that have it
	Values []ValueCount `json:"values"`           // the most frequent first
}

// ValueCount is a value, which may be empty, and how many nodes have it.
type ValueCount struct {
	Value string `json:"value"`
	Nodes int    `json:"nodes"`
}

// ID gives what tells a spread from the others: its key, or "key:Effect".
func (s Spread) ID() string {
	if s.Effect == "" {
		return s.Key
	}
	return s.Key + ":" + s.Effect
}

// Common gives the value that all nodes with the key share, and false when they
// differ.
func (s Spread) Common() (string, bool) {
	if len(s.Values) != 1 {
		return "", false
	}
	return s.Values[0].Value, true
}

// LabelSpread counts the labels of some nodes, by key.
func LabelSpread(nodes []*Node) []Spread {
	c := counter{}
	for _, n := range nodes {
		for key, value := range n.Labels {
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
		s := Spread{Key: id.key, Effect: id.effect}
		for _, value := range slices.SortedFunc(maps.Keys(values), func(a, b string) int {
			return cmp.Or(cmp.Compare(values[b], values[a]), compareNames(a, b))
		}) {
			s.Nodes += values[value]
			s.Values = append(s.Values, ValueCount{value, values[value]})
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Spread) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Effect, b.Effect)) })
	return out
}

// SearchSpread keeps the spreads in which every word occurs, as in the table's
// search. Of a key that does not hold the words itself only the values that do
// are kept; Nodes still counts all of its nodes.
func SearchSpread(all []Spread, text string) []Spread {
	words := strings.Fields(strings.ToLower(text))
	out := make([]Spread, 0, len(all))
	for _, s := range all {
		if !holds(s.ID(), words) {
			s.Values = slices.DeleteFunc(slices.Clone(s.Values), func(v ValueCount) bool {
				return !holds(Taint{Key: s.Key, Value: v.Value, Effect: s.Effect}.text(), words)
			})
		}
		if len(s.Values) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// text gives a label, which has no effect, or a taint as it is searched.
func (t Taint) text() string { return t.Key + "=" + t.Value + ":" + t.Effect }

func holds(text string, words []string) bool {
	text = strings.ToLower(text)
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}
