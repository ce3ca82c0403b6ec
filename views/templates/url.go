package templates

import (
	"net/url"
	"strconv"

	"kube-node-manager/services/template"
	"kube-node-manager/views/ui"
)

// PageURL gives a page of those that a search finds.
func PageURL(kind, text string, page int) string {
	values := url.Values{}
	if text != "" {
		values.Set("q", text)
	}
	if page > 1 {
		values.Set("page", strconv.Itoa(page))
	}
	return ui.WithQuery(ui.TemplatesURL(kind), values)
}

// URL gives the page of one template.
func URL(kind string, id int64) string {
	return ui.TemplatesURL(kind) + "/" + strconv.FormatInt(id, 10)
}

// ActionURL is where a template is edited, duplicated or deleted.
func ActionURL(kind string, id int64, verb string) string {
	return URL(kind, id) + "/" + verb
}

// NewURL is where a template is made.
func NewURL(kind string) string { return ui.TemplatesURL(kind) + "/new" }

// ImportURL is where templates come from YAML.
func ImportURL(kind string) string { return ui.TemplatesURL(kind) + "/import" }

// ExportURL gives the templates of a kind as YAML; with an id, that one.
func ExportURL(kind string, id int64) string {
	if id == 0 {
		return ui.TemplatesURL(kind) + "/export"
	}
	return ui.WithQuery(ui.TemplatesURL(kind)+"/export", url.Values{"id": {strconv.FormatInt(id, 10)}})
}

// ChooseNodesURL gives the node table in which the nodes are ticked that a
// template is applied to.
func ChooseNodesURL(cluster string, t template.Template) string {
	return ui.WithQuery(ui.NodesPath(cluster), url.Values{"apply": {choice(t)}})
}

// choice names a template of any kind in one word.
func choice(t template.Template) string { return t.Kind + "-" + strconv.FormatInt(t.ID, 10) }
