package nodes

import (
	"net/url"
	"strconv"

	"kube-node-manager/views/ui"
)

// ApplyTemplate is the template that nodes are chosen for. Name is "" for one
// that is not there any more.
type ApplyTemplate struct {
	Kind string // "labels" or "taints"
	ID   int64
	Name string
}

// applyURL is where the selection goes that a template is to be applied to.
func (a ApplyTemplate) applyURL(cluster string) string {
	return ui.WithQuery(ui.ApplyURL(cluster), url.Values{"kind": {a.Kind}, "template": {strconv.FormatInt(a.ID, 10)}})
}

// withoutApply is the table for its own sake.
func withoutApply(v ListView) string {
	q := firstPage(v.Page.Query)
	q.Apply = ""
	return ui.NodesURL(v.Cluster, q)
}
