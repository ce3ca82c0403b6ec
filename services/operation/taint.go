package operation

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
)

// tainting sets and removes taints.
type tainting struct {
	taintParams
	protect Protection
}

// taintParams are what a taint batch was asked for.
type taintParams struct {
	Mode     string       `json:"mode"`
	Set      []node.Taint `json:"set,omitempty"`
	Remove   []node.Taint `json:"remove,omitempty"` // without an effect: all of the key
	Keep     bool         `json:"keep,omitempty"`   // refuse where the key and effect have another value
	Template *TemplateRef `json:"template,omitempty"`
}

func taintDefinition() Definition {
	return Definition{
		Name:     "taint",
		Permit:   services.PermitChange,
		CacheLog: func(bool) string { return "taint update" },
		Parse: func(form url.Values) (json.RawMessage, error) {
			p, err := parseTaints(form)
			if err != nil {
				return nil, err
			}
			return json.Marshal(p)
		},
		Resolve: resolveTaints,
		New: func(params json.RawMessage, m Meta) (Operation, error) {
			t := tainting{protect: m.Protect}
			err := json.Unmarshal(params, &t.taintParams)
			return t, err
		},
	}
}

// parseTaints reads the form of a taint batch.
func parseTaints(form url.Values) (taintParams, error) {
	var p taintParams
	var err error
	if p.Mode, err = parseMode(form, ModeAdd, ModeRemove, ModeReplace); err != nil {
		return p, err
	}
	overwrite, err := parseFlag(form, "overwrite", true)
	if err != nil {
		return p, err
	}
	p.Keep = !overwrite
	if p.Template, err = parseTemplateRef(form, p.Mode); p.Template != nil || err != nil {
		return p, err
	}
	entries, err := readEntries(form, "taint")
	if err != nil {
		return p, err
	}
	for _, text := range entries {
		t, how, err := ParseTaint(text)
		if err != nil {
			return p, err
		}
		if err := p.take(text, t, how); err != nil {
			return p, err
		}
	}
	if len(p.Set)+len(p.Remove) == 0 {
		return p, services.Invalid("taint", "error_taints_none")
	}
	return p, nil
}

// take adds one entry, unless the mode has no room for it or another entry
// means the same taint.
func (p *taintParams) take(text string, t node.Taint, how Form) error {
	if p.Mode == ModeRemove && how == FormSet && t.Value == "" {
		how = FormRemove // key:Effect
	}
	remove, err := removes("taint", text, p.Mode, how)
	if err != nil {
		return err
	}
	if remove {
		t.Value = "" // the value does not tell taints apart
	}
	set, gone := find(p.Set, t), find(p.Remove, t)
	if remove && set != nil || !remove && gone != nil || set != nil && set.Value != t.Value {
		return services.Invalid("taint", "error_entry_twice", "Key", clip(text))
	}
	switch {
	case remove:
		p.removeToo(t)
	case set == nil:
		p.Set = append(p.Set, t)
	}
	return nil
}

// removeToo adds a taint to those that are removed; one without an effect takes
// the place of the single effects of its key.
func (p *taintParams) removeToo(t node.Taint) {
	if t.Effect == "" {
		p.Remove = slices.DeleteFunc(p.Remove, func(one node.Taint) bool { return one.Key == t.Key })
	} else if find(p.Remove, t) != nil {
		return
	}
	p.Remove = append(p.Remove, t)
}

// find gives the taint of the list that t is about, or nil. One without an
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
func resolveTaints(ctx context.Context, from Sources, params json.RawMessage) (json.RawMessage, error) {
	var p taintParams
	if err := json.Unmarshal(params, &p); err != nil || p.Template == nil {
		return params, err
	}
	entries, err := chosen(ctx, from, TaintTemplate, p.Template)
	if err != nil {
		return nil, err
	}
	p.Set = make([]node.Taint, len(entries))
	for i, e := range entries {
		p.Set[i] = node.Taint{Key: e.Key, Value: e.Value, Effect: e.Effect}
	}
	return json.Marshal(p)
}

// Named is Namer's.
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

// Plan compares the node's taints with those that are asked for.
func (t tainting) Plan(n *node.Node) Plan {
	p := Plan{Before: State{Taints: map[string]*node.Taint{}}, After: State{Taints: map[string]*node.Taint{}}}
	for _, old := range n.Taints {
		switch wanted := find(t.Set, old); {
		case wanted != nil:
		case t.Mode == ModeReplace && t.protect.Taint(old):
			p.Protected = append(p.Protected, old.ID())
		case t.Mode == ModeReplace || find(t.Remove, old) != nil:
			p.touchTaint(&old, nil)
		}
	}
	for _, wanted := range t.Set {
		old := find(n.Taints, wanted)
		if t.Keep && old != nil && old.Value != wanted.Value {
			p.Blockers = append(p.Blockers, services.NewError(services.CodeConflict, "error_taint_exists", "Taint", old.String(), "Wanted", wanted.String()))
		}
		p.touchTaint(old, &wanted)
	}
	if len(p.Blockers) > 0 {
		p.Changes = false
	}
	return p
}

// touchTaint notes what becomes of one taint; nil means that it is not there. A
// taint that stays as it is keeps its since-when.
func (p *Plan) touchTaint(before, after *node.Taint) {
	id := ""
	if before != nil {
		id = before.ID()
	} else {
		id = after.ID()
	}
	if before != nil && after != nil && before.Value == after.Value {
		after = before
	}
	p.Before.Taints[id], p.After.Taints[id] = before, after
	p.Changes = p.Changes || !sameTaint(before, after)
}

// Versioned is Versioned's: a list is right for the version it was made from.
func (t tainting) Versioned() bool { return true }

// Apply sends the whole list, which is the only way to change it, and only for
// the version of the node that the list was made from: no other writer's taint
// is lost.
func (t tainting) Apply(ctx context.Context, k Cluster, target Target) (Result, error) {
	return applyGuarded(ctx, k, target, t)
}

func (t tainting) patch(n *node.Node, p Plan) kube.NodePatch {
	return kube.NodePatch{Taints: taintList(n, p)}
}

// taintList makes the new list: what the node has, in its order and untouched
// but for what the plan is about, and then what is new.
func taintList(n *node.Node, p Plan) *[]corev1.Taint {
	list := make([]corev1.Taint, 0, len(n.Taints)+len(p.After.Taints))
	has := make(map[string]bool, len(n.Taints))
	for _, old := range n.Taints {
		has[old.ID()] = true
		after, touched := p.After.Taints[old.ID()]
		switch {
		case !touched:
			list = append(list, toKube(old))
		case after != nil:
			list = append(list, toKube(*after))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(p.After.Taints)) {
		if after := p.After.Taints[id]; after != nil && !has[id] {
			list = append(list, toKube(*after))
		}
	}
	return &list
}

func toKube(t node.Taint) corev1.Taint {
	out := corev1.Taint{Key: t.Key, Value: t.Value, Effect: corev1.TaintEffect(t.Effect)}
	if t.TimeAdded != nil {
		at := metav1.NewTime(*t.TimeAdded)
		out.TimeAdded = &at
	}
	return out
}

// reached says how the taints that the plan is about are now, and whether that
// is what was asked.
func (t tainting) reached(n *node.Node, p Plan) (State, bool) {
	after, ok := State{Taints: make(map[string]*node.Taint, len(p.After.Taints))}, true
	for id, want := range p.After.Taints {
		after.Taints[id] = nil
		if i := slices.IndexFunc(n.Taints, func(one node.Taint) bool { return one.ID() == id }); i >= 0 {
			after.Taints[id] = &n.Taints[i]
		}
		ok = ok && sameTaint(want, after.Taints[id])
	}
	return after, ok
}
