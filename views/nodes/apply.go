package nodes

import (
	"net/url"
	"strconv"

	"kube-node-manager/views/ui"
)

// ApplyTemplate is the template for which nodes are selected. Name is "" when it no
// longer exists.
type ApplyTemplate struct {
	Kind string // "labels" or "taints"
	ID   int64
	Name string
	// Source is the node whose taints are copied to the selected nodes, instead of a
	// template; "" for a template.
	Source string
}

// applyURL returns the form that applies the template to the selection.
func (a ApplyTemplate) applyURL(cluster string) string {
	if a.Source != "" {
		return ui.WithQuery(ui.CopyURL(cluster), url.Values{"source": {a.Source}})
	}
	id := strconv.FormatInt(a.ID, 10)
	return ui.WithQuery(ui.ApplyURL(cluster), url.Values{"kind": {a.Kind}, "template": {id}})
}

// button and note are the message ids of the button and of the note.
func (a ApplyTemplate) button() string {
	if a.Source != "" {
		return "form_copy"
	}
	return "apply_do"
}

func (a ApplyTemplate) note() string {
	if a.Source != "" {
		return "row_copy_choose"
	}
	return "apply_choose"
}

// withoutApply returns the address of the table without the template.
func withoutApply(v *ListView) string {
	q := firstPage(v.Page.Query)
	q.Apply = ""
	return ui.NodesURL(v.Cluster, q)
}
