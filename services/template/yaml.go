package template

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
)

const (
	apiVersion = "kube-node-manager.io/v1"
	maxImport  = 500 // templates in one document
)

// documentKind returns the kind of a document with templates of a kind.
func documentKind(kind string) string {
	if kind == operation.TaintTemplate {
		return "TaintTemplates"
	}
	return "LabelTemplates"
}

// document is a set of templates as it is exported and imported.
type document struct {
	APIVersion exact              `json:"apiVersion"`
	Kind       exact              `json:"kind"`
	Templates  []documentTemplate `json:"templates"`
}

type documentTemplate struct {
	Name        exact           `json:"name"`
	Description exact           `json:"description"`
	Clusters    []exact         `json:"clusters"`
	Entries     []documentEntry `json:"entries"`
}

type documentEntry struct {
	Key    exact   `json:"key"`
	Effect exact   `json:"effect"`
	Values []exact `json:"values"`
}

func (t documentTemplate) draft() Draft {
	d := Draft{Name: string(t.Name), Description: string(t.Description), Clusters: texts(t.Clusters)}
	for _, e := range t.Entries {
		d.Entries = append(d.Entries, operation.TemplateEntry{
			Key: string(e.Key), Effect: string(e.Effect), Values: texts(e.Values),
		})
	}
	return d.tidy()
}

func texts(values []exact) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

// Export returns the templates of a kind as one YAML document that Import accepts.
// If id is not 0, it exports only the template of that id.
//
// Errors: CodeNotFound.
func (s *Service) Export(ctx context.Context, kind string, id int64) ([]byte, error) {
	if id != 0 {
		t, err := s.Get(ctx, kind, id)
		return write(kind, t), err
	}
	if err := permit(ctx, services.PermitSee, kind); err != nil {
		return nil, err
	}
	rows, _, err := s.store.Templates(ctx, store.TemplateQuery{Kind: kind})
	if err != nil {
		return nil, err
	}
	all, err := decodeAll(rows)
	return write(kind, all...), err
}

// write returns a document without the help of a YAML encoder: with its fields in
// an order that is easy to read, and with quotes around every string, so that no
// parser takes one for another type.
func write(kind string, all ...Template) []byte {
	var w yamlWriter
	w.line("apiVersion: %s", apiVersion)
	w.line("kind: %s", documentKind(kind))
	if len(all) == 0 {
		w.line("templates: []")
		return w.out.Bytes()
	}
	w.line("templates:")
	for _, t := range all {
		w.template(t)
	}
	return w.out.Bytes()
}

type yamlWriter struct{ out bytes.Buffer }

func (w *yamlWriter) line(format string, args ...any) {
	_, _ = fmt.Fprintf(&w.out, format+"\n", args...) // writing to memory cannot fail
}

func (w *yamlWriter) template(t Template) {
	w.line("  - name: %s", quote(t.Name))
	if t.Description != "" {
		w.line("    description: %s", quote(t.Description))
	}
	if len(t.Clusters) > 0 {
		w.line("    clusters: %s", quoteAll(t.Clusters))
	}
	w.line("    entries:")
	for _, e := range t.Entries {
		w.line("      - key: %s", quote(e.Key))
		if e.Effect != "" {
			w.line("        effect: %s", e.Effect)
		}
		w.line("        values: %s", quoteAll(e.Values))
	}
}

// quote returns a string in JSON, which is also valid YAML.
func quote(s string) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // encoding a string cannot fail
	return strings.TrimSuffix(out.String(), "\n")
}

func quoteAll(values []string) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = quote(v)
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// Outcome is the outcome of an import for one template.
type Outcome string

// The outcomes. If one template is refused, none is imported; the others then say
// what their outcome would have been.
const (
	Created  Outcome = "created"
	Replaced Outcome = "replaced"
	Refused  Outcome = "refused"
)

// Imported is one template of a document.
type Imported struct {
	Name    string
	Outcome Outcome
	Why     *services.Error // set if it is refused
}

// Import stores all templates of a document, or none. A template whose name is in
// use replaces the existing one if replace is true, and is refused otherwise.
//
// Errors: CodeInvalid for the field "document" if it cannot be parsed, and for
// "templates.N" for each refused template, which the result contains, too.
func (s *Service) Import(ctx context.Context, kind, text string, replace bool) ([]Imported, error) {
	if err := permit(ctx, services.PermitChange, kind); err != nil {
		return nil, err
	}
	drafts, err := s.readAlone(ctx, kind, text)
	if err != nil {
		return nil, err
	}
	result := checkAll(kind, drafts)
	switch {
	case refused(result) == nil:
		err = s.save(ctx, kind, drafts, replace, result)
	case !replace:
		err = s.refuseTaken(ctx, kind, drafts, result) // so that the error names everything that is wrong
	}
	if err == nil {
		err = refused(result)
	}
	if err == nil {
		by := services.ActorFrom(ctx).Name
		s.log.InfoContext(ctx, "Imported templates", "kind", kind, "count", len(result), "user", by)
	}
	return result, err
}

// save stores the drafts and sets the outcome of each.
func (s *Service) save(ctx context.Context, kind string, drafts []Draft, replace bool, result []Imported) error {
	rows := make([]store.Template, len(drafts))
	for i, d := range drafts {
		row, err := s.row(ctx, kind, d)
		if err != nil {
			return err
		}
		rows[i] = row
	}
	saved, err := s.store.SaveTemplates(ctx, rows, replace)
	if err != nil {
		return err
	}
	for i, outcome := range saved {
		switch outcome {
		case store.SavedOver:
			result[i].Outcome = Replaced
		case store.NotSaved:
			result[i].refuse(services.FieldError{Field: "name", Text: "error_template_exists"})
		case store.SavedNew:
		}
	}
	return nil
}

// refuseTaken refuses the templates whose name is in use, unless they are refused
// already.
func (s *Service) refuseTaken(ctx context.Context, kind string, drafts []Draft, result []Imported) error {
	rows, _, err := s.store.Templates(ctx, store.TemplateQuery{Kind: kind})
	if err != nil {
		return err
	}
	for i, d := range drafts {
		sameName := func(row store.Template) bool { return strings.EqualFold(row.Name, d.Name) }
		if result[i].Outcome != Refused && slices.ContainsFunc(rows, sameName) {
			result[i].refuse(services.FieldError{Field: "name", Text: "error_template_exists"})
		}
	}
	return nil
}

func (i *Imported) refuse(wrong ...services.FieldError) {
	i.Outcome, i.Why = Refused, services.InvalidFields(wrong...)
}

// checkAll checks the templates of a document. It refuses invalid ones, and those
// with the name of an earlier one.
func checkAll(kind string, drafts []Draft) []Imported {
	result, seen := make([]Imported, len(drafts)), map[string]bool{}
	for i, d := range drafts {
		wrong := d.check(kind)
		name := strings.ToLower(d.Name)
		if seen[name] {
			wrong.Add("name", "error_template_named_twice")
		}
		seen[name] = true
		result[i] = Imported{Name: services.Clip(d.Name), Outcome: Created}
		if len(wrong) > 0 {
			result[i].refuse(wrong...)
		}
	}
	return result
}

// refused returns an error that names each refused template, or nil.
func refused(result []Imported) error {
	var wrong services.FieldErrors
	for i, r := range result {
		if r.Outcome == Refused {
			first := r.Why.Fields[0]
			first.Field = fmt.Sprintf("templates.%d", i+1)
			wrong = append(wrong, first)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	err := services.InvalidFields(wrong...)
	err.Text = "error_template_import"
	return err
}
