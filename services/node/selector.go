package node

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"kube-node-manager/services"
)

// maxValues is the most values that one label selector may have.
const maxValues = 100

// selectorWords returns the words of a text that is one label selector with several
// requirements, as kubectl takes it: "a=b,!c". It returns nil for any other text, also for
// names with commas, which would be a selector as well.
func selectorWords(text string) []word {
	if !strings.Contains(text, ",") || !strings.ContainsAny(text, "=!<>(") {
		return nil
	}
	requirements, err := labels.ParseToRequirements(text)
	if err != nil {
		return nil
	}
	words := make([]word, len(requirements))
	for i, r := range requirements {
		words[i] = word{text: r.String(), match: required(r), wrong: checkValues(r)}
	}
	return words
}

// selects makes a word of a label selector, or of what was meant to be one. While its
// parenthesis is open, somebody is still typing.
func (w word) selects(text string) word {
	if strings.Contains(text, "(") && !strings.HasSuffix(text, ")") {
		w.open = true
		return w
	}
	requirements, err := labels.ParseToRequirements(text)
	switch {
	case err == nil && len(requirements) == 1:
		w.match, w.wrong = required(requirements[0]), checkValues(requirements[0])
	case strings.ContainsAny(text, "<>("):
		w.wrong.Add("q", "error_search_term", "Term", services.Clip(text))
	case strings.Contains(text, "!="):
		w.wrong.Add("q", "error_search_selector", "Term", services.Clip(text))
	}
	return w
}

func checkValues(r labels.Requirement) (wrong services.FieldErrors) {
	if len(r.ValuesUnsorted()) > maxValues {
		wrong.Add("q", "error_search_values", "Key", services.Clip(r.Key()), "Max", maxValues)
	}
	return wrong
}

// required returns whether a node meets a requirement. Where its key is the name of a
// field, the field may meet it in the place of a label; see hasValue.
func required(r labels.Requirement) func(n *Node, _ sight) bool {
	key, values := r.Key(), r.ValuesUnsorted()
	one := func(n *Node) bool {
		return slices.ContainsFunc(values, func(value string) bool { return hasValue(n, key, value) })
	}
	switch r.Operator() {
	case selection.In, selection.Equals, selection.DoubleEquals:
		return func(n *Node, _ sight) bool { return one(n) }
	case selection.NotIn, selection.NotEquals:
		return func(n *Node, _ sight) bool { return !one(n) }
	default:
		return func(n *Node, _ sight) bool { return r.Matches(labels.Set(n.Labels)) }
	}
}
