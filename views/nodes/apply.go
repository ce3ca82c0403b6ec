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
}

// applyURL returns the form that applies the template to the selection.
func (a ApplyTemplate) applyURL(cluster string) string {
	id := strconv.FormatInt(a.ID, 10)
	return ui.WithQuery(ui.ApplyURL(cluster), url.Values{"kind": {a.Kind}, "template": {id}})
}

// withoutApply returns the address of the table without the template.
func withoutApply(v ListView) string {
	q := firstPage(v.Page.Query)
	q.Apply = ""
	return ui.NodesURL(v.Cluster, q)
}
