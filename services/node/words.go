package node

import (
	"regexp"
	"slices"
	"strings"

	"kube-node-manager/services"
)

// word is a word of a search: a term, or a text that the row of a node has to contain.
type word struct {
	text  string // as it was typed, without its negation
	not   bool
	match func(n *Node, s sight) bool // nil for a text
	usage bool                        // match depends on the pods
	open  bool                        // somebody is still typing it: it matches every node
	wrong services.FieldErrors
}

func (w word) matches(n *Node, s sight) bool {
	switch {
	case w.open:
		return true
	case w.match != nil:
		return w.match(n, s) != w.not
	default:
		return mentions(n, w.text) != w.not
	}
}

// piece is a part of a text that becomes a word. A quoted one is a text even if it looks
// like a term.
type piece struct {
	text        string
	not, quoted bool
}

// setPattern finds label selectors with a set, such as "a in (b,c)". The last one of a
// text may lack its closing parenthesis.
var setPattern = regexp.MustCompile(`[^\s,;()"]+\s+(?:in|notin)\s*\([^()"]*(?:\)|$)`)

// split splits a text at its spaces. Double quotes hold a piece with spaces together, as
// in reason:"new kernel". hasSet is true if a piece is a label selector with a set; then
// commas between pieces separate as well.
func split(text string) (pieces []piece, hasSet bool) {
	from := 0
	sets := setPattern.FindAllStringIndex(text, -1)
	for _, at := range sets {
		pieces = append(pieces, splitPlain(text[from:at[0]], true)...)
		pieces = append(pieces, newPiece(text[at[0]:at[1]], false))
		from = at[1]
	}
	return append(pieces, splitPlain(text[from:], len(sets) > 0)...), len(sets) > 0
}

// splitPlain is split for a text without sets.
func splitPlain(text string, commas bool) (pieces []piece) {
	var inside, quoted bool
	var current strings.Builder
	flush := func() {
		if current.Len() > 0 {
			pieces = append(pieces, newPiece(current.String(), quoted))
		}
		current.Reset()
		quoted = false
	}
	for _, r := range text {
		switch {
		case r == '"':
			quoted = quoted || !inside && strings.Trim(current.String(), "!-") == ""
			inside = !inside
		case !inside && (strings.ContainsRune(" \t\r\n", r) || commas && r == ','):
			flush()
		default:
			current.WriteRune(r)
		}
	}
	flush()
	return pieces
}

// newPiece takes the sign of a negation off a piece.
func newPiece(text string, quoted bool) piece {
	rest, not := strings.CutPrefix(text, "!")
	if !not {
		rest, not = strings.CutPrefix(text, "-")
	}
	if rest == "" {
		return piece{}
	}
	return piece{rest, not, quoted}
}

func wordsOf(pieces []piece) []word {
	words := make([]word, 0, len(pieces))
	for _, p := range pieces {
		if p.text != "" {
			words = append(words, newWord(p))
		}
	}
	return words
}

func newWord(p piece) word {
	w := word{text: strings.ToLower(p.text), not: p.not}
	if p.quoted {
		return w
	}
	if setPattern.MatchString(p.text) {
		return w.selects(p.text)
	}
	t, ok := parseTerm(p.text)
	switch {
	case ok:
		w.match, w.usage, w.open, w.wrong = t.matches, t.needsUsage(), t.open(), t.check()
	case strings.ContainsAny(p.text, "<>=") && strings.Trim(p.text, "<>=") != "":
		return w.selects(p.text)
	}
	return w
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
	if n.NoContact && has("no contact") || slices.ContainsFunc(n.Roles, has) ||
		slices.ContainsFunc(n.conditionTypes(), has) {
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
	case "converging", "updating", "更新中":
		return n.Converging, true
	default:
		return false, false
	}
}
