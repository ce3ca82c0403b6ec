package rule

import (
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
)

// Reason is what a batch says about itself.
type Reason struct {
	// Required refuses a batch without a reason.
	Required bool `json:"required"`
}

func (o *Reason) read(r *form.Reader) { o.Required = flag(r, "reason_required", o.Required) }

func (o *Reason) fields(f form.Fields) { putFlag(f, "reason_required", o.Required) }

// Check returns what is wrong with the reason of a batch.
func (o Reason) Check(reason string) (wrong services.FieldErrors) {
	if o.Required && strings.TrimSpace(reason) == "" {
		wrong.Add("reason", "error_reason_required")
	}
	return wrong
}
