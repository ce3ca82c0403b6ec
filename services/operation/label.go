package operation

import (
	"context"

	"kube-node-manager/services"
	"kube-node-manager/services/change"
	"kube-node-manager/services/form"
	"kube-node-manager/services/node"
)

func labelDefinition() Definition {
	return Define(Spec[KeyParams]{
		Traits: Traits{
			Name: Label, Permit: services.PermitChange, Page: PageLabels, Edits: true, Key: "l",
			Fields:   []string{"mode", "overwrite", "label", "kind", "template", valuePrefix},
			CacheLog: func(bool) string { return "label update" },
		},
		Read:    func(r *form.Reader) KeyParams { return labelPart().read(r) },
		Resolve: resolveLabels,
		Make: func(p KeyParams, m Meta) Operation {
			return keyed{KeyParams: p, part: labelPart(), protect: m.Protect}
		},
	})
}

func labelPart() keyedPart {
	return keyedPart{
		field: "label", none: "error_labels_none", exists: "error_label_exists",
		split: Entries, parse: ParseLabel, protected: Protection.Label,
		values: func(n *node.Node) map[string]string { return n.Labels },
		state:  func(values map[string]*string) change.State { return change.State{Labels: values} },
	}
}

// resolveLabels puts a template's labels in, as they are now.
func resolveLabels(ctx context.Context, from Sources, p KeyParams) (KeyParams, error) {
	if p.Template == nil {
		return p, nil
	}
	entries, ref, err := chosen(ctx, from, LabelTemplate, *p.Template)
	if err != nil {
		return p, err
	}
	p.Template, p.Set = &ref, make(map[string]string, len(entries))
	for _, e := range entries {
		p.Set[e.Key] = e.Value
	}
	return p, nil
}
