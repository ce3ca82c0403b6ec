package nodes

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/views/ui"
)

// EditView is the form that edits the labels, taints or annotations of some nodes.
type EditView struct {
	Cluster   string
	Page      operation.Page
	Operation string   // of the form
	Field     string   // name of the field for pasted entries
	Names     []string // of the nodes
	Found     int      // nodes that exist
	Rows      []EditRow
	Locked    []node.Spread // protected: shown, but not changed
	New       []EditNew     // rows for new ones
	Text      string        // pasted entries, in the syntax of kubectl
	Mode      string        // operation.ModeAdd or operation.ModeReplace
	Keep      bool          // do not change nodes with another value
	Reason    string
	Keys      []string // suggestions: what the cluster has
	Values    []string
	Effect    EditEffect
	Problem   *ui.Problem // Fields names the fields of the form
	Back      string      // address of the table
}

// EditRow is a key that some of the nodes have, and how it is to change.
type EditRow struct {
	node.Spread
	Value  string // of the field
	Every  bool   // set it on all nodes, even if the value has not changed
	Remove bool
}

// EditNew is a row for a new entry.
type EditNew struct{ Key, Value, Effect string }

// EditEffect is what a form would do, with entries in the syntax of kubectl.
type EditEffect struct {
	Page    operation.Page
	Replace bool
	Keep    bool
	Entries []EditEntry
	Wrong   bool // some of the fields cannot be read
}

// EditEntry is an entry in the syntax of kubectl.
type EditEntry struct {
	Text    string
	Removes bool
}

// kind returns the page in the form that message ids use.
func (v EditView) kind() string { return string(v.Page) }

// ofTaints reports whether the form is about taints.
func (v EditView) ofTaints() bool { return v.Page == operation.PageTaints }

// lockedAbout says why some rows cannot be edited.
func lockedAbout(ctx context.Context, v EditView) string {
	id := "edit_locked_about_" + v.kind()
	if !ui.HasMessage(ctx, id) {
		id = "edit_locked_about"
	}
	return ui.T(ctx, id)
}

// valuesShown is how many values a row lists before it counts the rest.
const valuesShown = 3

// id returns the element id of a row, whose key may hold any character.
func (r EditRow) id() string { return ui.FieldID("set." + r.ID()) }

// full reports whether all nodes have the key with the same value.
func (r EditRow) full(v EditView) bool {
	_, common := r.Common()
	return common && r.Nodes == v.Found
}

// was returns the value of all nodes, and false when they differ.
func (r EditRow) was() (string, bool) { return r.Common() }

// newField returns the name by which errors refer to a row for a new one.
func newField(i int) string { return "new." + strconv.Itoa(i) }

// manyValues says how many values a key has.
func manyValues(ctx context.Context, s node.Spread) string {
	return ui.N(ctx, "edit_values", len(s.Values))
}

// onNodes says how many of the nodes have a key.
func onNodes(ctx context.Context, v EditView, s node.Spread) string {
	if s.Nodes == v.Found {
		return ui.N(ctx, "edit_on_all", v.Found)
	}
	return ui.N(ctx, "edit_on_some", v.Found, "Nodes", ui.Number(s.Nodes))
}

// effectLinesShown is how many entries the effect lists before it counts the rest.
const effectLinesShown = 40

// effectLines returns the entries of a form, those to set before those to remove.
func effectLines(e EditEffect) []ui.DiffLine {
	out := make([]ui.DiffLine, 0, len(e.Entries))
	for _, entry := range e.Entries {
		line := ui.DiffLine{Kind: ui.DiffSet, Text: entry.Text}
		if entry.Removes {
			line = ui.DiffLine{Kind: ui.DiffRemove, Text: strings.TrimSuffix(entry.Text, "-")}
		}
		out = append(out, line)
	}
	slices.SortStableFunc(out, func(a, b ui.DiffLine) int { return strings.Compare(b.Kind, a.Kind) })
	return out
}

// effectWords says what happens to everything that the form does not name.
func effectWords(ctx context.Context, e EditEffect) string {
	switch {
	case len(e.Entries) == 0 && e.Replace:
		return ui.T(ctx, "effect_replace_none_"+string(e.Page))
	case len(e.Entries) == 0:
		return ui.T(ctx, "effect_none")
	case e.Replace:
		return ui.T(ctx, "effect_replace_"+string(e.Page))
	case e.Keep:
		return ui.T(ctx, "effect_keep")
	default:
		return ui.T(ctx, "effect_add_"+string(e.Page))
	}
}

// hasNoExecute reports whether the form may evict pods.
func hasNoExecute(e EditEffect) bool {
	return e.Page == operation.PageTaints && slices.ContainsFunc(e.Entries, func(entry EditEntry) bool {
		return strings.HasSuffix(entry.Text, ":NoExecute")
	})
}

// editProblem returns what is wrong with the form as a whole, or "". Other errors
// are shown at their fields.
func editProblem(v EditView) string {
	if v.Problem == nil {
		return ""
	}
	for _, name := range []string{"node", "mode", "operation", "source", "template"} {
		if text := v.Problem.Field(name); text != "" {
			return text
		}
	}
	if len(v.Problem.Fields) > 0 {
		return ""
	}
	return v.Problem.Text
}

// EditFields returns the names of all fields of a form that can have an error:
// those of its rows, of its blank rows, and that of the pasted text.
func EditFields(posted []string, blank int, text string) []string {
	out := slices.Clone(posted)
	for i := range blank {
		out = append(out, newField(i))
	}
	return append(out, text)
}
