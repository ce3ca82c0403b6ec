package operation

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/change"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
)

// tainting sets and removes taints.
type tainting struct {
	TaintParams
	protect Protection
}

// TaintParams are what a taint batch was asked for.
type TaintParams struct {
	Mode     string       `json:"mode"`
	Set      []node.Taint `json:"set,omitempty"`
	Remove   []node.Taint `json:"remove,omitempty"` // without an effect: all of the key
	Keep     bool         `json:"keep,omitempty"`   // refuse where the key and effect have another value
	Template *TemplateRef `json:"template,omitempty"`
}

func taintDefinition() Definition {
	return Define(Spec[TaintParams]{
		Traits: Traits{
			Name: Taint, Permit: services.PermitChange, Page: PageTaints, Edits: true, Key: "t",
			Fields:   []string{"mode", "overwrite", "taint", "kind", "template", valuePrefix},
			CacheLog: func(bool) string { return "taint update" },
		},
		Read:    readTaints,
		Resolve: resolveTaints,
		Make:    func(p TaintParams, m Meta) Operation { return tainting{TaintParams: p, protect: m.Protect} },
	})
}

// readTaints reads the form of a taint batch.
func readTaints(r *form.Reader) TaintParams {
	p := TaintParams{Mode: r.Choice("mode", ModeAdd, ModeRemove, ModeReplace), Keep: !r.Flag("overwrite", true)}
	p.Template = readTemplateRef(r, p.Mode)
	if p.Template != nil {
		return p
	}
	r.RefuseBy(addEntries("taint", "error_taints_none", Entries(r.Fields["taint"]), p.add))
	return p
}

// add takes in one entry. It refuses one that the mode has no room for, and one
// whose taint another entry means too.
func (p *TaintParams) add(entry string) error {
	t, how, err := ParseTaint(entry)
	if err != nil {
		return err
	}
	if p.Mode == ModeRemove && how == FormSet && t.Value == "" {
		how = FormRemove // key:Effect
	}
	remove, err := removes("taint", entry, p.Mode, how)
	if err != nil {
		return err
	}
	if remove {
		t.Value = "" // the value does not tell taints apart
	}
	set, gone := find(p.Set, t), find(p.Remove, t)
	switch {
	case remove && set != nil, !remove && gone != nil, set != nil && set.Value != t.Value:
		return services.Invalid("taint", "error_entry_twice", "Key", services.Clip(entry))
	case remove:
		p.addRemoved(t)
	case set == nil:
		p.Set = append(p.Set, t)
	}
	return nil
}

// addRemoved adds a taint to those that are removed; one without an effect takes
// the place of the single effects of its key.
func (p *TaintParams) addRemoved(t node.Taint) {
	if t.Effect == "" {
		p.Remove = slices.DeleteFunc(p.Remove, func(one node.Taint) bool { return one.Key == t.Key })
	} else if find(p.Remove, t) != nil {
		return
	}
	p.Remove = append(p.Remove, t)
}

// find returns the taint of the list that t is about, or nil. One without an
// effect is about every effect of its key.
func find(list []node.Taint, t node.Taint) *node.Taint {
	i := slices.IndexFunc(list, func(one node.Taint) bool {
		return one.Key == t.Key && (one.Effect == t.Effect || one.Effect == "" || t.Effect == "")
	})
	if i < 0 {
		return nil
	}
	return &list[i]
}

// resolveTaints puts a template's taints in, as they are now.
func resolveTaints(ctx context.Context, from Sources, p TaintParams) (TaintParams, error) {
	if p.Template == nil {
		return p, nil
	}
	entries, ref, err := chosen(ctx, from, TaintTemplate, *p.Template)
	if err != nil {
		return p, err
	}
	p.Template, p.Set = &ref, make([]node.Taint, len(entries))
	for i, e := range entries {
		p.Set[i] = node.Taint{Key: e.Key, Value: e.Value, Effect: e.Effect}
	}
	return p, nil
}

// Named returns the protected keys that the request names.
func (t tainting) Named([]string) []string {
	var named []string
	for _, one := range slices.Concat(t.Set, t.Remove) {
		if t.protect.Taint(one) {
			named = append(named, one.Key)
		}
	}
	slices.Sort(named)
	return slices.Compact(named)
}

// Plan compares the node's taints with those that are requested.
func (t tainting) Plan(n *node.Node) Plan {
	p := Plan{
		Before: change.State{Taints: map[string]*node.Taint{}}, After: change.State{Taints: map[string]*node.Taint{}},
	}
	for _, old := range n.Taints {
		switch {
		case find(t.Set, old) != nil:
		case t.Mode == ModeReplace && t.protect.Taint(old):
			p.Protected = append(p.Protected, old.ID())
		case t.Mode == ModeReplace, find(t.Remove, old) != nil:
			p.touchTaint(&old, nil)
		}
	}
	for _, wanted := range t.Set {
		old := find(n.Taints, wanted)
		if t.Keep && old != nil && old.Value != wanted.Value {
			p.Blockers = append(p.Blockers, services.NewError(services.CodeConflict, "error_taint_exists",
				"Taint", old.String(), "Wanted", wanted.String()))
		}
		p.touchTaint(old, &wanted)
	}
	return p
}

// touchTaint notes what becomes of one taint; nil means that it is absent. A taint
// that stays as it is keeps its since-when.
func (p *Plan) touchTaint(before, after *node.Taint) {
	known := before
	if known == nil {
		known = after
	}
	if change.SameTaint(before, after) {
		after = before
	}
	id := known.ID()
	p.Before.Taints[id], p.After.Taints[id] = before, after
}

// Versioned is true: a list is right for the version that it was made from.
func (t tainting) Versioned() bool { return true }

// MovesPods reports whether a NoExecute taint is set.
func (t tainting) MovesPods() bool { return slices.ContainsFunc(t.Set, evicts) }

// Evictions counts the pods that leave because of a NoExecute taint.
func (t tainting) Evictions(ctx context.Context, c *kube.Client, nodes []*node.Node) (Evictions, error) {
	return evictionsBy(ctx, c, nodes, t.Plan)
}

// Apply sends the whole list, which is the only way to change it, and only for
// the version of the node that the list was made from: no other writer's taint
// is lost.
func (t tainting) Apply(ctx context.Context, k Cluster, target Target) (Result, error) {
	return applyGuarded(ctx, k, target, t)
}

func (t tainting) patch(n *node.Node, p Plan) kube.NodePatch { return patchOf(n, p) }

func evicts(t node.Taint) bool { return t.Effect == string(corev1.TaintEffectNoExecute) }
