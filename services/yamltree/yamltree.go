// Package yamltree parses YAML that somebody else wrote into a tree of nodes, and
// refuses whatever could make that tree larger than its text or ambiguous: anchors
// and aliases, merge keys, keys that occur twice, and several documents.
//
// Decode the tree, and never the text: a decoder expands aliases, and aliases of
// aliases grow exponentially.
package yamltree

import (
	"errors"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"kube-node-manager/services"
)

// Limits of a text. A parser needs far more memory than the length of the text, so
// as much as possible is checked before parsing.
type Limits struct {
	Field  string // of the form that contains the text; the errors name it
	Bytes  int    // of the text
	Marks  int    // characters that may begin a node; the parser needs about 200 bytes for each
	Depth  int    // nested lists and mappings
	Scalar int    // bytes of one key or value
}

// Parse returns the root of the only document in the text, or nil if the document is
// empty. Keys of mappings are scalars, and differ from each other.
//
// Errors: CodeInvalid for the field l.Field.
func Parse(text string, l Limits) (*yaml.Node, error) {
	if err := l.checkText(text); err != nil {
		return nil, err
	}
	root, err := l.decode(text)
	if err != nil || root == nil {
		return nil, err
	}
	return root, l.check(root, 0)
}

func (l Limits) invalid(text string, args ...any) error {
	return services.Invalid(l.Field, text, args...)
}

func (l Limits) checkText(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return l.invalid("error_yaml_none")
	case len(text) > l.Bytes:
		return l.invalid("error_yaml_large", "Max", l.Bytes>>10)
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return l.invalid("error_text")
	case marks(text) > l.Marks:
		return l.invalid("error_yaml_parts", "Max", l.Marks)
	}
	return nil
}

// marks returns the number of characters that may begin a node.
func marks(text string) int {
	n := 0
	for _, mark := range []string{"\n", ",", ":", "[", "{", "?", "- "} {
		n += strings.Count(text, mark)
	}
	return n
}

// decode returns the root of the only document in the text.
func (l Limits) decode(text string) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var first, second yaml.Node
	err := decoder.Decode(&first)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, l.explain(err)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, l.invalid("error_yaml_many")
	}
	return first.Content[0], nil
}

var lineNumber = regexp.MustCompile(`line (\d+): `)

// explain turns an error of the decoder into one that names the line.
func (l Limits) explain(err error) error {
	line := lineNumber.FindStringSubmatch(err.Error())
	switch {
	case strings.Contains(err.Error(), "unknown anchor"):
		return l.invalid("error_yaml_anchor")
	case line != nil:
		return l.invalid("error_yaml_line", "Line", line[1])
	default:
		return l.invalid("error_yaml")
	}
}

func (l Limits) check(n *yaml.Node, depth int) error {
	switch {
	case n.Anchor != "" || n.Kind == yaml.AliasNode:
		return l.invalid("error_yaml_alias", "Line", n.Line)
	case depth > l.Depth:
		return l.invalid("error_yaml_deep", "Line", n.Line, "Max", l.Depth)
	case len(n.Value) > l.Scalar:
		return l.invalid("error_yaml_long", "Line", n.Line, "Max", l.Scalar>>10)
	}
	if n.Kind == yaml.MappingNode {
		if err := l.checkKeys(n); err != nil {
			return err
		}
	}
	for _, child := range n.Content {
		if err := l.check(child, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// checkKeys refuses keys that are no scalars, that merge another mapping, or that
// occur twice: parsers differ in which of two values counts.
func (l Limits) checkKeys(n *yaml.Node) error {
	seen := make(map[string]bool, len(n.Content)/2)
	for key := range Pairs(n) {
		switch {
		case key.Kind == yaml.AliasNode:
			return l.invalid("error_yaml_alias", "Line", key.Line)
		case key.Kind != yaml.ScalarNode:
			return l.invalid("error_yaml_line", "Line", key.Line)
		case key.ShortTag() == "!!merge":
			return l.invalid("error_yaml_merge", "Line", key.Line)
		case seen[key.Value]:
			return l.invalid("error_yaml_twice", "Line", key.Line, "Key", services.Clip(key.Value))
		}
		seen[key.Value] = true
	}
	return nil
}

// Pairs returns the keys of a mapping with their values. Other nodes have none.
func Pairs(n *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}
