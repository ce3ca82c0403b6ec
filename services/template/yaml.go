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
	maxImport  = 500 // templates of one document
)

// documentKind names the kind of a document.
func documentKind(kind string) string {
	if kind == operation.TaintTemplate {
		return "TaintTemplates"
	}
	return "LabelTemplates"
}

// document is what is exported and imported.
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
		d.Entries = append(d.Entries, operation.TemplateEntry{Key: string(e.Key), Effect: string(e.Effect), Values: texts(e.Values)})
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

// Export writes the templates of a kind, or the one of that id, as one YAML
// document that Import reads.
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
	all, err := fromStore(rows)
	return write(kind, all...), err
}

// write writes the document by hand: in the order in which people read, and with
// quotes around every text, so that no reader of YAML takes it for anything else.
func write(kind string, all ...Template) []byte {
	var out bytes.Buffer
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&out, format+"\n", args...) } // memory takes all
	line("apiVersion: %s\nkind: %s", apiVersion, documentKind(kind))
	if len(all) == 0 {
		line("templates: []")
		return out.Bytes()
	}
	line("templates:")
	for _, t := range all {
		line("  - name: %s", quote(t.Name))
		if t.Description != "" {
			line("    description: %s", quote(t.Description))
		}
		if len(t.Clusters) > 0 {
			line("    clusters: %s", quoteAll(t.Clusters))
		}
		line("    entries:")
		for _, e := range t.Entries {
			line("      - key: %s", quote(e.Key))
			if e.Effect != "" {
				line("        effect: %s", e.Effect)
			}
			line("        values: %s", quoteAll(e.Values))
		}
	}
	return out.Bytes()
}

// quote writes a text as JSON, which YAML reads too.
func quote(s string) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // a text can be encoded
	return strings.TrimSuffix(out.String(), "\n")
}

func quoteAll(values []string) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = quote(v)
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// Outcome says what became of a template that was imported.
type Outcome string

// The outcomes. When one template is refused, nothing is done; the others then
// say what would have become of them.
const (
	Created  Outcome = "created"
	Replaced Outcome = "replaced"
	Refused  Outcome = "refused"
)

// Imported is one template of a document.
type Imported struct {
	Name    string
	Outcome Outcome
	Why     *services.Error // of a refused one
}

// Import reads a document and stores all its templates, or none. Those of a name
// in use replace the others when replace says so, and are refused otherwise.
//
// Errors: CodeInvalid names the field "document" when it cannot be read, and
// "templates.N" for each refused template, which the result says too.
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
		err = s.refuseTaken(ctx, kind, drafts, result) // all that is wrong at once
	}
	if err == nil {
		err = refused(result)
	}
	if err == nil {
		s.log.InfoContext(ctx, "Imported templates", "kind", kind, "count", len(result), "user", services.ActorFrom(ctx).Name)
	}
	return result, err
}

// save stores the drafts and notes what became of each.
func (s *Service) save(ctx context.Context, kind string, drafts []Draft, replace bool, result []Imported) error {
	rows := make([]store.Template, len(drafts))
	for i, d := range drafts {
		var err error
		if rows[i], err = s.row(ctx, kind, d); err != nil {
			return err
		}
	}
	saved, err := s.store.SaveTemplates(ctx, rows, replace)
	if err != nil {
		return err
	}
	for i, what := range saved {
		switch what {
		case store.SavedOver:
			result[i].Outcome = Replaced
		case store.NotSaved:
			result[i].refuse(services.FieldError{Field: "name", Text: "error_template_exists"})
		case store.SavedNew:
		}
	}
	return nil
}

// refuseTaken refuses those of the others whose name is in use.
func (s *Service) refuseTaken(ctx context.Context, kind string, drafts []Draft, result []Imported) error {
	rows, _, err := s.store.Templates(ctx, store.TemplateQuery{Kind: kind})
	if err != nil {
		return err
	}
	for i, d := range drafts {
		taken := slices.ContainsFunc(rows, func(row store.Template) bool { return strings.EqualFold(row.Name, d.Name) })
		if taken && result[i].Outcome != Refused {
			result[i].refuse(services.FieldError{Field: "name", Text: "error_template_exists"})
		}
	}
	return nil
}

// refuse notes why a template is not imported.
func (i *Imported) refuse(wrong ...services.FieldError) {
	i.Outcome, i.Why = Refused, services.InvalidFields(wrong...)
}

// checkAll refuses what is wrong with each template by itself, and a name that
// the document gives twice.
func checkAll(kind string, drafts []Draft) []Imported {
	result, seen := make([]Imported, len(drafts)), map[string]bool{}
	for i, d := range drafts {
		wrong := fieldErrors(d.check(kind))
		if name := strings.ToLower(d.Name); seen[name] {
			wrong.add("name", "error_template_named_twice")
		} else {
			seen[name] = true
		}
		result[i] = Imported{Name: clip(d.Name), Outcome: Created}
		if len(wrong) > 0 {
			result[i].refuse(wrong...)
		}
	}
	return result
}

// refused gives the error that names each refused template, or nil.
func refused(result []Imported) error {
	var wrong fieldErrors
	for i, r := range result {
		if r.Outcome == Refused {
			first := r.Why.Fields[0]
			wrong.add(fmt.Sprintf("templates.%d", i+1), first.Text, pairs(first.Args)...)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	err := services.InvalidFields(wrong...)
	err.Text = "error_template_import"
	return err
}

// pairs gives arguments as services.Args takes them.
func pairs(args map[string]any) []any {
	var out []any
	for name, value := range args {
		out = append(out, name, value)
	}
	return out
}
