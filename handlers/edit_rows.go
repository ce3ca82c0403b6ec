package handlers

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
	"kube-node-manager/views/nodes"
)

// rows are what the fields of a form come to.
type rows struct {
	entries []string
	wrong   services.FieldErrors
	seen    map[string]string // entry by what it is about
}

// rows reads the form's rows and its pasted text:
//
//	set.{id}    the value in the field; was.{id} is the one that stood there, and is
//	            missing when the nodes differ
//	every={id}  the value goes on all nodes, whether it was changed or not
//	unset={id}  it is removed
//	new_key, new_value, new_effect   side by side, for what is added
//	label, taint or annotation       pasted text
//
// A field that was left as it was asks for nothing. An empty value is a value:
// where one stood, taking it out sets the empty one.
func (e editor) rows(form url.Values) rows {
	r := rows{seen: map[string]string{}}
	for _, id := range rowIDs(form) {
		value, wanted := rowValue(form, id)
		remove := slices.Contains(form["unset"], id)
		switch {
		case form.Get("mode") == operation.ModeReplace && remove && !wanted: // it goes by itself
		case remove && wanted:
			r.refuse("set."+id, services.FieldError{Text: "error_edit_both"})
		case remove:
			r.add(e, "set."+id, id+"-")
		case wanted:
			r.add(e, "set."+id, e.set(id, value))
		}
	}
	for i, n := range newRows(form) {
		if n != (nodes.EditNew{Effect: n.Effect}) {
			r.add(e, newRow(i), e.set(e.idOf(n), n.Value))
		}
	}
	pasted := e.split(form[e.field])
	if err := operation.CheckEntries(e.field, pasted); err != nil {
		r.refuse(e.field, services.AsError(err).Fields[0])
		return r
	}
	for _, text := range pasted {
		r.add(e, e.field, text)
	}
	return r
}

// idOf returns what a row to add is about.
func (e editor) idOf(n nodes.EditNew) string {
	if e.page == operation.PageTaints {
		return n.Key + ":" + n.Effect
	}
	return n.Key
}

// add takes an entry of a field, unless it cannot be read or another entry has
// said something else about the same.
func (r *rows) add(e editor, field, text string) {
	parsed, err := e.parse(text)
	if err != nil {
		for _, wrong := range services.AsError(err).Fields {
			r.refuse(field, wrong)
		}
		return
	}
	old, twice := r.seen[parsed.id]
	switch {
	case twice && old != text:
		r.refuse(field, services.FieldError{Text: "error_entry_twice", Args: services.Args("Key", parsed.id)})
	case !twice:
		r.seen[parsed.id] = text
		r.entries = append(r.entries, text)
	}
}

// refuse names the field of the form; the first thing that is wrong with it is
// enough.
func (r *rows) refuse(field string, wrong services.FieldError) {
	if !r.wrong.Has(field) {
		wrong.Field = field
		r.wrong = append(r.wrong, wrong)
	}
}

// canonical returns the form as the operation reads it: entries in place of rows.
func (e editor) canonical(form url.Values, entries []string) url.Values {
	out := maps.Clone(form)
	for name := range form {
		if isRow(name) {
			delete(out, name)
		}
	}
	out[e.field] = entries
	return out
}

func isRow(name string) bool {
	return strings.HasPrefix(name, "set.") || strings.HasPrefix(name, "was.") ||
		slices.Contains([]string{"every", "unset", "new_key", "new_value", "new_effect", "edit", "more"}, name)
}

// rowIDs returns what the rows of a form are about, sorted.
func rowIDs(form url.Values) []string {
	ids := map[string]bool{}
	for name := range form {
		if id, ok := strings.CutPrefix(name, "set."); ok {
			ids[id] = true
		}
	}
	for _, id := range slices.Concat(form["unset"], form["every"]) {
		ids[id] = true
	}
	return slices.Sorted(maps.Keys(ids))
}

// rowValue returns the value in a row's field, and whether the nodes are to get
// it.
func rowValue(form url.Values, id string) (value string, wanted bool) {
	value = form.Get("set." + id)
	if form.Has("was." + id) {
		wanted = form.Has("set."+id) && value != form.Get("was."+id)
	} else {
		wanted = value != ""
	}
	return value, wanted || slices.Contains(form["every"], id)
}

// newRows reads the rows for what is added. Fields that are missing are empty.
func newRows(form url.Values) []nodes.EditNew {
	at := func(name string, i int) string {
		if values := form[name]; i < len(values) {
			return values[i]
		}
		return ""
	}
	out := make([]nodes.EditNew, min(maxNewRows, max(len(form["new_key"]), len(form["new_value"]))))
	for i := range out {
		out[i] = nodes.EditNew{Key: at("new_key", i), Value: at("new_value", i), Effect: at("new_effect", i)}
	}
	return out
}

// maxNewRows bounds the rows that a form can have; who needs more pastes text.
const maxNewRows = 200

// newRow returns the name under which a row to add is refused.
func newRow(i int) string { return "new." + strconv.Itoa(i) }
