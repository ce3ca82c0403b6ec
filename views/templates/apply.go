package templates

import (
	"net/url"
	"slices"

	"kube-node-manager/services/operation"
	"kube-node-manager/services/template"
	"kube-node-manager/views/ui"
)

// Apply is the page that applies a template to some nodes.
type Apply struct {
	Cluster  string
	Names    []string // of the nodes
	Usable   []template.Template
	Template *template.Template // the chosen one, or nil
	Mode     string
	Reason   string
	Values   url.Values // the chosen ones, as form fields
	Problem  *ui.Problem
	Back     string // address of the node table
}

// valueField returns the name of the field that selects the value of an entry.
func valueField(e operation.TemplateEntry) string {
	if e.Effect == "" {
		return "value." + e.Key
	}
	return "value." + e.Key + ":" + e.Effect
}

// chosenValue returns the value that was chosen, or else the first.
func chosenValue(v Apply, e operation.TemplateEntry) string {
	field := valueField(e)
	value := v.Values.Get(field)
	if v.Values.Has(field) && slices.Contains(e.Values, value) {
		return value
	}
	return e.Values[0]
}

// operationOf returns the operation that applies a template.
func operationOf(t template.Template) string {
	if t.Kind == operation.TaintTemplate {
		return operation.Taint
	}
	return operation.Label
}

// ofKind returns the templates of one kind.
func ofKind(all []template.Template, kind string) []template.Template {
	return slices.DeleteFunc(slices.Clone(all), func(t template.Template) bool { return t.Kind != kind })
}
