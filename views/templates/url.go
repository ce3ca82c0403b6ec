package templates

import (
	"net/url"
	"strconv"

	"kube-node-manager/services/template"
	"kube-node-manager/views/ui"
)

// PageURL returns a page of the templates that a search finds.
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

// pageURL returns the address of each page of a list.
func pageURL(q template.Query) func(page int) string {
	return func(page int) string { return PageURL(q.Kind, q.Text, page) }
}

// URL returns the page of one template.
func URL(kind string, id int64) string {
	return ui.TemplatesURL(kind) + "/" + strconv.FormatInt(id, 10)
}

// ActionURL is where a template is edited, duplicated or deleted.
func ActionURL(kind string, id int64, verb string) string {
	return URL(kind, id) + "/" + verb
}

// NewURL returns the form of a new template.
func NewURL(kind string) string { return ui.TemplatesURL(kind) + "/new" }

// ImportURL returns the page that imports YAML.
func ImportURL(kind string) string { return ui.TemplatesURL(kind) + "/import" }

// ExportURL returns the templates of a kind as YAML, or only the one with an id.
func ExportURL(kind string, id int64) string {
	if id == 0 {
		return ui.TemplatesURL(kind) + "/export"
	}
	return ui.WithQuery(ui.TemplatesURL(kind)+"/export", url.Values{"id": {strconv.FormatInt(id, 10)}})
}

// ChooseNodesURL returns the node table in which the nodes for a template are
// selected.
func ChooseNodesURL(cluster string, t template.Template) string {
	return ui.WithQuery(ui.NodesPath(cluster), url.Values{"apply": {choice(t)}})
}

// choice returns a value that identifies a template of any kind.
func choice(t template.Template) string { return t.Kind + "-" + strconv.FormatInt(t.ID, 10) }
