package operation

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"slices"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
)

// labeling sets and removes labels.
type labeling struct {
	labelParams
	protect Protection
}

// labelParams are what a label batch was asked for.
type labelParams struct {
	Mode      string            `json:"mode"`
	Set       map[string]string `json:"set,omitempty"`
	Remove    []string          `json:"remove,omitempty"`
	Overwrite bool              `json:"overwrite"` // also where there is another value
	Template  *TemplateRef      `json:"template,omitempty"`
}

func labelDefinition() Definition {
	return Definition{
		Name:     "label",
		Permit:   services.PermitChange,
		CacheLog: func(bool) string { return "label update" },
		Parse: func(form url.Values) (json.RawMessage, error) {
			p, err := parseLabels(form)
			if err != nil {
				return nil, err
			}
			return json.Marshal(p)
		},
		Resolve: resolveLabels,
		New: func(params json.RawMessage, m Meta) (Operation, error) {
			l := labeling{protect: m.Protect}
			err := json.Unmarshal(params, &l.labelParams)
			return l, err
		},
	}
}

// parseLabels reads the form of a label batch.
func parseLabels(form url.Values) (labelParams, error) {
	var p labelParams
	var err error
	p.Overwrite, err = parseFlag(form, "overwrite", true)
	if err != nil {
		return p, err
	}
	if p.Mode, err = parseMode(form, ModeAdd, ModeRemove, ModeReplace); err != nil {
		return p, err
	}
	if p.Template, err = parseTemplateRef(form, p.Mode); p.Template != nil || err != nil {
		return p, err
	}
	p.Set = map[string]string{}
	entries, err := readEntries(form, "label")
	if err != nil {
		return p, err
	}
	for _, text := range entries {
		key, value, how, err := ParseLabel(text)
		if err != nil {
			return p, err
		}
		if err := p.take(text, key, value, how); err != nil {
			return p, err
		}
	}
	if len(p.Set)+len(p.Remove) == 0 {
		return p, services.Invalid("label", "error_labels_none")
	}
	return p, nil
}

// take adds one entry, unless the mode has no room for it or another entry
// means the same key.
func (p *labelParams) take(text, key, value string, how Form) error {
	remove, err := removes("label", text, p.Mode, how)
	if err != nil {
		return err
	}
	if old, twice := p.Set[key]; twice && (remove || old != value) || !remove && slices.Contains(p.Remove, key) {
		return services.Invalid("label", "error_entry_twice", "Key", key)
	}
	if !remove {
		p.Set[key] = value
	} else if !slices.Contains(p.Remove, key) {
		p.Remove = append(p.Remove, key)
	}
	return nil
}

// resolveLabels puts a template's labels in, as they are now.
func resolveLabels(ctx context.Context, from Sources, params json.RawMessage) (json.RawMessage, error) {
	var p labelParams
	if err := json.Unmarshal(params, &p); err != nil || p.Template == nil {
		return params, err
	}
	entries, err := chosen(ctx, from, LabelTemplate, p.Template)
	if err != nil {
		return nil, err
	}
	p.Set = make(map[string]string, len(entries))
	for _, e := range entries {
		p.Set[e.Key] = e.Value
	}
	return json.Marshal(p)
}

// Named is Namer's.
func (l labeling) Named([]string) []string {
	named := slices.Collect(maps.Keys(l.Set))
	named = append(named, l.Remove...)
	named = slices.DeleteFunc(named, func(key string) bool { return !l.protect.Label(key) })
	slices.Sort(named)
	return named
}

// Plan compares the node's labels with those that are asked for.
func (l labeling) Plan(n *node.Node) Plan {
	p := Plan{Before: State{Labels: map[string]*string{}}, After: State{Labels: map[string]*string{}}}
	for _, key := range slices.Sorted(maps.Keys(l.Set)) {
		value := l.Set[key]
		if old, ok := n.Labels[key]; ok && old != value && !l.Overwrite {
			p.Blockers = append(p.Blockers, services.NewError(services.CodeConflict, "error_label_exists", "Key", key, "Value", old))
		}
		p.touchLabel(n, key, &value)
	}
	for _, key := range l.removed(n, &p) {
		if _, ok := n.Labels[key]; ok {
			p.touchLabel(n, key, nil)
		}
	}
	if len(p.Blockers) > 0 {
		p.Changes = false
	}
	return p
}

// removed gives the keys that are to go from n, and notes those that a
// replacement leaves because they are protected.
func (l labeling) removed(n *node.Node, p *Plan) []string {
	if l.Mode != ModeReplace {
		return l.Remove
	}
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(n.Labels)) {
		if _, kept := l.Set[key]; kept {
			continue
		}
		if l.protect.Label(key) {
			p.Protected = append(p.Protected, key)
		} else {
			keys = append(keys, key)
		}
	}
	return keys
}

// touchLabel notes what becomes of one key; nil means that it goes.
func (p *Plan) touchLabel(n *node.Node, key string, after *string) {
	var before *string
	if old, ok := n.Labels[key]; ok {
		before = &old
	}
	p.Before.Labels[key], p.After.Labels[key] = before, after
	p.Changes = p.Changes || !same(before, after)
}

// Versioned reports whether the change depends on what else is on the node. One
// that does not is sent without a read: a merge of keys loses nobody's change.
func (l labeling) Versioned() bool { return l.Mode == ModeReplace || !l.Overwrite }

// Apply sends one merge patch with the node's UID.
func (l labeling) Apply(ctx context.Context, k Cluster, t Target) (Result, error) {
	if l.Versioned() {
		return applyGuarded(ctx, k, t, l)
	}
	return applyBlind(ctx, k, t, l)
}

// patch sends what the plan asks for. What is not on the node as it was seen is
// removed all the same: it may have come since.
func (l labeling) patch(_ *node.Node, p Plan) kube.NodePatch {
	labels := maps.Clone(p.After.Labels)
	for _, key := range l.Remove {
		labels[key] = nil
	}
	return kube.NodePatch{Labels: labels}
}

// reached says how the labels that the plan is about are now, and whether that
// is what was asked.
func (l labeling) reached(n *node.Node, p Plan) (State, bool) {
	after, ok := State{Labels: make(map[string]*string, len(p.After.Labels))}, true
	for key, want := range p.After.Labels {
		after.Labels[key] = nil
		if value, found := n.Labels[key]; found {
			after.Labels[key] = &value
		}
		ok = ok && same(want, after.Labels[key])
	}
	return after, ok
}
