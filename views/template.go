package views

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"kube-node-manager/services/operation"
	"kube-node-manager/services/template"
)

// TemplatesView is one page of the templates of a kind.
type TemplatesView struct {
	Page      template.Page
	MayChange bool
	Now       time.Time
}

// TemplateView is the page of one template.
type TemplateView struct {
	Template  template.Template
	Clusters  []ClusterView // in which it may be applied
	Unknown   []string      // clusters that it names and nobody has
	MayChange bool
	Now       time.Time
}

// TemplateForm is the form of a template, as it was typed.
type TemplateForm struct {
	Kind        string
	ID          int64  // 0 for a new one
	Old         string // its name, before the form
	Seen        string // the version that the form began with
	Name        string
	Description string
	Rows        []TemplateRow
	More        bool              // rows are wanted
	Rearranged  bool              // the rows are to be others, and nothing is to be stored
	Chosen      []string          // names of clusters
	Clusters    []TemplateCluster // to choose from
	Conflict    bool              // somebody else has changed it meanwhile
	Problem     *Problem
}

// TemplateRow is one entry as it is typed.
type TemplateRow struct{ Key, Effect, Values string }

// TemplateCluster is a cluster that a template can be limited to.
type TemplateCluster struct {
	Name   string
	Known  bool
	Chosen bool
}

// TemplateImport is the page that takes YAML, and what became of it.
type TemplateImport struct {
	Kind     string
	Document string
	Replace  bool
	Result   []template.Imported
	Problem  *Problem
}

// TemplateApply is the page on which a template is chosen for some nodes.
type TemplateApply struct {
	Cluster  string
	Names    []string // of the nodes
	Usable   []template.Template
	Template *template.Template // that was chosen, or nil
	Mode     string
	Reason   string
	Values   url.Values // that were chosen, as fields
	Problem  *Problem
	Back     string // URL of the table
}

// TemplatesURL gives the templates of a kind.
func TemplatesURL(kind string) string { return "/templates/" + url.PathEscape(kind) }

// TemplatesPageURL gives a page of those that a search finds.
func TemplatesPageURL(kind, text string, page int) string {
	values := url.Values{}
	if text != "" {
		values.Set("q", text)
	}
	if page > 1 {
		values.Set("page", strconv.Itoa(page))
	}
	return withQuery(TemplatesURL(kind), values)
}

// TemplateURL gives the page of one template.
func TemplateURL(kind string, id int64) string {
	return TemplatesURL(kind) + "/" + strconv.FormatInt(id, 10)
}

// TemplateActionURL is where a template is edited, duplicated or deleted.
func TemplateActionURL(kind string, id int64, verb string) string {
	return TemplateURL(kind, id) + "/" + verb
}

// NewTemplateURL is where a template is made.
func NewTemplateURL(kind string) string { return TemplatesURL(kind) + "/new" }

// ImportTemplatesURL is where templates come from YAML.
func ImportTemplatesURL(kind string) string { return TemplatesURL(kind) + "/import" }

// ExportTemplatesURL gives the templates of a kind as YAML; with an id, that one.
func ExportTemplatesURL(kind string, id int64) string {
	if id == 0 {
		return TemplatesURL(kind) + "/export"
	}
	return withQuery(TemplatesURL(kind)+"/export", url.Values{"id": {strconv.FormatInt(id, 10)}})
}

// TemplateNodesURL gives the node table in which the nodes are ticked that a
// template is applied to.
func TemplateNodesURL(cluster string, t template.Template) string {
	return withQuery(nodesPath(cluster), url.Values{"apply": {templateChoice(t)}})
}

// templateChoice names a template of any kind in one word.
func templateChoice(t template.Template) string { return t.Kind + "-" + strconv.FormatInt(t.ID, 10) }

// TemplatesTitle names the templates of a kind.
func TemplatesTitle(ctx context.Context, kind string) string { return T(ctx, "templates_title_"+kind) }

// TemplateFormTitle says what a form makes.
func TemplateFormTitle(ctx context.Context, v TemplateForm) string {
	if v.ID == 0 {
		return T(ctx, "template_new_title_"+v.Kind)
	}
	return T(ctx, "template_edit_title", "Name", v.Old)
}

// action is where the form goes.
func (v TemplateForm) action() string {
	if v.ID == 0 {
		return NewTemplateURL(v.Kind)
	}
	return TemplateActionURL(v.Kind, v.ID, "edit")
}

// back is where it goes without being saved.
func (v TemplateForm) back() string {
	if v.ID == 0 {
		return TemplatesURL(v.Kind)
	}
	return TemplateURL(v.Kind, v.ID)
}

func (v TemplateForm) ofTaints() bool { return v.Kind == operation.TaintTemplate }

const (
	newRows  = 3 // of a form in which nothing stands yet
	moreRows = 5 // that the button adds
)

// rows gives what was typed, and empty rows to go on.
func (v TemplateForm) rows() []TemplateRow {
	empty := 1
	switch {
	case v.More:
		empty = moreRows
	case len(v.Rows) == 0:
		empty = newRows
	}
	empty = max(0, min(empty, template.MaxEntries-len(v.Rows)))
	return append(slices.Clone(v.Rows), make([]TemplateRow, empty)...)
}

// templateWrong lists what is wrong with a form's entries, which have no field
// of their own that a browser could show it at.
func templateWrong(p *Problem) []string {
	if p == nil {
		return nil
	}
	var texts []string
	for _, name := range sortedFields(p) {
		if name == "entries" || strings.HasPrefix(name, "entry.") || name == "updatedAt" {
			texts = append(texts, p.Fields[name])
		}
	}
	return texts
}

func sortedFields(p *Problem) []string {
	names := make([]string, 0, len(p.Fields))
	for name := range p.Fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// entryID gives the id of a field of the Nth row, counted from 0.
func entryID(part string, i int) string { return "f-" + part + "-" + strconv.Itoa(i+1) }

// entryText writes an entry as people know it from kubectl, with its candidates.
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

// valueField names the field that chooses the value of an entry.
func valueField(e operation.TemplateEntry) string {
	if e.Effect == "" {
		return "value." + e.Key
	}
	return "value." + e.Key + ":" + e.Effect
}

// chosenValue gives the value that was chosen, the first unless one was.
func chosenValue(v TemplateApply, e operation.TemplateEntry) string {
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

// outcomeKind gives the mark of what became of an imported template.
func outcomeKind(done bool, o template.Outcome) string {
	switch {
	case o == template.Refused:
		return "bad"
	case done:
		return "done"
	default:
		return "idle"
	}
}

// outcomeWord says what became of an imported template, or what would have.
func outcomeWord(ctx context.Context, done bool, o template.Outcome) string {
	if !done && o != template.Refused {
		return T(ctx, "template_outcome_held")
	}
	return T(ctx, "template_outcome_"+string(o))
}

// reasons gives why a template was refused.
func reasons(ctx context.Context, one template.Imported) []string {
	if one.Why == nil {
		return nil
	}
	return fieldTexts(*NewProblem(ctx, one.Why))
}

// rowState ties a field of a row to what is wrong with it.
func rowState(p *Problem, part string, i int) templ.Attributes {
	if p.Field(template.EntryField(part, i)) == "" {
		return nil
	}
	return templ.Attributes{"aria-invalid": "true", "aria-describedby": entryID(part, i) + "-wrong"}
}

func rowNumber(i int) string { return strconv.Itoa(i + 1) }

// importExample shows the form of a document.
func importExample(kind string) string {
	if kind == operation.TaintTemplate {
		return `apiVersion: kube-node-manager.io/v1
kind: TaintTemplates
templates:
  - name: "GPU nodes"
    entries:
      - key: "dedicated"
        effect: NoSchedule
        values: ["gpu", "gpu-a100"]
`
	}
	return `apiVersion: kube-node-manager.io/v1
kind: LabelTemplates
templates:
  - name: "GPU nodes"
    entries:
      - key: "example.com/pool"
        values: ["gpu", "gpu-a100"]
`
}
