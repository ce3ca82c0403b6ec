package templates

import (
	"context"

	"kube-node-manager/services/operation"
	"kube-node-manager/services/template"
	"kube-node-manager/views/ui"
)

// Import is the page that imports YAML, with the result of an import.
type Import struct {
	Kind     string
	Document string
	Replace  bool
	Result   []template.Imported
	Problem  *ui.Problem
}

// outcomeKind returns the mark of a template's outcome; done means that the import
// succeeded.
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

// outcomeWord returns a template's outcome in words.
func outcomeWord(ctx context.Context, done bool, o template.Outcome) string {
	if !done && o != template.Refused {
		return ui.T(ctx, "template_outcome_held")
	}
	return ui.T(ctx, "template_outcome_"+string(o))
}

// reasons returns why a template was refused.
func reasons(ctx context.Context, one template.Imported) []string {
	if one.Why == nil {
		return nil
	}
	return ui.FieldTexts(*ui.NewProblem(ctx, one.Why))
}

// importExample returns an example of a document.
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
