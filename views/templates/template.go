// Package templates shows the templates of labels and of taints: their list,
// their forms, and the form that applies one to nodes.
package templates

import (
	"context"
	"strings"

	"kube-node-manager/services/operation"
	"kube-node-manager/services/template"
	"kube-node-manager/views/ui"
)

// Title returns the heading of the templates of a kind.
func Title(ctx context.Context, kind string) string { return ui.T(ctx, "templates_title_"+kind) }

// entryText returns an entry as kubectl writes it, with its candidate values.
func entryText(e operation.TemplateEntry) string {
	values := template.FormatValues(e.Values)
	if len(e.Values) > 1 {
		values = strings.ReplaceAll(values, ", ", " | ")
	}
	switch {
	case e.Effect == "":
		return e.Key + "=" + values
	case values == "":
		return e.Key + ":" + e.Effect
	default:
		return e.Key + "=" + values + ":" + e.Effect
	}
}
