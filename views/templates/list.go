package templates

import (
	"strings"
	"time"

	"kube-node-manager/services/operation"
	"kube-node-manager/services/template"
)

// ListView is one page of the templates of a kind.
type ListView struct {
	Page      template.Page
	MayChange bool
	Now       time.Time
}

// entriesShown is how many entries a row of the list has room for.
const entriesShown = 4

// restOfEntries gives those that the row has no room for, for a title.
func restOfEntries(entries []operation.TemplateEntry) string {
	var texts []string
	for _, e := range entries[min(len(entries), entriesShown):] {
		texts = append(texts, entryText(e))
	}
	return strings.Join(texts, "\n")
}
