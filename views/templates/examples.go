package templates

import (
	"context"
	"net/url"

	"kube-node-manager/services/operation"
	"kube-node-manager/views/ui"
)

// Example is a template to start from: the form of a new one, filled in.
type Example struct {
	ID   string // in its address
	Form Form
	rows []exampleRow
}

type exampleRow struct {
	key, effect string
	values      []string
}

// Examples are the examples that an empty list of templates offers, in the
// context's language.
func Examples(ctx context.Context, kind string) []Example {
	examples := []Example{
		{ID: "environment", rows: []exampleRow{
			{key: "environment", values: []string{"production", "staging", "development"}},
		}},
		{ID: "ownership", rows: []exampleRow{
			{key: "team", values: []string{"platform", "data"}},
			{key: "cost-center", values: []string{"1000", "2000"}},
		}},
	}
	if kind == operation.TaintTemplate {
		examples = []Example{
			{ID: "dedicated", rows: []exampleRow{{"dedicated", "NoSchedule", []string{"gpu", "batch"}}}},
			{ID: "maintenance", rows: []exampleRow{{"maintenance", "NoSchedule", []string{"planned", "repair"}}}},
		}
	}
	for i, e := range examples {
		examples[i].Form = e.form(ctx, kind)
	}
	return examples
}

func (e Example) form(ctx context.Context, kind string) Form {
	form := Form{
		Kind: kind,
		Name: ui.T(ctx, "template_example_"+e.ID), Description: ui.T(ctx, "template_example_about_"+e.ID),
	}
	for _, row := range e.rows {
		form.Rows = append(form.Rows, Row{Key: row.key, Effect: row.effect, Values: ui.Joined(row.values)})
	}
	return form
}

// entries returns the entries of the template.
func (e Example) entries() []operation.TemplateEntry {
	out := make([]operation.TemplateEntry, len(e.rows))
	for i, row := range e.rows {
		out[i] = operation.TemplateEntry{Key: row.key, Effect: row.effect, Values: row.values}
	}
	return out
}

// ExampleURL returns the form of a new template, filled in with an example.
func ExampleURL(kind, id string) string {
	return ui.WithQuery(NewURL(kind), url.Values{"example": {id}})
}
