package batch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// PlansOf is PlanOf for those batches of a group that wait for an approval. The digest stands
// for all of their plans. A part that cannot be planned has an error.
//
// Errors: those of Group; CodeConflict if none of them waits for an approval.
func (e *Engine) PlansOf(ctx context.Context, group string) (views []View, parts []Part, digest string, err error) {
	members, err := e.Group(ctx, group)
	if err != nil {
		return nil, nil, "", err
	}
	for _, m := range members {
		_, refused := e.controlled(ctx, m.ID)
		if m.State == store.StateProposed && refused == nil {
			views = append(views, m)
		}
	}
	if len(views) == 0 {
		return nil, nil, "", services.NewError(services.CodeConflict, "error_approval_state")
	}
	parts = make([]Part, len(views))
	_ = each(len(views), func(i int) error {
		_, plan, err := e.PlanOf(ctx, views[i].ID)
		parts[i] = Part{views[i].Cluster, plan, err}
		return nil
	})
	return views, parts, digestOfAll(views, parts), nil
}

// digestOfAll sums up the plans of batches that wait for an approval.
func digestOfAll(views []View, parts []Part) string {
	all := sha256.New()
	for i, v := range views {
		_, _ = fmt.Fprintf(all, "%s %s\n", v.ID, parts[i].Digest) // a hash never fails to write
	}
	return hex.EncodeToString(all.Sum(nil)[:16])
}

// ApproveAll is Approve for those batches of a group that wait for an approval. plan is the
// digest of PlansOf. Nothing is approved unless all of it is as it was shown.
func (e *Engine) ApproveAll(ctx context.Context, group, plan string) error {
	views, parts, digest, err := e.PlansOf(ctx, group)
	if err != nil {
		return err
	}
	for i, v := range views {
		if _, err := e.proposed(ctx, v.ID); err != nil {
			return err
		}
		if parts[i].Err != nil {
			return parts[i].Err
		}
	}
	switch plan {
	case "":
		return services.Invalid("plan", "error_approval_plan")
	case digest:
	default:
		return services.NewError(services.CodeConflict, "error_plan_changed")
	}
	for i, v := range views {
		if _, err := e.Approve(ctx, v.ID, parts[i].Digest); err != nil {
			return err
		}
	}
	return nil
}
