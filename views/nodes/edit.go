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
	Operation string   // that the form plans
	Field     string   // of the pasted text, which is also that of the entries
	Names     []string // of the nodes
	Found     int      // nodes that exist
	Rows      []EditRow
	Locked    []node.Spread // protected: shown, and left alone
	New       []EditNew     // the rows to add
	Text      string        // pasted, in kubectl's form
	Mode      string        // operation.ModeAdd or operation.ModeReplace
	Keep      bool          // leave nodes alone that have another value
	Reason    string
	Keys      []string // suggestions: what exists in the cluster
	Values    []string
	Effect    EditEffect
	Problem   *ui.Problem // Fields names the fields of the form
	Back      string      // URL of the table
}

// EditRow is a key that some of the nodes have, and what is to become of it.
type EditRow struct {
	node.Spread
	Value  string // in the field
	Every  bool   // put it on all nodes, changed or not
	Remove bool
}

// EditNew is a row of the form for what is to be added.
type EditNew struct{ Key, Value, Effect string }

// EditEffect is what a form asks for so far, in kubectl's form.
type EditEffect struct {
	Page    operation.Page
	Replace bool
	Keep    bool
	Entries []EditEntry
	Wrong   bool // some of the fields cannot be read
}

// EditEntry is one entry, as kubectl writes it.
type EditEntry struct {
	Text    string
	Removes bool
}

// kind returns the page as ids of messages have it.
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

// id gives the number of a row for ids: keys have characters that no selector
// takes.
func (r EditRow) id() string { return ui.FieldID("set." + r.ID()) }

// full reports whether all of the nodes have the same value, so that there is
// nothing to spread.
func (r EditRow) full(v EditView) bool {
	_, common := r.Common()
	return common && r.Nodes == v.Found
}

// was gives the value that stood in the field, and false when the nodes differ.
func (r EditRow) was() (string, bool) { return r.Common() }

// newField gives the name under which a row to add is refused.
func newField(i int) string { return "new." + strconv.Itoa(i) }

// manyValues says how a key's values spread, for the field of a row whose nodes
// differ.
func manyValues(ctx context.Context, s node.Spread) string {
	return ui.N(ctx, "edit_values", len(s.Values))
}

// onNodes says how many of the nodes have it.
func onNodes(ctx context.Context, v EditView, s node.Spread) string {
	if s.Nodes == v.Found {
		return ui.N(ctx, "edit_on_all", v.Found)
	}
	return ui.N(ctx, "edit_on_some", v.Found, "Nodes", ui.Number(s.Nodes))
}

// effectLinesShown is how many entries the effect lists before it counts the rest.
const effectLinesShown = 40

// effectLines are the entries of a form, told apart by what they do.
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

// effectWords are what becomes of everything that the form does not name.
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

// editProblem gives what is wrong with the form as a whole: what no field of it
// can show.
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

// EditFields lists the names of the fields of a form that can be wrong, as they
// are when rows were posted.
func EditFields(posted []string, blank int, text string) []string {
	out := slices.Clone(posted)
	for i := range blank {
		out = append(out, newField(i))
	}
	return append(out, text)
}
