package operation

import (
	"strings"

	"kube-node-manager/services"
)

// Consent is what somebody has to type before a batch is carried out.
type Consent struct {
	Type    string              // the text
	Permit  services.Permission // that the request needs besides
	Denied  *services.Error     // to whom lacks that right
	Missing *services.Error     // to whom has not typed it; names the field "confirm"
}

// Check refuses an actor who lacks the right, or has typed something else. A nil
// Consent refuses nobody.
func (c *Consent) Check(actor services.Actor, typed string) error {
	switch {
	case c == nil:
		return nil
	case !actor.May(c.Permit) && c.Denied != nil:
		return c.Denied
	case !actor.May(c.Permit):
		return actor.Require(c.Permit)
	case typed != c.Type:
		return c.Missing
	default:
		return nil
	}
}

// ProtectedConsent returns the consent to touch protected keys, nil without any:
// an administrator types the cluster's name.
func ProtectedConsent(keys []string, cluster string) *Consent {
	if len(keys) == 0 {
		return nil
	}
	list := strings.Join(keys, ", ")
	return &Consent{
		Type: cluster, Permit: services.PermitForce,
		Denied:  services.NewError(services.CodeForbidden, "error_protected", "Keys", list),
		Missing: services.Invalid("confirm", "error_confirm_protected", "Keys", list, "Cluster", cluster),
	}
}
