package templates

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"kube-node-manager/services/operation"
	"kube-node-manager/services/template"
	"kube-node-manager/views/ui"
)

// Form is the form of a template, as it was typed.
type Form struct {
	Kind        string
	ID          int64  // 0 for a new one
	Old         string // its name, before the form
	Seen        string // the version that the form began with
	Name        string
	Description string
	Rows        []Row
	More        bool      // rows are wanted
	Rearranged  bool      // the rows are to be others, and nothing is to be stored
	Chosen      []string  // names of clusters
	Clusters    []Cluster // to choose from
	Conflict    bool      // somebody else has changed it meanwhile
	Problem     *ui.Problem
}

// Row is one entry as it is typed.
type Row struct{ Key, Effect, Values string }

// Cluster is a cluster that a template can be limited to.
type Cluster struct {
	Name   string
	Known  bool
	Chosen bool
}

// FormTitle says what a form makes.
func FormTitle(ctx context.Context, v Form) string {
	if v.ID == 0 {
		return ui.T(ctx, "template_new_title_"+v.Kind)
	}
	return ui.T(ctx, "template_edit_title", "Name", v.Old)
}

// action is where the form goes.
func (v Form) action() string {
	if v.ID == 0 {
		return NewURL(v.Kind)
	}
	return ActionURL(v.Kind, v.ID, "edit")
}

// back is where it goes without being saved.
func (v Form) back() string {
	if v.ID == 0 {
		return ui.TemplatesURL(v.Kind)
	}
	return URL(v.Kind, v.ID)
}

func (v Form) ofTaints() bool { return v.Kind == operation.TaintTemplate }

const (
	newRows  = 3 // of a form in which nothing stands yet
	moreRows = 5 // that the button adds
)

// rows gives what was typed, and empty rows to go on.
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

// entryErrors lists what is wrong with a form's entries, which have no field
// of their own that a browser could show it at.
func entryErrors(p *ui.Problem) []string {
	if p == nil {
		return nil
	}
	var texts []string
	for _, name := range sortedFields(p) {
		if name == "entries" || strings.HasPrefix(name, "entry.") || name == "updatedAt" {
			texts = append(texts, p.Fields[name])
		}
	}
	return texts
}

func sortedFields(p *ui.Problem) []string {
	names := make([]string, 0, len(p.Fields))
	for name := range p.Fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// entryID gives the id of a field of the Nth row, counted from 0.
func entryID(part string, i int) string { return "f-" + part + "-" + strconv.Itoa(i+1) }

// rowState ties a field of a row to what is wrong with it.
func rowState(p *ui.Problem, part string, i int) templ.Attributes {
	if p.Field(template.EntryField(part, i)) == "" {
		return nil
	}
	return templ.Attributes{"aria-invalid": "true", "aria-describedby": entryID(part, i) + "-wrong"}
}

func rowNumber(i int) string { return strconv.Itoa(i + 1) }
