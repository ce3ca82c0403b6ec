package template

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"kube-node-manager/services"
	"kube-node-manager/services/yamltree"
)

// Limits of an imported document.
const (
	// maxDocument is in bytes. It is the limit of a request body, and enough for more
	// than a thousand templates.
	maxDocument = 512 << 10
	maxMarks    = 60_000   // Export writes about twelve nodes for an entry
	maxDepth    = 16       // a document of templates has 7 levels
	maxScalar   = 16 << 10 // every field of a template is shorter
)

func yamlLimits() yamltree.Limits {
	return yamltree.Limits{
		Field: "document", Bytes: maxDocument, Marks: maxMarks, Depth: maxDepth, Scalar: maxScalar,
	}
}

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

// parse parses a document: it converts the tree of its YAML nodes to JSON and
// decodes that.
func parse(text string) (document, error) {
	var doc document
	root, err := yamltree.Parse(text, yamlLimits())
	if err != nil {
		return doc, err
	}
	w := jsonWriter{}
	if err := w.node(root); err != nil {
		return doc, err
	}
	decoder := json.NewDecoder(&w.out)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&doc); err != nil {
		return doc, explain(err)
	}
	return doc, nil
}

// jsonWriter writes a tree as JSON.
type jsonWriter struct{ out bytes.Buffer }

func (w *jsonWriter) node(n *yaml.Node) error {
	if n == nil {
		w.out.WriteString("null")
		return nil
	}
	switch n.Kind {
	case yaml.SequenceNode:
		return w.list(n)
	case yaml.MappingNode:
		return w.mapping(n)
	default:
		return w.scalar(n)
	}
}

func (w *jsonWriter) list(n *yaml.Node) error {
	w.out.WriteByte('[')
	for i, item := range n.Content {
		if i > 0 {
			w.out.WriteByte(',')
		}
		if err := w.node(item); err != nil {
			return err
		}
	}
	w.out.WriteByte(']')
	return nil
}

func (w *jsonWriter) mapping(n *yaml.Node) error {
	w.out.WriteByte('{')
	separator := ""
	for key, value := range yamltree.Pairs(n) {
		w.out.WriteString(separator + quote(key.Value) + ":")
		if err := w.node(value); err != nil {
			return err
		}
		separator = ","
	}
	w.out.WriteByte('}')
	return nil
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
		w.out.WriteString(quote(n.Value))
		return nil
	}
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

var unknownField = regexp.MustCompile(`unknown field "([^"]*)"`)

// explain turns an error of the JSON decoder into one that names the cause: a value
// that is not a string, or an unknown field.
func explain(err error) error {
	if value, ok := errors.AsType[*notStringError](err); ok {
		return invalid("error_template_yaml_quotes", "Value", value.value)
	}
	if mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && mistyped.Field != "" {
		return invalid("error_template_yaml_type", "Field", mistyped.Field, "Value", mistyped.Value)
	}
	field := unknownField.FindStringSubmatch(err.Error())
	if field != nil {
		return invalid("error_template_yaml_field", "Field", services.Clip(field[1]))
	}
	return invalid("error_template_yaml")
}
