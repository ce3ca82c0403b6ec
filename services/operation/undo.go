package operation

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
)

// Undo is the name of the operation that takes another batch back.
const Undo = "undo"

// textChangedSince says that somebody else has changed a node since.
const textChangedSince = "error_undo_changed_since"

// Record is what a batch did to one node.
type Record struct {
	UID           string
	Before, After State
}

// Changed reports whether there is anything to take back.
func (r Record) Changed() bool {
	return Plan{Before: r.Before, After: r.After}.moved() ||
		!same(r.Before.Unschedulable, r.After.Unschedulable) || !maps.EqualFunc(r.Before.Annotations, r.After.Annotations, same)
}

// undoing brings every node back to what it was before a batch. A node on which
// somebody else has changed the same since is left alone, unless the request
// says that this may go too.
type undoing struct {
	undoParams
	protect Protection
	records map[string]Record // by node
}

type undoParams struct {
	Of    string `json:"of"`    // the batch
	Force bool   `json:"force"` // also what was changed again since
}

func undoDefinition() Definition {
	return Definition{
		Name:     Undo,
		Permit:   services.PermitChange,
		CacheLog: func(bool) string { return "undo" },
		Parse: func(form url.Values) (json.RawMessage, error) {
			p := undoParams{Of: form.Get("undo_of")}
			if p.Of == "" {
				return nil, services.Invalid("undo_of", "error_undo_missing")
			}
			var err error
			p.Force, err = parseFlag(form, "force", false)
			if err != nil {
				return nil, err
			}
			return json.Marshal(p)
		},
		New: func(params json.RawMessage, m Meta) (Operation, error) {
			u := undoing{protect: m.Protect, records: m.Records}
			err := json.Unmarshal(params, &u.undoParams)
			return u, err
		},
	}
}

// UndoOf gives the batch that the parameters of an undo name; those of other
// operations name none.
func UndoOf(params json.RawMessage) string {
	var p undoParams
	_ = json.Unmarshal(params, &p)
	return p.Of
}

// Named is Namer's. What takes the batch back may set and remove what only an
// administrator was allowed to remove and set.
func (u undoing) Named(nodes []string) []string {
	var named []string
	for _, name := range nodes {
		r := u.records[name]
		for key, was := range r.Before.Labels {
			if u.protect.Label(key) && !same(was, r.After.Labels[key]) {
				named = append(named, key)
			}
		}
		for id, was := range r.Before.Taints {
			is := r.After.Taints[id]
			if sameTaint(was, is) {
				continue
			}
			if taint := cmp.Or(was, is); u.protect.Taint(*taint) {
				named = append(named, taint.Key)
			}
		}
	}
	slices.Sort(named)
	return slices.Compact(named)
}

// Plan puts back what the batch changed, where it still is as the batch left it.
func (u undoing) Plan(n *node.Node) Plan {
	r, ok := u.records[n.Name]
	if !ok || r.UID != n.UID {
		return Plan{Blockers: []*services.Error{services.NewError(services.CodeConflict, "error_node_replaced")}}
	}
	taints := make(map[string]*node.Taint, len(n.Taints))
	for i := range n.Taints {
		taints[n.Taints[i].ID()] = &n.Taints[i]
	}
	var p Plan
	labels := diffOf(r.Before.Labels, r.After.Labels, pointers(n.Labels), same)
	p.Before.Labels, p.After.Labels = labels.from, labels.to
	tainted := diffOf(r.Before.Taints, r.After.Taints, taints, sameTaint)
	p.Before.Taints, p.After.Taints = tainted.from, tainted.to
	since := slices.Concat(labels.since, tainted.since, u.planCordon(&p, r, n))
	p.Changes = len(labels.to)+len(tainted.to) > 0 || p.After.Unschedulable != nil
	if len(since) > 0 && !u.Force {
		p.Blockers = append(p.Blockers, services.NewError(services.CodeConflict, textChangedSince, "Keys", strings.Join(since, ", ")))
	}
	if r.After.EvictedPods > 0 {
		p.Warnings = append(p.Warnings, services.NewError(services.CodeConflict, "undo_pods_stay"))
	}
	return p
}

// ChangedSince reports whether a plan of an undo leaves its node alone because
// somebody else has changed it.
func ChangedSince(p Plan) bool {
	return slices.ContainsFunc(p.Blockers, func(e *services.Error) bool { return e.Text == textChangedSince })
}

// planCordon takes a cordon back together with the annotations that explain it:
// one with another reason is another cordon, and somebody else's. It gives what
// was changed since.
func (u undoing) planCordon(p *Plan, r Record, n *node.Node) (since []string) {
	was, made := r.Before.Unschedulable, r.After.Unschedulable
	if was == nil || made == nil {
		return nil
	}
	notes := diffOf(r.Before.Annotations, r.After.Annotations, pointers(n.Annotations), same)
	if n.Unschedulable == *was && len(notes.to) == 0 {
		return nil
	}
	p.Before.Unschedulable, p.After.Unschedulable = &n.Unschedulable, was
	p.Before.Annotations, p.After.Annotations = notes.from, notes.to
	if n.Unschedulable != *made || len(notes.since) > 0 {
		return []string{"cordon"}
	}
	return nil
}

// diff is what has to change to bring values back: those that are not as they
// were.
type diff[T any] struct {
	from, to map[string]*T
	since    []string // that are not as the batch left them either
}

func diffOf[T any](before, after, now map[string]*T, same func(a, b *T) bool) diff[T] {
	d := diff[T]{from: map[string]*T{}, to: map[string]*T{}}
	for key, was := range before {
		is := now[key]
		if same(was, after[key]) || same(is, was) { // the batch changed nothing here, or it is so again
			continue
		}
		d.from[key], d.to[key] = is, was
		if !same(is, after[key]) {
			d.since = append(d.since, key)
		}
	}
	slices.Sort(d.since)
	return d
}

func pointers(m map[string]string) map[string]*string {
	out := make(map[string]*string, len(m))
	for key, value := range m {
		out[key] = &value
	}
	return out
}

// Versioned is Versioned's: what somebody else changes meanwhile must be seen.
func (u undoing) Versioned() bool { return true }

// Apply brings one node back. One that was changed since is skipped.
func (u undoing) Apply(ctx context.Context, k Cluster, t Target) (Result, error) {
	result, err := applyGuarded(ctx, k, t, u)
	if e := services.AsError(err); err != nil && e.Text == textChangedSince {
		return result, &SkipError{Reason: e}
	}
	return result, err
}

func (u undoing) patch(n *node.Node, p Plan) kube.NodePatch {
	patch := kube.NodePatch{Unschedulable: p.After.Unschedulable, Labels: p.After.Labels, Annotations: p.After.Annotations}
	if len(p.After.Taints) > 0 {
		patch.Taints = taintList(n, p)
	}
	return patch
}

func (u undoing) reached(n *node.Node, p Plan) (State, bool) {
	labels, restored := labeling{}.reached(n, p)
	taints, also := tainting{}.reached(n, p)
	after := State{Labels: labels.Labels, Taints: taints.Taints, Annotations: p.After.Annotations}
	if p.After.Unschedulable != nil {
		after.Unschedulable = &n.Unschedulable
		also = also && n.Unschedulable == *p.After.Unschedulable
	}
	return after, restored && also
}

// Evictions is Evicting's: a NoExecute taint may come back.
func (u undoing) Evictions(ctx context.Context, c *kube.Client, nodes []*node.Node) (Evictions, error) {
	return evictionsBy(ctx, c, nodes, u.Plan)
}
