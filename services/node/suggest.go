package node

import (
	"cmp"
	"slices"
	"strings"
)

// Suggestion is a word that may take the place of one that somebody is typing in the
// search of nodes.
type Suggestion struct {
	Word  string
	Nodes int  // that the word finds; 0 if it is not finished
	Name  bool // the word is the name of a node
}

// Finished reports whether the word is a whole one, and not the beginning of a term.
func (s Suggestion) Finished() bool {
	return s.Nodes > 0 || !strings.ContainsAny(s.Word[len(s.Word)-1:], ":<>=")
}

// Numbers of suggestions.
const (
	maxSuggestions = 10
	maxNames       = 5 // of nodes
)

// Suggest returns what a word may become, with the values that the nodes have. For "", it
// returns the beginnings of some terms.
func Suggest(nodes []*Node, word string) []Suggestion {
	rest, not := strings.CutPrefix(word, "!")
	sign := word[:len(word)-len(rest)]
	if !not && strings.HasPrefix(word, "-") {
		sign, rest = "-", word[1:]
	}
	var all []Suggestion
	at := strings.IndexAny(rest, ":<>=!")
	switch {
	case at > 0:
		all = suggestValues(nodes, rest, at)
	case at < 0:
		all = suggestWords(nodes, strings.ToLower(rest))
	}
	all = all[:min(len(all), maxSuggestions)]
	for i := range all {
		all[i].Word = sign + all[i].Word
		if all[i].Nodes > 0 {
			all[i].Nodes = countNodes(nodes, all[i].finder())
		}
	}
	return all
}

// finder returns whether a node is one of those that the word finds.
func (s Suggestion) finder() func(n *Node) bool {
	search := search{words: parse(s.Word).words}
	return func(n *Node) bool { return search.matches(n, sight{}) }
}

// suggestWords returns words that begin with a text: states, terms, values, names.
func suggestWords(nodes []*Node, prefix string) []Suggestion {
	var out []Suggestion
	for _, state := range []string{"ready", "notready", "nocontact", "cordoned", "limited", "schedulable", "converging"} {
		count := countNodes(nodes, func(n *Node) bool {
			is, _ := stateWord(n, state)
			return is
		})
		if prefix != "" && count > 0 && strings.HasPrefix(state, prefix) {
			out = append(out, Suggestion{Word: state, Nodes: count})
		}
	}
	for _, begin := range termBeginnings() {
		if strings.HasPrefix(begin, prefix) {
			out = append(out, Suggestion{Word: begin})
		}
	}
	if prefix == "" {
		return out
	}
	return slices.Concat(out, suggestAnywhere(nodes, prefix), suggestNames(nodes, prefix))
}

// termBeginnings are the beginnings of terms, the most useful first.
func termBeginnings() []string {
	return []string{
		"zone:", "pool:", "cpu>", "memory>", "age<", "version<", "taint:", "label:", "by:", "condition:", "role:", "pods>",
		"status:", "reason:", "name:", "ip:", "sched:", "cluster:",
	}
}

// suggestAnywhere returns terms of any field whose value has a text in it, and labels and
// taints whose key has. A single letter has to be the first one.
func suggestAnywhere(nodes []*Node, text string) []Suggestion {
	counts := map[string]int{}
	note := func(field, value string) {
		at := strings.Index(strings.ToLower(value), text)
		if at == 0 && value != "" || at > 0 && len(text) > 1 {
			counts[field+"="+value]++
		}
	}
	for _, n := range nodes {
		note("pool", n.Pool)
		note("zone", n.Zone)
		note("version", n.Version)
		for _, role := range n.Roles {
			note("role", role)
		}
		for _, condition := range n.conditionTypes() {
			note("condition", condition)
		}
		for key := range taintKeys(n) {
			note("taint", key)
		}
		for key := range n.Labels {
			note("label", key)
		}
	}
	return ranked(counts)
}

func taintKeys(n *Node) map[string]bool {
	keys := map[string]bool{}
	for _, t := range n.Taints {
		keys[t.Key] = true
	}
	return keys
}

// suggestNames returns the names of nodes that begin with a text.
func suggestNames(nodes []*Node, prefix string) []Suggestion {
	var out []Suggestion
	for _, n := range nodes {
		if strings.HasPrefix(n.Name, prefix) && n.Name != prefix && len(out) < maxNames {
			out = append(out, Suggestion{Word: n.Name, Nodes: 1, Name: true})
		}
	}
	return out
}

// suggestValues returns terms with the field and the sign of a text, whose value has the
// rest of it.
func suggestValues(nodes []*Node, text string, at int) []Suggestion {
	sign := at + 1
	for sign < len(text) && text[sign] == '=' {
		sign++
	}
	field, begin, part := strings.ToLower(text[:at]), text[:sign], strings.ToLower(text[sign:])
	if strings.ContainsAny(begin, "<>") {
		return suggestLimits(nodes, field, begin, part)
	}
	counts := map[string]int{}
	for _, n := range nodes {
		for value := range suggestedValues(n, text[:at], field, part) {
			if strings.Contains(strings.ToLower(value), part) && value != text[sign:] {
				counts[begin+quoted(value)]++
			}
		}
	}
	return ranked(counts)
}

// suggestedValues returns the values of a node's field, or of its label with that key.
// Those of labels and taints are keys, until the text has a whole key.
func suggestedValues(n *Node, key, field, part string) map[string]bool {
	values := map[string]bool{}
	switch {
	case field == "taint" && !strings.ContainsAny(part, "=:"):
		return taintKeys(n)
	case field == "label" && !strings.Contains(part, "="):
		for label := range n.Labels {
			values[label] = true
		}
	case field == "status":
		values[n.Status] = true
	case isTextField(field):
		texts, _ := textsOf(n, field)
		for _, text := range texts {
			values[text] = true
		}
	default:
		value, ok := n.Labels[key]
		values[value] = ok
	}
	delete(values, "")
	return values
}

// quoted returns a value as a word may have it.
func quoted(value string) string {
	if strings.ContainsAny(value, " \t,;") {
		return `"` + strings.ReplaceAll(value, `"`, "") + `"`
	}
	return value
}

// suggestLimits returns comparisons with usual limits.
func suggestLimits(nodes []*Node, field, begin, part string) []Suggestion {
	var limits []string
	switch field {
	case "cpu", "memory":
		limits = []string{"50%", "80%", "90%", "100%"}
	case "pods":
		limits = []string{"10", "50", "100", "200"}
	case "age":
		limits = []string{"1h", "1d", "7d", "30d", "365d"}
	case "version":
		for _, version := range summarize(nodes).Versions {
			limits = append(limits, strings.TrimPrefix(version, "v"))
		}
	}
	var out []Suggestion
	for _, limit := range limits {
		if strings.HasPrefix(limit, part) && limit != part {
			out = append(out, Suggestion{Word: begin + limit})
		}
	}
	return out
}

func countNodes(nodes []*Node, is func(n *Node) bool) int {
	count := 0
	for _, n := range nodes {
		if is(n) {
			count++
		}
	}
	return count
}

// ranked returns the words, the most frequent first.
func ranked(counts map[string]int) []Suggestion {
	out := make([]Suggestion, 0, len(counts))
	for word, count := range counts {
		out = append(out, Suggestion{Word: word, Nodes: count})
	}
	slices.SortFunc(out, func(a, b Suggestion) int {
		return cmp.Or(cmp.Compare(b.Nodes, a.Nodes), compareNames(a.Word, b.Word))
	})
	return out
}
