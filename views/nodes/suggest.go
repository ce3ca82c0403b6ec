package nodes

import (
	"strconv"

	"kube-node-manager/services/node"
	"kube-node-manager/services/saved"
)

// SuggestView is what the search of nodes may become.
type SuggestView struct {
	Cluster       string
	Before, After string // the text around the word that somebody is typing
	Fresh         bool   // nothing is typed yet: what was used before comes first
	Words         []node.Suggestion
	Searches      []string
	Views         []saved.View
}

// textWith returns the text with a word, up to the caret behind it. A finished word is
// followed by a space.
func (v SuggestView) textWith(s node.Suggestion) string {
	if s.Finished() && v.After == "" {
		return v.Before + s.Word + " "
	}
	return v.Before + s.Word
}

// optionID returns the id of the option with a number.
func optionID(kind string, i int) string { return "suggest-" + kind + "-" + strconv.Itoa(i) }
