package templates

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"kube-node-manager/services/operation"
	"kube-node-manager/services/template"
	"kube-node-manager/views/ui"
)

// Form is the form of a template, as it was filled in.
type Form struct {
	Kind        string
	ID          int64  // 0 for a new one
	Old         string // its name so far
	Seen        string // the version that the form was filled with
	Name        string
	Description string
	Rows        []Row
	More        bool      // more rows are wanted
	Rearranged  bool      // only the rows change; nothing is to be stored
	Chosen      []string  // names of the chosen clusters
	Clusters    []Cluster // to choose from
	Conflict    bool      // somebody else has changed the template since
	Problem     *ui.Problem
}

// Row is one entry, as it was filled in.
type Row struct{ Key, Effect, Values string }

// Cluster is a cluster that a template can be limited to.
type Cluster struct {
	Name   string
	Known  bool // it is among the clusters of the program
	Chosen bool
}

// FormTitle returns the heading of a form.
func FormTitle(ctx context.Context, v Form) string {
	if v.ID == 0 {
		return ui.T(ctx, "template_new_title_"+v.Kind)
	}
	return ui.T(ctx, "template_edit_title", "Name", v.Old)
}

// action returns the address that the form is posted to.
func (v Form) action() string {
	if v.ID == 0 {
		return NewURL(v.Kind)
	}
	return ActionURL(v.Kind, v.ID, "edit")
}

// back returns the page to return to without saving.
func (v Form) back() string {
	if v.ID == 0 {
		return ui.TemplatesURL(v.Kind)
	}
	return URL(v.Kind, v.ID)
}

func (v Form) ofTaints() bool { return v.Kind == operation.TaintTemplate }

const (
	newRows  = 3 // empty rows of an empty form
	moreRows = 5 // empty rows that the button adds
)

// rows returns the rows of the form, with empty ones at the end.
func (v Form) rows() []Row {
	empty := 1
	switch {
	case v.More:
		empty = moreRows
	case len(v.Rows) == 0:
		empty = newRows
	}
	empty = max(0, min(empty, template.MaxEntries-len(v.Rows)))
	return append(slices.Clone(v.Rows), make([]Row, empty)...)
}

// entryErrors returns what is wrong with the entries and with the form as a whole.
// Other errors are shown at their fields.
func entryErrors(p *ui.Problem) []string {
	if p == nil {
		return nil
	}
	fields := maps.Clone(p.Fields)
	maps.DeleteFunc(fields, func(name, _ string) bool {
		return name != "entries" && name != "updatedAt" && !strings.HasPrefix(name, "entry.")
	})
	return ui.FieldTexts(ui.Problem{Fields: fields})
}

// entryID returns the id of a field in row i, which counts from 0.
func entryID(part string, i int) string { return "f-" + part + "-" + strconv.Itoa(i+1) }

// rowState returns the attributes that link a field of a row to what is wrong with
// it.
func rowState(p *ui.Problem, part string, i int) templ.Attributes {
	if p.Field(template.EntryField(part, i)) == "" {
		return nil
	}
	return templ.Attributes{"aria-invalid": "true", "aria-describedby": entryID(part, i) + "-wrong"}
}

func rowNumber(i int) string { return strconv.Itoa(i + 1) }
