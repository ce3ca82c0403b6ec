package templates

import (
	"net/url"
	"slices"

	"kube-node-manager/services/operation"
	"kube-node-manager/services/template"
	"kube-node-manager/views/ui"
)

// Apply is the page on which a template is chosen for some nodes.
type Apply struct {
	Cluster  string
	Names    []string // of the nodes
	Usable   []template.Template
	Template *template.Template // that was chosen, or nil
	Mode     string
	Reason   string
	Values   url.Values // that were chosen, as fields
	Problem  *ui.Problem
	Back     string // URL of the table
}

// valueField names the field that chooses the value of an entry.
func valueField(e operation.TemplateEntry) string {
	if e.Effect == "" {
		return "value." + e.Key
	}
	return "value." + e.Key + ":" + e.Effect
}

// chosenValue gives the value that was chosen, the first unless one was.
func chosenValue(v Apply, e operation.TemplateEntry) string {
	if value := v.Values.Get(valueField(e)); v.Values.Has(valueField(e)) && slices.Contains(e.Values, value) {
		return value
	}
	return e.Values[0]
}

// operationOf gives the operation that applies a template.
func operationOf(t template.Template) string {
	if t.Kind == operation.TaintTemplate {
		return "taint"
	}
	return "label"
}

// ofKind gives the templates of one kind.
func ofKind(all []template.Template, kind string) []template.Template {
	return slices.DeleteFunc(slices.Clone(all), func(t template.Template) bool { return t.Kind != kind })
}
