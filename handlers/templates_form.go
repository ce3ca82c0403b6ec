package handlers

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/template"
	"kube-node-manager/views/templates"
	"kube-node-manager/views/ui"
)

// TemplatesNew answers the form of a new template: empty, or filled in with the
// example that is asked for.
func (h *Handlers) TemplatesNew(w http.ResponseWriter, r *http.Request) error {
	kind, err := templateKind(r)
	if err != nil {
		return err
	}
	form, err := exampleForm(r, kind)
	if err != nil {
		return err
	}
	return h.showTemplateForm(w, r, form)
}

// exampleForm is the form of the example that a request names; of none it is
// empty.
func exampleForm(r *http.Request, kind string) (templates.Form, error) {
	id := r.URL.Query().Get("example")
	if id == "" {
		return templates.Form{Kind: kind}, nil
	}
	var choices []string
	for _, e := range templates.Examples(r.Context(), kind) {
		if e.ID == id {
			return e.Form, nil
		}
		choices = append(choices, e.ID)
	}
	return templates.Form{}, services.InvalidFields(services.CheckChoice("example", id, choices)...)
}

// TemplatesCreate makes a template of a form or of JSON:
//
//	name, description   texts
//	cluster             repeated; none means all clusters
//	key.N               of the Nth entry, from 1
//	effect.N            of a taint
//	values.N            candidate values as a person types them: "a, b"; see
//	                    template.ParseValues
//	entry               repeated, in place of all of these three: "key=v1|v2" of
//	                    labels, "key=v1|v2:Effect" of taints
//	more=1, remove=N    the form again with more rows, or without one; nothing is
//	                    stored
//
// JSON answers 201 with the template, and wrong entries as the fields key.N,
// effect.N and values.N, or entry.N.
func (h *Handlers) TemplatesCreate(w http.ResponseWriter, r *http.Request) error {
	kind, err := templateKind(r)
	if err != nil {
		return err
	}
	form, draft, err := h.readTemplate(r, templates.Form{Kind: kind})
	if err != nil || form.Rearranged {
		return h.orTemplateForm(w, r, form, err)
	}
	t, err := h.Templates.Create(r.Context(), kind, draft.Draft)
	if err != nil {
		return h.templateAgain(r, form, draft.explain(err))
	}
	if wantsJSON(r) {
		w.Header().Set("Location", templates.URL(t.Kind, t.ID))
		return writeJSON(w, http.StatusCreated, t)
	}
	return redirect(w, r, templates.URL(t.Kind, t.ID))
}

// TemplatesEdit answers the form of a template as it is.
func (h *Handlers) TemplatesEdit(w http.ResponseWriter, r *http.Request) error {
	t, err := h.changeableTemplate(r)
	if err != nil {
		return err
	}
	form := templates.Form{
		Kind: t.Kind, ID: t.ID, Old: t.Name, Seen: seenText(t), Name: t.Name, Description: t.Description, Chosen: t.Clusters,
	}
	for _, e := range t.Entries {
		form.Rows = append(form.Rows, templates.Row{Key: e.Key, Effect: e.Effect, Values: template.FormatValues(e.Values)})
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, t)
	}
	return h.showTemplateForm(w, r, form)
}

// TemplatesUpdate changes a template; the fields are those of TemplatesCreate,
// and they say all that the template is from then on. With updatedAt, as the
// template was read, a change that somebody else made since is 409; without it,
// it is overwritten.
func (h *Handlers) TemplatesUpdate(w http.ResponseWriter, r *http.Request) error {
	old, err := h.changeableTemplate(r)
	if err != nil {
		return err
	}
	form, draft, err := h.readTemplate(r, templates.Form{Kind: old.Kind, ID: old.ID, Old: old.Name})
	if err != nil || form.Rearranged {
		return h.orTemplateForm(w, r, form, err)
	}
	seen, err := seenTime(form.Seen)
	if err != nil {
		return err
	}
	t, err := h.Templates.Update(r.Context(), old.Kind, old.ID, draft.Draft, seen)
	if services.CodeOf(err) == services.CodeConflict {
		// Whoever saves once more after having been told means it.
		form.Seen, form.Conflict = seenText(old), true
	}
	if err != nil {
		return h.templateAgain(r, form, draft.explain(err))
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, t)
	}
	return redirect(w, r, templates.URL(t.Kind, t.ID))
}

// seenText returns the version of a template as a form keeps it.
func seenText(t template.Template) string { return t.UpdatedAt.Format(time.RFC3339Nano) }

func seenTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	seen, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || seen.IsZero() {
		return time.Time{}, services.Invalid("updatedAt", "error_template_version")
	}
	return seen, nil
}

// templateDraft is a draft as it was read, with what could not be read of it.
type templateDraft struct {
	template.Draft
	unread  map[string]services.FieldError // by field
	entries bool                           // they came as "entry"
}

// readTemplate reads what was typed, both as it was and as it is meant. form
// says which template it is of.
func (h *Handlers) readTemplate(r *http.Request, form templates.Form) (templates.Form, templateDraft, error) {
	if err := parseForm(r); err != nil {
		return form, templateDraft{}, err
	}
	form.Name, form.Description, form.Seen = r.Form.Get("name"), r.Form.Get("description"), r.Form.Get("updatedAt")
	form.Chosen = slices.DeleteFunc(slices.Clone(r.Form["cluster"]), func(name string) bool { return name == "" })
	form.Rows = templateRows(r.Form)
	form.More, form.Rearranged = r.Form.Has("more"), r.Form.Has("more") || r.Form.Has("remove")
	d := templateDraft{
		Draft:  template.Draft{Name: form.Name, Description: form.Description, Clusters: form.Chosen},
		unread: map[string]services.FieldError{},
	}
	if entries := firstFew(r.Form["entry"]); len(entries) > 0 {
		d.readEntries(form.Kind, entries)
		form.Rows = rowsOf(d.Entries)
	} else {
		d.readRows(form.Kind, form.Rows)
	}
	return form, d, nil
}

// firstFew keeps one more than there may be, which is enough to refuse them.
func firstFew[T any](rows []T) []T { return rows[:min(len(rows), template.MaxEntries+1)] }

// templateRows returns the rows of the form in the order of their numbers, without
// the one that is to go and without those in which nothing stands.
func templateRows(form url.Values) []templates.Row {
	var numbers []int
	for name := range form {
		part, text, _ := strings.Cut(name, ".")
		n, err := strconv.Atoi(text)
		if err == nil && n > 0 && (part == "key" || part == "values") && text != form.Get("remove") {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	var rows []templates.Row
	for _, n := range slices.Compact(numbers) {
		field := func(part string) string { return form.Get(template.EntryField(part, n-1)) }
		row := templates.Row{Key: strings.TrimSpace(field("key")), Effect: field("effect"), Values: field("values")}
		if row.Key != "" || strings.TrimSpace(row.Values) != "" {
			rows = append(rows, row)
		}
	}
	return firstFew(rows)
}

func rowsOf(entries []operation.TemplateEntry) []templates.Row {
	rows := make([]templates.Row, len(entries))
	for i, e := range entries {
		rows[i] = templates.Row{Key: e.Key, Effect: e.Effect, Values: template.FormatValues(e.Values)}
	}
	return rows
}

// readRows reads the entries of a form. One whose values cannot be read has
// none, which the service refuses.
func (d *templateDraft) readRows(kind string, rows []templates.Row) {
	for i, row := range rows {
		e := operation.TemplateEntry{Key: row.Key}
		if kind == operation.TaintTemplate {
			e.Effect = row.Effect
		}
		var err error
		e.Values, err = template.ParseValues(template.EntryField("values", i), row.Values)
		d.note(err)
		d.Entries = append(d.Entries, e)
	}
}

func (d *templateDraft) readEntries(kind string, entries []string) {
	d.entries = true
	for i, text := range entries {
		e, err := template.ParseEntry(kind, template.EntryField("entry", i), text)
		d.note(err)
		d.Entries = append(d.Entries, e)
	}
}

// note keeps why something could not be read.
func (d *templateDraft) note(err error) {
	if err != nil {
		f := services.AsError(err).Fields[0]
		d.unread[f.Field] = f
	}
}

// explain puts what the service says of a draft into the words of the form: what
// could not be read says so, and an entry that came as one text has one field.
func (d *templateDraft) explain(err error) error {
	e := services.AsError(err)
	if e.Code != services.CodeInvalid {
		return err
	}
	var fields services.FieldErrors
	for _, f := range e.Fields {
		if part, number, _ := strings.Cut(f.Field, "."); d.entries && number != "" && part != "entry" {
			f.Field = "entry." + number
		}
		if unread, ok := d.unread[f.Field]; ok {
			f = unread
		}
		if !fields.Has(f.Field) {
			fields = append(fields, f)
		}
	}
	return services.InvalidFields(fields...)
}

// orTemplateForm answers the form again with other rows, unless it could not
// even be read.
func (h *Handlers) orTemplateForm(w http.ResponseWriter, r *http.Request, form templates.Form, err error) error {
	if err != nil {
		return err
	}
	return h.showTemplateForm(w, r, form)
}

// templateAgain keeps what was typed when it was refused.
func (h *Handlers) templateAgain(r *http.Request, form templates.Form, err error) error {
	if code := services.CodeOf(err); code != services.CodeInvalid && code != services.CodeConflict {
		return err
	}
	return &FormError{Err: err, Form: func(p *ui.Problem) templ.Component {
		form.Problem = p
		return h.templateForm(r, form)
	}}
}

func (h *Handlers) showTemplateForm(w http.ResponseWriter, r *http.Request, form templates.Form) error {
	return render(w, r, http.StatusOK, h.templateForm(r, form))
}

// templateForm returns the page of a form with the clusters to choose from.
func (h *Handlers) templateForm(r *http.Request, form templates.Form) templ.Component {
	for _, c := range h.clustersSeen(r) {
		form.Clusters = append(form.Clusters, templates.Cluster{
			Name: c.Name, Known: true, Chosen: slices.Contains(form.Chosen, c.Name),
		})
	}
	for _, name := range form.Chosen {
		if !h.knowsCluster(name) {
			form.Clusters = append(form.Clusters, templates.Cluster{Name: name, Chosen: true})
		}
	}
	return templates.FormPage(h.templateFrame(r, templates.FormTitle(r.Context(), form)), form)
}
