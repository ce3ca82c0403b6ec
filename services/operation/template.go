package operation

import "context"

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
	// Template gives a template of that kind that may be used in the cluster.
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
