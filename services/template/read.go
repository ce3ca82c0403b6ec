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

// Limits of an imported document. A YAML parser needs far more memory than the
// length of the text, so as much as possible is checked before parsing.
const (
	// maxDocument is in bytes. It is the limit of a request body, and enough for more
	// than a thousand templates.
	maxDocument = 512 << 10
	// maxMarks limits the characters that may begin a new node. The parser needs about
	// 200 bytes for each node. Export writes about twelve nodes for an entry.
	maxMarks  = 60_000
	maxDepth  = 16       // nested lists and mappings; a document of templates has 7 levels
	maxScalar = 16 << 10 // bytes of one key or value; every field of a template is shorter
)

// readAlone is like read, but reads one document at a time, so that the parser
// needs the memory of one document only, however many requests there are.
func (s *Service) readAlone(ctx context.Context, kind, text string) ([]Draft, error) {
	select {
	case s.reading <- struct{}{}:
		defer func() { <-s.reading }()
		return read(kind, text)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// invalid returns an error of the field "document".
func invalid(text string, args ...any) *services.Error {
	return services.Invalid("document", text, args...)
}

// read returns the templates of a document of one kind.
func read(kind, text string) ([]Draft, error) {
	doc, err := parse(text)
	if err != nil {
		return nil, err
	}
	switch {
	case doc.APIVersion != apiVersion:
		return nil, invalid("error_template_yaml_version",
			"Value", services.Clip(string(doc.APIVersion)), "Want", apiVersion)
	case string(doc.Kind) != documentKind(kind):
		return nil, invalid("error_template_yaml_kind",
			"Value", services.Clip(string(doc.Kind)), "Want", documentKind(kind))
	case len(doc.Templates) == 0:
		return nil, invalid("error_template_yaml_empty")
	case len(doc.Templates) > maxImport:
		return nil, invalid("error_template_yaml_too_many", "Count", len(doc.Templates), "Max", maxImport)
	}
	drafts := make([]Draft, len(doc.Templates))
	for i, t := range doc.Templates {
		drafts[i] = t.draft()
	}
	return drafts, nil
}

// parse parses a document. It first builds the tree of YAML nodes, whose size is
// limited by the length of the text, and refuses aliases in it: an alias repeats
// the node of its anchor, and aliases of aliases grow exponentially. It then
// converts the tree to JSON and decodes that.
func parse(text string) (document, error) {
	var doc document
	if err := checkSize(text); err != nil {
		return doc, err
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

func checkSize(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return invalid("error_template_yaml_none")
	case len(text) > maxDocument:
		return invalid("error_template_yaml_large", "Max", maxDocument>>10)
	case marks(text) > maxMarks:
		return invalid("error_template_yaml_parts", "Max", maxMarks)
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

// tree returns the only document in the text, or nil if there is none.
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
		return nil, invalid("error_template_yaml_many")
	}
	return &first, nil
}

// jsonWriter writes a tree as JSON. It refuses YAML features that a document of
// templates does not need.
type jsonWriter struct{ out bytes.Buffer }

func (w *jsonWriter) node(n *yaml.Node, depth int) error {
	switch {
	case n == nil:
		w.out.WriteString("null")
		return nil
	case n.Anchor != "" || n.Kind == yaml.AliasNode:
		return invalid("error_template_yaml_alias", "Line", n.Line)
	case depth > maxDepth:
		return invalid("error_template_yaml_deep", "Line", n.Line, "Max", maxDepth)
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
		if i > 0 {
			w.out.WriteByte(',')
		}
		if err := w.key(n.Content[i], seen); err != nil {
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

// key writes the key of a mapping and adds it to the keys that it has seen there.
func (w *jsonWriter) key(n *yaml.Node, seen map[string]bool) error {
	switch {
	case n.Anchor != "" || n.Kind == yaml.AliasNode:
		return invalid("error_template_yaml_alias", "Line", n.Line)
	case n.Kind != yaml.ScalarNode || seen[n.Value]:
		return invalid("error_template_yaml_line", "Line", n.Line)
	}
	seen[n.Value] = true
	return w.text(n)
}

// scalar writes a string. It refuses other scalars: YAML reads yes as true and
// 1.10 as 1.1, so the string that was meant would be lost. null is allowed, as the
// value of a list that is left empty.
func (w *jsonWriter) scalar(n *yaml.Node) error {
	tag := n.ShortTag()
	switch {
	case tag == "!!null":
		w.out.WriteString("null")
		return nil
	case tag != "!!str", n.Style == 0 && oldBool(n.Value):
		return invalid("error_template_yaml_quotes", "Value", services.Clip(n.Value))
	default:
		return w.text(n)
	}
}

func (w *jsonWriter) text(n *yaml.Node) error {
	if len(n.Value) > maxScalar {
		return invalid("error_template_yaml_long", "Line", n.Line, "Max", maxScalar>>10)
	}
	w.out.WriteString(quote(n.Value))
	return nil
}

// oldBool reports whether a scalar without quotes is a boolean in YAML 1.1, which
// many parsers still implement.
func oldBool(plain string) bool {
	switch strings.ToLower(plain) {
	case "y", "yes", "on", "n", "no", "off":
		return true
	default:
		return false
	}
}

// exact is a string in a document. Unlike the type string, it refuses null.
type exact string

// UnmarshalJSON implements json.Unmarshaler.
func (e *exact) UnmarshalJSON(raw []byte) error {
	if len(raw) == 0 || raw[0] != '"' {
		return &notStringError{services.Clip(string(raw))}
	}
	return json.Unmarshal(raw, (*string)(e))
}

// notStringError is the error of a value that needs quotes.
type notStringError struct{ value string }

func (e *notStringError) Error() string { return e.value + " is not a string" }

var (
	yamlLine     = regexp.MustCompile(`line (\d+): `)
	unknownField = regexp.MustCompile(`unknown field "([^"]*)"`)
)

// explain turns an error of a decoder into one that names the cause: a value that
// is not a string, an unknown field, or the line of a syntax error.
func explain(err error) error {
	if value, ok := errors.AsType[*notStringError](err); ok {
		return invalid("error_template_yaml_quotes", "Value", value.value)
	}
	if mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && mistyped.Field != "" {
		return invalid("error_template_yaml_type", "Field", mistyped.Field, "Value", mistyped.Value)
	}
	field, line := unknownField.FindStringSubmatch(err.Error()), yamlLine.FindStringSubmatch(err.Error())
	switch {
	case field != nil:
		return invalid("error_template_yaml_field", "Field", services.Clip(field[1]))
	case strings.Contains(err.Error(), "unknown anchor"):
		return invalid("error_template_yaml_anchor")
	case line != nil:
		return invalid("error_template_yaml_line", "Line", line[1])
	default:
		return invalid("error_template_yaml")
	}
}
