package node

import (
	"slices"
	"strings"
	"unicode/utf8"

	"kube-node-manager/services"
)

// Limits of one search. Each word is searched for in every node, so only a few
// are allowed; names are looked up in a map.
const (
	maxText  = 16_000 // bytes: some 400 names
	maxWords = 16
)

// checkText returns an error for a search that is too long or is not text.
func checkText(text string) (wrong services.FieldErrors) {
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		wrong.Add("q", "error_text")
	case len(text) > maxText:
		wrong.Add("q", "error_long", "Max", maxText)
	}
	if len(wrong) > 0 {
		return wrong
	}
	for _, t := range terms(text) {
		wrong = append(wrong, t.check()...)
	}
	return wrong[:min(1, len(wrong))] // the field has room for one
}

// search is the parsed text of a query: either words or a list of names.
type search struct {
	words   []word          // a node must match each
	names   map[string]bool // of the listed nodes; nil if the text is not a list
	unknown []string        // listed names that no node has
}

// newSearch parses what somebody has typed or pasted. The text is a list of names
// if it contains a separator of lists (a comma, a semicolon, a new line), if it
// has more words than a search may have, or if two or more of its words are names
// of nodes: pasting lines into a browser's field turns the line ends into spaces.
// Any other text is words.
//
// The names of a list must match whole names: a list with node-9 must not select
// node-90.
func newSearch(text string, nodes []*Node) search {
	separates := func(r rune) bool { return strings.ContainsRune(" \t\r\n,;", r) }
	entries := strings.FieldsFunc(strings.ToLower(text), separates)
	listed := strings.ContainsAny(text, ",;\n") || len(entries) > maxWords
	if len(entries) == 0 || len(entries) == 1 && !listed {
		return search{words: wordsOf(entries)}
	}
	s := lookUp(entries, nodes)
	if !listed && len(s.names) < 2 {
		return search{words: wordsOf(entries)}
	}
	return s
}

// lookUp returns the search for the nodes of a list.
func lookUp(entries []string, nodes []*Node) search {
	index := newNameIndex(nodes)
	s, seen := search{names: map[string]bool{}}, map[string]bool{}
	for _, entry := range entries {
		if seen[entry] {
			continue
		}
		seen[entry] = true
		found := index.find(entry)
		for _, name := range found {
			s.names[name] = true
		}
		if len(found) == 0 {
			s.unknown = append(s.unknown, entry)
		}
	}
	return s
}

// nameIndex finds nodes by their name. If no node has that name, it finds them by
// the part of the name before the first dot, or by address.
type nameIndex struct {
	names   map[string]bool
	aliases map[string][]string // names by alias
}

func newNameIndex(nodes []*Node) nameIndex {
	x := nameIndex{make(map[string]bool, len(nodes)), make(map[string][]string, len(nodes))}
	for _, n := range nodes {
		host, _, _ := strings.Cut(n.Name, ".")
		x.names[n.Name] = true
		x.aliases[host] = append(x.aliases[host], n.Name)
		x.aliases[n.InternalIP] = append(x.aliases[n.InternalIP], n.Name)
	}
	return x
}

func (x nameIndex) find(entry string) []string {
	if x.names[entry] {
		return []string{entry}
	}
	return x.aliases[entry]
}

// word is a word of a search: a term, or a text that the row of a node has to contain.
type word struct {
	text   string
	not    bool // it begins with !
	isTerm bool
	term   term
}

func wordsOf(entries []string) []word {
	words := make([]word, 0, len(entries))
	for _, entry := range entries {
		var w word
		w.text, w.not = strings.CutPrefix(entry, "!")
		w.term, w.isTerm = parseTerm(w.text)
		if w.text != "" {
			words = append(words, w)
		}
	}
	return words
}

func (w word) matches(n *Node, s sight) bool {
	if w.isTerm {
		return w.term.matches(n, s) != w.not
	}
	return mentions(n, w.text) != w.not
}

// matches reports whether the list contains the node, or the node matches every word.
func (s search) matches(n *Node, see sight) bool {
	if s.names != nil {
		return s.names[n.Name]
	}
	return !slices.ContainsFunc(s.words, func(w word) bool { return !w.matches(n, see) })
}

// mentions reports whether a node's row contains a word. A word that is the name
// of a state matches that state only, because "NotReady" contains "ready".
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

// stateWord reports whether a node is in the state that a word names, in English
// or Chinese. ok is false if the word is not the name of a state.
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
