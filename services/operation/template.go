package operation

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
)

// The kinds of templates.
const (
	LabelTemplate = "labels"
	TaintTemplate = "taints"
)

// Template is a stored set of labels or taints, as an operation applies it.
type Template struct {
	ID      int64
	Kind    string // LabelTemplate or TaintTemplate
	Name    string
	Entries []TemplateEntry
}

// TemplateEntry is one label or taint of a template. One of the values is
// chosen when it is applied; the first is preset.
type TemplateEntry struct {
	Key    string   `json:"key"`
	Effect string   `json:"effect,omitempty"` // of a taint
	Values []string `json:"values"`           // at least one; "" is a value
}

// Templates finds templates.
type Templates interface {
	// Template returns a template of that kind that may be used in the cluster.
	//
	// Errors: CodeNotFound; CodeInvalid names the field "template".
	Template(ctx context.Context, kind string, id int64, cluster string) (Template, error)
}

// TemplateRef is what a batch's parameters keep of the template they came from.
type TemplateRef struct {
	ID     int64             `json:"id"`
	Name   string            `json:"name"`             // as it was called then
	Values map[string]string `json:"values,omitempty"` // that were chosen, by key
}

// TemplateOf returns the template that a batch's parameters came from, or nil.
func TemplateOf(p Params) *TemplateRef {
	keys, _ := ParamsOf[KeyParams](p)
	taints, _ := ParamsOf[TaintParams](p)
	return cmp.Or(keys.Template, taints.Template)
}

// valuePrefix begins the fields that choose a template's values: value.{key},
// or value.{key}:{Effect} where a key has several effects.
const valuePrefix = "value."

// readTemplateRef reads the template of a form, nil when it names none.
func readTemplateRef(r *form.Reader, mode string) *TemplateRef {
	text := r.Text("template")
	if text == "" {
		return nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		r.Refuse("template", "error_template_id", "Value", services.Clip(text))
	}
	if mode == ModeRemove {
		r.Refuse("mode", "error_template_mode")
	}
	return &TemplateRef{ID: id, Values: r.Prefixed(valuePrefix)}
}

// choice is one entry of a template with the value that was chosen.
type choice struct{ Key, Value, Effect string }

// chosen reads the template and picks its values. The reference that it returns
// says what was picked for every entry, also where the first was taken by default.
func chosen(ctx context.Context, from Sources, kind string, asked TemplateRef) ([]choice, TemplateRef, error) {
	t, err := from.Templates.Template(ctx, kind, asked.ID, from.Cluster)
	if err != nil {
		return nil, asked, err
	}
	ref := TemplateRef{ID: asked.ID, Name: t.Name, Values: make(map[string]string, len(t.Entries))}
	choices := make([]choice, len(t.Entries))
	for i, e := range t.Entries {
		value, err := e.pick(asked.Values)
		if err != nil {
			return nil, asked, err
		}
		choices[i] = choice{Key: e.Key, Value: value, Effect: e.Effect}
		ref.Values[e.id()] = value
	}
	return choices, ref, nil
}

// id returns what tells the entry from the template's others.
func (e TemplateEntry) id() string {
	if e.Effect == "" {
		return e.Key
	}
	return e.Key + ":" + e.Effect
}

// pick returns the value that was asked for, the first unless one was.
func (e TemplateEntry) pick(asked map[string]string) (string, error) {
	for _, name := range []string{e.id(), e.Key} {
		value, ok := asked[name]
		if !ok {
			continue
		}
		if !slices.Contains(e.Values, value) {
			return "", services.Invalid(valuePrefix+name, "error_template_value",
				"Key", e.Key, "Value", services.Clip(value), "Choices", strings.Join(e.Values, ", "))
		}
		return value, nil
	}
	return e.Values[0], nil
}
