package operation

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/change"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
)

// textChangedSince says that somebody else has changed a node since.
const textChangedSince = "error_undo_changed_since"

// Record is what a batch did to one node.
type Record struct {
	UID           string
	Before, After change.State
}

// Changed reports whether there is anything to take back.
func (r Record) Changed() bool {
	before, after := r.Before, r.After
	before.Notes, after.Notes = change.Notes{}, change.Notes{}
	return !change.Same(before, after)
}

// undoing brings every node back to what it was before a batch. A node on which
// somebody else has changed the same since is skipped, unless the request says
// that this may be reverted too.
type undoing struct {
	UndoParams
	protect Protection
	records map[string]Record // by node
}

// UndoParams are what an undo was asked for.
type UndoParams struct {
	Of    string `json:"of"`    // the batch
	Force bool   `json:"force"` // also what was changed again since
}

func undoDefinition() Definition {
	return Define(Spec[UndoParams]{
		Traits: Traits{
			Name: Undo, Permit: services.PermitChange, Page: PageUndo,
			Fields:   []string{"undo_of", "force"},
			CacheLog: func(bool) string { return "undo" },
		},
		Read: readUndo,
		Make: func(p UndoParams, m Meta) Operation {
			return undoing{UndoParams: p, protect: m.Protect, records: m.Records}
		},
	})
}

func readUndo(r *form.Reader) UndoParams {
	p := UndoParams{Of: r.Text("undo_of"), Force: r.Flag("force", false)}
	if p.Of == "" {
		r.Refuse("undo_of", "error_undo_missing")
	}
	return p
}

// UndoOf returns the batch that the parameters of an undo name, "" for those of
// other operations.
func UndoOf(p Params) string {
	undo, _ := ParamsOf[UndoParams](p)
	return undo.Of
}

// Named returns the protected keys that the batch changed on these nodes. What
// takes the batch back sets and removes what only an administrator was allowed to
// remove and set.
func (u undoing) Named(nodes []string) []string {
	var named []string
	for _, name := range nodes {
		r := u.records[name]
		for _, line := range change.Diff(r.Before, r.After) {
			key, protected := u.protects(line)
			if protected && line.Kind() != change.Unchanged {
				named = append(named, key)
			}
		}
	}
	slices.Sort(named)
	return slices.Compact(named)
}

// protects returns the key of a changed thing, and reports whether it is protected.
func (u undoing) protects(line change.Line) (key string, protected bool) {
	switch line.Part {
	case change.Labels:
		return line.Key, u.protect.Label(line.Key)
	case change.Taints:
		key, effect, _ := strings.Cut(line.Key, ":")
		return key, u.protect.Taint(node.Taint{Key: key, Effect: effect})
	case change.Annotations:
		return line.Key, u.protect.covers(line.Key) // those that explain a cordon go with it
	default:
		return line.Key, false
	}
}

// Plan puts back what the batch changed, where it still is as the batch left it.
func (u undoing) Plan(n *node.Node) Plan {
	r, ok := u.records[n.Name]
	if !ok || r.UID != n.UID {
		return Plan{Blockers: []*services.Error{services.NewError(services.CodeConflict, "error_node_replaced")}}
	}
	back := change.Revert(r.Before, r.After, present(n, r.Before))
	p := Plan{Before: back.Before, After: back.After}
	if len(back.Since) > 0 && !u.Force {
		keys := make([]string, len(back.Since))
		for i, line := range back.Since {
			keys[i] = cmp.Or(line.Key, Cordon)
		}
		p.Blockers = append(p.Blockers,
			services.NewError(services.CodeConflict, textChangedSince, "Keys", strings.Join(keys, ", ")))
	}
	if r.After.EvictedPods > 0 {
		p.Warnings = append(p.Warnings, services.NewError(services.CodeConflict, "undo_pods_stay"))
	}
	return p
}

// ChangedSince reports whether a plan of an undo skips its node because somebody
// else has changed it.
func ChangedSince(p Plan) bool {
	return slices.ContainsFunc(p.Blockers, func(e *services.Error) bool { return e.Text == textChangedSince })
}

// Versioned is true: what somebody else changes meanwhile must be seen.
func (u undoing) Versioned() bool { return true }

// MovesPods reports whether a NoExecute taint comes back, or a cordon is undone.
func (u undoing) MovesPods() bool {
	for _, r := range u.records {
		if r.After.Unschedulable != nil || slices.ContainsFunc(taintsGone(r), evicts) {
			return true
		}
	}
	return false
}

// taintsGone returns the taints that the recorded batch removed or replaced.
func taintsGone(r Record) []node.Taint {
	var gone []node.Taint
	for _, id := range slices.Sorted(maps.Keys(r.Before.Taints)) {
		before := r.Before.Taints[id]
		if before != nil && !change.SameTaint(before, r.After.Taints[id]) {
			gone = append(gone, *before)
		}
	}
	return gone
}

// Evictions counts the pods that leave because of a NoExecute taint that comes
// back.
func (u undoing) Evictions(ctx context.Context, c *kube.Client, nodes []*node.Node) (Evictions, error) {
	return evictionsBy(ctx, c, nodes, u.Plan)
}

// Apply brings one node back. One that was changed since is skipped.
func (u undoing) Apply(ctx context.Context, k Cluster, t Target) (Result, error) {
	result, err := applyGuarded(ctx, k, t, u)
	e := services.AsError(err)
	if err != nil && e.Text == textChangedSince {
		return result, &SkipError{Reason: e}
	}
	return result, err
}

func (u undoing) patch(n *node.Node, p Plan) kube.NodePatch { return patchOf(n, p) }
