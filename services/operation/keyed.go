package operation

import (
	"context"
	"maps"
	"slices"

	"kube-node-manager/services"
	"kube-node-manager/services/change"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
)

// KeyParams are what a batch that sets and removes values by their keys, labels
// or annotations, was asked for.
type KeyParams struct {
	Mode      string            `json:"mode"`
	Set       map[string]string `json:"set,omitempty"`
	Remove    []string          `json:"remove,omitempty"`
	Overwrite bool              `json:"overwrite"` // also where there is another value
	Template  *TemplateRef      `json:"template,omitempty"`
}

// keyedPart is the part of a node that such a batch is about.
type keyedPart struct {
	field     string // of the form, with entries as kubectl writes them
	none      string // message: no entry
	exists    string // message: the key has another value, and overwrite is off
	split     func(values []string) []string
	parse     func(entry string) (key, value string, how Form, err error)
	values    func(n *node.Node) map[string]string
	state     func(values map[string]*string) change.State
	protected func(p Protection, key string) bool
}

// keyed sets and removes values by their keys.
type keyed struct {
	plain
	KeyParams
	part    keyedPart
	protect Protection
}

// read reads the form of a batch.
func (part keyedPart) read(r *form.Reader) KeyParams {
	p := KeyParams{Overwrite: r.Flag("overwrite", true), Mode: r.Choice("mode", ModeAdd, ModeRemove, ModeReplace)}
	p.Template = readTemplateRef(r, p.Mode)
	if p.Template != nil {
		return p
	}
	p.Set = map[string]string{}
	r.RefuseBy(addEntries(part.field, part.none, part.split(r.Fields[part.field]), func(entry string) error {
		return p.add(part, entry)
	}))
	return p
}

// add takes in one entry. It refuses one that the mode has no room for, and one
// whose key another entry means too.
func (p *KeyParams) add(part keyedPart, entry string) error {
	key, value, how, err := part.parse(entry)
	if err != nil {
		return err
	}
	remove, err := removes(part.field, entry, p.Mode, how)
	if err != nil {
		return err
	}
	old, set := p.Set[key]
	gone := slices.Contains(p.Remove, key)
	switch {
	case set && (remove || old != value), !remove && gone:
		return services.Invalid(part.field, "error_entry_twice", "Key", key)
	case !remove:
		p.Set[key] = value
	case !gone:
		p.Remove = append(p.Remove, key)
	}
	return nil
}

// Named returns the protected keys that the request names.
func (k keyed) Named([]string) []string {
	named := slices.Collect(maps.Keys(k.Set))
	named = append(named, k.Remove...)
	named = slices.DeleteFunc(named, func(key string) bool { return !k.part.protected(k.protect, key) })
	slices.Sort(named)
	return named
}

// Plan compares the node's values with those that are requested.
func (k keyed) Plan(n *node.Node) Plan {
	var p Plan
	values := k.part.values(n)
	before, after := map[string]*string{}, map[string]*string{}
	for _, key := range slices.Sorted(maps.Keys(k.Set)) {
		value := k.Set[key]
		old := valueOf(values, key)
		before[key], after[key] = old, &value
		if old != nil && *old != value && !k.Overwrite {
			p.Blockers = append(p.Blockers, k.blocker(key, *old))
		}
	}
	for _, key := range k.removed(values, &p) {
		old := valueOf(values, key)
		if old != nil {
			before[key], after[key] = old, nil
		}
	}
	p.Before, p.After = k.part.state(before), k.part.state(after)
	return p
}

func (k keyed) blocker(key, value string) *services.Error {
	return services.NewError(services.CodeConflict, k.part.exists, "Key", key, "Value", services.Clip(value))
}

// removed returns the keys that are to be removed, and notes those that a
// replacement leaves because they are protected.
func (k keyed) removed(values map[string]string, p *Plan) []string {
	if k.Mode != ModeReplace {
		return k.Remove
	}
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		_, kept := k.Set[key]
		switch {
		case kept:
		case k.part.protected(k.protect, key):
			p.Protected = append(p.Protected, key)
		default:
			keys = append(keys, key)
		}
	}
	return keys
}

// Versioned reports whether the change depends on what else is on the node. One
// that does not is sent without a read: a merge of keys loses nobody's change.
func (k keyed) Versioned() bool { return k.Mode == ModeReplace || !k.Overwrite }

// Apply sends one merge patch with the node's UID.
func (k keyed) Apply(ctx context.Context, c Cluster, t Target) (Result, error) {
	if k.Versioned() {
		return applyGuarded(ctx, c, t, k)
	}
	return applyBlind(ctx, c, t, k)
}

// patch also removes what was not on the node when it was planned: it may have
// come since.
func (k keyed) patch(n *node.Node, p Plan) kube.NodePatch {
	removed := make(map[string]*string, len(k.Remove))
	for _, key := range k.Remove {
		removed[key] = nil
	}
	gone, patch := k.part.state(removed), patchOf(n, p)
	patch.Labels = merged(patch.Labels, gone.Labels)
	patch.Annotations = merged(patch.Annotations, gone.Annotations)
	return patch
}

func merged(a, b map[string]*string) map[string]*string {
	if len(b) == 0 {
		return a
	}
	both := make(map[string]*string, len(a)+len(b))
	maps.Copy(both, a)
	maps.Copy(both, b)
	return both
}
