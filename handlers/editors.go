package handlers

import (
	"slices"
	"strings"
	"unicode"

	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
)

// editor is one of the forms that edit what many nodes have. A row is named after
// what it is about: the key of a label or an annotation, or a taint's "key:Effect".
type editor struct {
	page      operation.Page // also in the address
	operation string
	field     string // with the operation's entries
	spread    func([]*node.Node) []node.Spread
	split     func(values []string) []string
	parse     func(text string) (entry, error)
	set       func(id, value string) string // writes an entry as kubectl does
	protects  func(p protection, s node.Spread) bool
}

// entry is one entry as kubectl writes it: what it is about, and its value.
type entry struct {
	id, value string
	removes   bool
}

func editors() []editor {
	return []editor{
		{
			page: operation.PageLabels, operation: operation.Label, field: "label",
			spread: node.LabelSpread, split: operation.Entries, parse: parseKeyed(operation.ParseLabel), set: setKeyed,
			protects: func(p protection, s node.Spread) bool { return p.Label(s.Key) },
		},
		{
			page: operation.PageTaints, operation: operation.Taint, field: "taint",
			spread: node.TaintSpread, split: operation.Entries, parse: parseTaint, set: setTaint,
			protects: func(p protection, s node.Spread) bool {
				return p.Taint(node.Taint{Key: s.Key, Effect: s.Effect})
			},
		},
		{
			page: operation.PageAnnotations, operation: operation.Annotate, field: "annotation",
			spread: annotationSpread, split: operation.Lines, parse: parseKeyed(operation.ParseAnnotation), set: setKeyed,
			protects: func(p protection, s node.Spread) bool { return p.Annotation(s.Key) || !fitsLine(s) },
		},
	}
}

// editorOf returns the form of that page.
func editorOf(page string) (editor, bool) {
	i := slices.IndexFunc(editors(), func(e editor) bool { return string(e.page) == page })
	if i < 0 {
		return editor{}, false
	}
	return editors()[i], true
}

func parseKeyed(
	parse func(text string) (key, value string, how operation.Form, err error),
) func(text string) (entry, error) {
	return func(text string) (entry, error) {
		key, value, how, err := parse(text)
		return entry{id: key, value: value, removes: how != operation.FormSet}, err
	}
}

func setKeyed(id, value string) string { return id + "=" + value }

func parseTaint(text string) (entry, error) {
	t, how, err := operation.ParseTaint(text)
	e := entry{id: t.Key, value: t.Value, removes: how != operation.FormSet}
	if t.Effect != "" {
		e.id = t.ID()
	}
	return e, err
}

func setTaint(id, value string) string {
	key, effect, _ := strings.Cut(id, ":")
	if value == "" {
		return id
	}
	return key + "=" + value + ":" + effect
}

// annotationSpread leaves out the annotations that explain a cordon: they belong to it.
func annotationSpread(nodes []*node.Node) []node.Spread {
	all := node.KeySpread(nodes, func(n *node.Node) map[string]string { return n.Annotations })
	return slices.DeleteFunc(all, func(s node.Spread) bool { return slices.Contains(node.CordonAnnotations(), s.Key) })
}

// longestValue is how many bytes a value may have that is edited in a line.
const longestValue = 300

// fitsLine reports whether every value can stand in a field of one line: a browser
// takes line ends out of it.
func fitsLine(s node.Spread) bool {
	return !slices.ContainsFunc(s.Values, func(v node.ValueCount) bool {
		return len(v.Value) > longestValue || strings.ContainsFunc(v.Value, unicode.IsControl)
	})
}
