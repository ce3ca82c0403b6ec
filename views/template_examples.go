package views

import (
	"context"
	"net/url"

	"kube-node-manager/services/operation"
)

// TemplateExample is a template to begin with: the form of a new one, filled in.
type TemplateExample struct {
	ID   string // in its address
	Form TemplateForm
	rows []exampleRow
}

type exampleRow struct {
	key, effect string
	values      []string
}

// TemplateExamples are what the empty list of templates offers, in the reader's
// language.
func TemplateExamples(ctx context.Context, kind string) []TemplateExample {
	examples := []TemplateExample{
		{ID: "environment", rows: []exampleRow{
			{key: "environment", values: []string{"production", "staging", "development"}},
		}},
		{ID: "ownership", rows: []exampleRow{
			{key: "team", values: []string{"platform", "data"}},
			{key: "cost-center", values: []string{"1000", "2000"}},
		}},
	}
	if kind == operation.TaintTemplate {
		examples = []TemplateExample{
			{ID: "dedicated", rows: []exampleRow{{"dedicated", "NoSchedule", []string{"gpu", "batch"}}}},
			{ID: "maintenance", rows: []exampleRow{{"maintenance", "NoSchedule", []string{"planned", "repair"}}}},
		}
	}
	for i, e := range examples {
		examples[i].Form = e.form(ctx, kind)
	}
	return examples
}

func (e TemplateExample) form(ctx context.Context, kind string) TemplateForm {
	form := TemplateForm{
		Kind: kind,
		Name: T(ctx, "template_example_"+e.ID), Description: T(ctx, "template_example_about_"+e.ID),
	}
	for _, row := range e.rows {
		form.Rows = append(form.Rows, TemplateRow{Key: row.key, Effect: row.effect, Values: joined(row.values)})
	}
	return form
}

// entries are what an example would put on nodes.
func (e TemplateExample) entries() []operation.TemplateEntry {
	out := make([]operation.TemplateEntry, len(e.rows))
	for i, row := range e.rows {
		out[i] = operation.TemplateEntry{Key: row.key, Effect: row.effect, Values: row.values}
	}
	return out
}

// TemplateExampleURL leads to the form of a new template that an example fills
// in.
func TemplateExampleURL(kind, id string) string {
	return withQuery(NewTemplateURL(kind), url.Values{"example": {id}})
}
