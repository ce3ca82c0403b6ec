package templates

import (
	"strings"
	"time"

	"github.com/a-h/templ"

	"kube-node-manager/services/operation"
	"kube-node-manager/services/template"
	"kube-node-manager/views/ui"
)

// ListView is a page of the list of templates of a kind.
type ListView struct {
	Page      template.Page
	MayChange bool
	Now       time.Time
}

// listColumns are the columns of the list of templates.
func listColumns(v ListView) []ui.Column[template.Template] {
	actions := func(t template.Template) templ.Component { return actionsCell(t, v.MayChange) }
	return []ui.Column[template.Template]{
		{Title: "template_name", Class: "name", Cell: nameCell},
		{Title: "template_entries_" + v.Page.Query.Kind, Cell: entriesCell},
		{Title: "template_clusters", Cell: clustersCell},
		{Title: "template_changed", Cell: ui.CellAt(v.Now, changedCell)},
		{Title: "template_made", Cell: ui.CellAt(v.Now, madeCell)},
		{Title: "template_uses", Class: "num", Cell: usesCell},
		{Title: "template_last_use", Class: "num", Cell: ui.CellAt(v.Now, lastUseCell)},
		{Title: "col_actions", Class: "act", Hidden: true, Cell: actions},
	}
}

// entriesShown is how many entries a row of the list shows.
const entriesShown = 4

// restOfEntries returns the entries that a row does not show, for a title.
func restOfEntries(entries []operation.TemplateEntry) string {
	var texts []string
	for _, e := range entries[min(len(entries), entriesShown):] {
		texts = append(texts, entryText(e))
	}
	return strings.Join(texts, "\n")
}
