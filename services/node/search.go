package node

import (
	"slices"
	"strings"
	"unicode/utf8"

	"kube-node-manager/services"
)

// How much one search may ask for: each word is looked for in every node, while
// the names of a list are looked up.
const (
	maxText  = 16_000 // bytes: some 400 names
	maxWords = 16
)

// checkText refuses a search that is not text or asks for too much.
func checkText(text string) []services.FieldError {
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return []services.FieldError{{Field: "q", Text: "error_text"}}
	case len(text) > maxText:
		return []services.FieldError{{Field: "q", Text: "error_long", Args: services.Args("Max", maxText)}}
	default:
		return nil
	}
}

// search is the text of a query, ready to be compared with nodes.
type search struct {
	words   []string        // each must occur
	names   map[string]bool // of the nodes of a list, instead of words; nil when it is none
	unknown []string        // names of the list that no node has
}

// newSearch reads what somebody typed or pasted. It is a list of names when
// something separates them as in a list (a comma, a semicolon, a new line), when
// two or more of its words are names of nodes, since browsers paste lines into a
// field with blanks between them, or when it is longer than any search. Anything
// else is words.
//
// The names of a list are whole names, never parts: who pastes node-9 must not
// be led to act on node-90.
func newSearch(text string, nodes []*Node) search {
	entries := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return strings.ContainsRune(" \t\r\n,;", r) })
	listed := strings.ContainsAny(text, ",;\n") || len(entries) > maxWords
	if len(entries) == 0 || len(entries) == 1 && !listed {
		return search{words: entries}
	}
	s := lookUp(entries, nodes)
	if !listed && len(s.names) < 2 {
		return search{words: entries}
	}
	return s
}

// lookUp finds the nodes of a list: by name, else by its part before the first
// dot or by address.
func lookUp(entries []string, nodes []*Node) search {
	exact, other := make(map[string]bool, len(nodes)), make(map[string][]string, len(nodes))
	for _, n := range nodes {
		host, _, _ := strings.Cut(n.Name, ".")
		exact[n.Name] = true
		other[host] = append(other[host], n.Name)
		other[n.InternalIP] = append(other[n.InternalIP], n.Name)
	}
	s, seen := search{names: map[string]bool{}}, map[string]bool{}
	for _, entry := range entries {
		if seen[entry] {
			continue
		}
		seen[entry] = true
		found := other[entry]
		if exact[entry] {
			found = []string{entry}
		}
		for _, name := range found {
			s.names[name] = true
		}
		if len(found) == 0 {
			s.unknown = append(s.unknown, entry)
		}
	}
	return s
}

// matches reports whether a node is on the list, or every word is found in what
// its row shows. A word with a ! in front must not be found.
func (s search) matches(n *Node) bool {
	if s.names != nil {
		return s.names[n.Name]
	}
	for _, w := range s.words {
		w, not := strings.CutPrefix(w, "!")
		if w != "" && mentions(n, w) == not {
			return false
		}
	}
	return true
}

// mentions reports whether a word occurs in a node's row. A whole word for a
// state means the state and nothing else: "ready" is in every NotReady.
func mentions(n *Node, word string) bool {
	if is, ok := stateWord(n, word); ok {
		return is
	}
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), word) }
	for _, text := range []string{
		n.Name, n.StatusText(), n.StatusReason, n.Version, n.Zone, n.Pool, n.InternalIP, n.Reason, n.ReasonBy,
	} {
		if has(text) {
			return true
		}
	}
	if n.NoContact && has("no contact") || slices.ContainsFunc(n.Roles, has) {
		return true
	}
	for key, value := range n.Labels {
		if has(key + "=" + value) {
			return true
		}
	}
	return slices.ContainsFunc(n.Taints, func(t Taint) bool { return has(t.String()) })
}

// stateWord reports whether a node is in the state that a word means, in either
// language of the product; ok is false when the word means none.
func stateWord(n *Node, word string) (is, ok bool) {
	switch word {
	case "ready", "就绪":
		return n.Status == StatusReady, true
	case "notready", "未就绪":
		return n.Status != StatusReady, true
	case "nocontact", "失联":
		return n.NoContact, true
	case "schedulable", "可调度":
		return n.Scheduling == Schedulable, true
	case "limited", "受限":
		return n.Scheduling == Limited, true
	case "cordoned", "schedulingdisabled", "已禁止调度":
		return n.Scheduling == Cordoned, true
	default:
		return false, false
	}
}
