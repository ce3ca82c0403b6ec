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

// checkText returns an error for a search that is too long, is not text, or has a wrong
// term.
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
	words := parse(text).words
	for _, w := range words {
		wrong = append(wrong, w.wrong...)
	}
	if len(wrong) == 0 && len(words) > maxWords {
		wrong.Add("q", "error_words", "Max", maxWords)
	}
	return wrong[:min(1, len(wrong))] // the field has room for one
}

// parsed is the text of a search: words, or entries that may be names.
type parsed struct {
	words   []word
	entries []string // in lower case; nil if the text is certainly not a list of names
	listed  bool     // the entries are a list of names in any case
}

// parse parses what somebody has typed or pasted. The text is a list of names if it has a
// separator of lists (a comma, a semicolon, a new line) or more words than a search may
// have. It is not one if it is a label selector: as a whole, as in "a=b,!c", or in part,
// as in "a in (b,c) d".
func parse(text string) parsed {
	selector := selectorWords(text)
	if selector != nil {
		return parsed{words: selector}
	}
	pieces, hasSet := split(text)
	p := parsed{words: wordsOf(pieces)}
	if hasSet {
		return p
	}
	separates := func(r rune) bool { return strings.ContainsRune(" \t\r\n,;", r) }
	p.entries = strings.FieldsFunc(strings.ToLower(text), separates)
	quoted := strings.Contains(text, `"`)
	terms := slices.ContainsFunc(p.words, func(w word) bool { return w.not || w.match != nil })
	p.listed = !quoted && strings.ContainsAny(text, ",;\n") || !terms && len(p.entries) > maxWords
	switch {
	case p.listed:
		p.words = nil
	case terms || quoted:
		p.entries = nil
	}
	return p
}

// search is the parsed text of a query: either words or a list of names.
type search struct {
	words   []word         // a node must match each
	listed  map[*Node]bool // the listed nodes; nil if the text is not a list
	known   int            // how many entries of the list are nodes
	unknown []string       // listed names that no node has
}

// newSearch returns the search for a text. Words without a separator of lists are a list
// if two or more of them are names of nodes: pasting lines into a browser's field turns
// the line ends into spaces.
//
// The names of a list must match whole names: a list with node-9 must not select
// node-90.
func newSearch(text string, nodes []*Node) search {
	p := parse(text)
	if len(p.entries) == 0 || len(p.entries) == 1 && !p.listed {
		return search{words: p.words}
	}
	s := lookUp(p.entries, nodes)
	if !p.listed && s.known < 2 {
		return search{words: p.words}
	}
	return s
}

// lookUp returns the search for the nodes of a list.
func lookUp(entries []string, nodes []*Node) search {
	index := newNameIndex(nodes)
	s, seen := search{listed: map[*Node]bool{}}, map[string]bool{}
	for _, entry := range entries {
		if seen[entry] {
			continue
		}
		seen[entry] = true
		found := index.find(entry)
		for _, n := range found {
			s.listed[n] = true
		}
		if len(found) == 0 {
			s.unknown = append(s.unknown, entry)
		} else {
			s.known++
		}
	}
	return s
}

// nameIndex finds nodes by their name, in all clusters of the list. If no node has that
// name, it finds them by the part of the name before the first dot, by address, or by the
// name with the cluster before it.
type nameIndex struct{ names, aliases map[string][]*Node }

func newNameIndex(nodes []*Node) nameIndex {
	x := nameIndex{make(map[string][]*Node, len(nodes)), make(map[string][]*Node, len(nodes))}
	for _, n := range nodes {
		host, _, _ := strings.Cut(n.Name, ".")
		x.names[n.Name] = append(x.names[n.Name], n)
		for _, alias := range []string{host, n.InternalIP, strings.ToLower(n.Ref().String())} {
			x.aliases[alias] = append(x.aliases[alias], n)
		}
	}
	return x
}

func (x nameIndex) find(entry string) []*Node {
	if found := x.names[entry]; found != nil {
		return found
	}
	return x.aliases[entry]
}

// matches reports whether the list contains the node, or the node matches every word.
func (s search) matches(n *Node, see sight) bool {
	if s.listed != nil {
		return s.listed[n]
	}
	return !slices.ContainsFunc(s.words, func(w word) bool { return !w.matches(n, see) })
}
