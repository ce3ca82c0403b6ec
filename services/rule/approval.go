package rule

import "kube-node-manager/services/form"

// Approval says what a second person has to agree to.
type Approval struct {
	// Drain lets a drain begin only when somebody other than its user has approved its plan.
	Drain bool `json:"drain"`
}

func (o *Approval) read(r *form.Reader) { o.Drain = flag(r, "approval_drain", o.Drain) }

func (o *Approval) fields(f form.Fields) { putFlag(f, "approval_drain", o.Drain) }
