package rule

import (
	"kube-node-manager/services"
	"kube-node-manager/services/form"
	"kube-node-manager/services/operation/drain"
)

// Workloads is what a drain does with the pods of some namespaces.
type Workloads struct {
	// Namespaces are the rules for namespaces; the first that fits decides.
	Namespaces []drain.NamespaceRule `json:"namespaces,omitempty"`
}

// maxNamespaceRules is the greatest length of the text that they are read from.
const maxNamespaceRules = 16_000

func (o *Workloads) read(r *form.Reader) {
	_, given := r.Fields["namespace_rules"]
	if !given {
		return
	}
	text := r.Text("namespace_rules")
	if len(text) > maxNamespaceRules {
		r.Refuse("namespace_rules", "error_namespace_rules_long", "Max", maxNamespaceRules)
		return
	}
	rules, wrong := drain.ParseNamespaceRules(text)
	if wrong != nil {
		r.RefuseBy(services.InvalidFields(services.FieldError{Field: "namespace_rules", Text: wrong.Text, Args: wrong.Args}))
		return
	}
	o.Namespaces = rules
}

func (o *Workloads) fields(f form.Fields) {
	f["namespace_rules"] = []string{drain.FormatNamespaceRules(o.Namespaces)}
}
