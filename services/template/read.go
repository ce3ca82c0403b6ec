package template

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"kube-node-manager/services"
)

// The bounds of a document that is imported. A YAML parser makes far more of a
// text than the text is long, so they are checked before as much as possible.
const (
	// maxDocument is in bytes: what a request may send, and more than a thousand
	// templates.
	maxDocument = 512 << 10
	// maxMarks bounds how many characters may begin a new node, of which the parser
	// makes some 200 bytes. Export writes about twelve for an entry.
	maxMarks  = 60_000
	maxDepth  = 16       // lists and mappings in each other; a document of templates has 7
	maxScalar = 16 << 10 // bytes of one key or value; no field of a template may be as long
)

// readAlone is read, for one request after the other: the parser's memory is
// that of one document, however many are sent.
func (s *Service) readAlone(ctx context.Context, kind, text string) ([]Draft, error) {
	select {
	case s.reading <- struct{}{}:
		defer func() { <-s.reading }()
		return read(kind, text)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// read reads a document of one kind.
func read(kind, text string) ([]Draft, error) {
	doc, err := parse(text)
	if err != nil {
		return nil, err
	}
	switch {
	case doc.APIVersion != apiVersion:
		return nil, services.Invalid("document", "error_template_yaml_version", "Value", clip(string(doc.APIVersion)), "Want", apiVersion)
	case string(doc.Kind) != documentKind(kind):
		return nil, services.Invalid("document", "error_template_yaml_kind", "Value", clip(string(doc.Kind)), "Want", documentKind(kind))
	case len(doc.Templates) == 0:
		return nil, services.Invalid("document", "error_template_yaml_empty")
	case len(doc.Templates) > maxImport:
		return nil, services.Invalid("document", "error_template_yaml_too_many", "Count", len(doc.Templates), "Max", maxImport)
	}
	drafts := make([]Draft, len(doc.Templates))
	for i, t := range doc.Templates {
		drafts[i] = t.draft()
	}
	return drafts, nil
}

// parse makes a tree of the text first, which is no larger than the text says,
// and refuses in it what would grow: an alias repeats what its anchor names, and
// aliases of aliases do so without end. Only then it decodes.
func parse(text string) (document, error) {
	var doc document
	switch {
	case strings.TrimSpace(text) == "":
		return doc, services.Invalid("document", "error_template_yaml_none")
	case len(text) > maxDocument:
		return doc, services.Invalid("document", "error_template_yaml_large", "Max", maxDocument>>10)
	case marks(text) > maxMarks:
		return doc, services.Invalid("document", "error_template_yaml_parts", "Max", maxMarks)
	}
	root, err := tree(text)
	if err != nil {
		return doc, err
	}
	w := jsonWriter{}
	if err := w.node(root, 0); err != nil {
		return doc, err
	}
	decoder := json.NewDecoder(&w.out)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&doc); err != nil {
		return doc, explain(err)
	}
	return doc, nil
}

// marks counts the characters that can begin a node.
func marks(text string) int {
	n := 0
	for _, mark := range []string{"\n", ",", ":", "[", "{", "?", "- "} {
		n += strings.Count(text, mark)
	}
	return n
}

// tree returns the only document of the text, nil when it has none.
func tree(text string) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var first, second yaml.Node
	err := decoder.Decode(&first)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, explain(err)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, services.Invalid("document", "error_template_yaml_many")
	}
	return &first, nil
}

// jsonWriter writes a tree as JSON, and refuses what no document of templates
// needs.
type jsonWriter struct{ out bytes.Buffer }

func (w *jsonWriter) node(n *yaml.Node, depth int) error {
	switch {
	case n == nil:
		w.out.WriteString("null")
		return nil
	case n.Anchor != "" || n.Kind == yaml.AliasNode:
		return services.Invalid("document", "error_template_yaml_alias", "Line", n.Line)
	case depth > maxDepth:
		return services.Invalid("document", "error_template_yaml_deep", "Line", n.Line, "Max", maxDepth)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return w.node(n.Content[0], depth)
	case yaml.SequenceNode:
		return w.list(n, depth)
	case yaml.MappingNode:
		return w.mapping(n, depth)
	default:
		return w.scalar(n)
	}
}

func (w *jsonWriter) list(n *yaml.Node, depth int) error {
	w.out.WriteByte('[')
	for i, item := range n.Content {
		if i > 0 {
			w.out.WriteByte(',')
		}
		if err := w.node(item, depth+1); err != nil {
			return err
		}
	}
	w.out.WriteByte(']')
	return nil
}

func (w *jsonWriter) mapping(n *yaml.Node, depth int) error {
	seen := make(map[string]bool, len(n.Content)/2)
	w.out.WriteByte('{')
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Anchor != "" || key.Kind == yaml.AliasNode:
			return services.Invalid("document", "error_template_yaml_alias", "Line", key.Line)
		case key.Kind != yaml.ScalarNode || seen[key.Value]:
			return services.Invalid("document", "error_template_yaml_line", "Line", key.Line)
		}
		seen[key.Value] = true
		if i > 0 {
			w.out.WriteByte(',')
		}
		if err := w.text(key); err != nil {
			return err
		}
		w.out.WriteByte(':')
		if err := w.node(n.Content[i+1], depth+1); err != nil {
			return err
		}
	}
	w.out.WriteByte('}')
	return nil
}

// scalar writes a text that was written as one. Another value is refused: YAML
// reads yes as true and 1.10 as 1.1, and as a text it would be another one than
// was meant. Only the absence of a list may be written as null.
func (w *jsonWriter) scalar(n *yaml.Node) error {
	switch tag := n.ShortTag(); {
	case tag == "!!null":
		w.out.WriteString("null")
		return nil
	case tag != "!!str", n.Style == 0 && oldBool(n.Value):
		return services.Invalid("document", "error_template_yaml_quotes", "Value", clip(n.Value))
	default:
		return w.text(n)
	}
}

func (w *jsonWriter) text(n *yaml.Node) error {
	if len(n.Value) > maxScalar {
		return services.Invalid("document", "error_template_yaml_long", "Line", n.Line, "Max", maxScalar>>10)
	}
	w.out.WriteString(quote(n.Value))
	return nil
}

// oldBool reports whether a plain text was a truth value in YAML 1.1, which most
// readers still speak.
func oldBool(plain string) bool {
	switch strings.ToLower(plain) {
	case "y", "yes", "on", "n", "no", "off":
		return true
	}
	return false
}

// exact is a text, where a list, a mapping or nothing is refused.
type exact string

// UnmarshalJSON takes a text and nothing else.
func (e *exact) UnmarshalJSON(raw []byte) error {
	if len(raw) == 0 || raw[0] != '"' {
		return &notText{clip(string(raw))}
	}
	return json.Unmarshal(raw, (*string)(e))
}

// notText is the error of a value that needs quotes.
type notText struct{ value string }

func (n *notText) Error() string { return n.value + " is no text" }

var (
	yamlLine     = regexp.MustCompile(`line (\d+): `)
	unknownField = regexp.MustCompile(`unknown field "([^"]*)"`)
)

// explain says what cannot be read: a value that is no text, a field that does
// not exist, or the line where the text is no YAML.
func explain(err error) error {
	if value, ok := errors.AsType[*notText](err); ok {
		return services.Invalid("document", "error_template_yaml_quotes", "Value", value.value)
	}
	if mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && mistyped.Field != "" {
		return services.Invalid("document", "error_template_yaml_type", "Field", mistyped.Field, "Value", mistyped.Value)
	}
	if found := unknownField.FindStringSubmatch(err.Error()); found != nil {
		return services.Invalid("document", "error_template_yaml_field", "Field", clip(found[1]))
	}
	if strings.Contains(err.Error(), "unknown anchor") {
		return services.Invalid("document", "error_template_yaml_anchor")
	}
	if found := yamlLine.FindStringSubmatch(err.Error()); found != nil {
		return services.Invalid("document", "error_template_yaml_line", "Line", found[1])
	}
	return services.Invalid("document", "error_template_yaml")
}
