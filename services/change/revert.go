package change

import "slices"

// Reversal is what has to change to take a change back.
type Reversal struct {
	// Before and After are what is to be put back, as it is now and as it was.
	Before, After State
	// Since are the things that are no longer as the change left them: somebody else
	// has changed them since.
	Since []Line
}

// Revert says how to bring a node, whose present state is now, back from after to
// before. What the change did not alter, or what is as before again, is left out.
// A cordon is taken back together with the annotations that explain it: one with
// another reason is another cordon.
func Revert(before, after, now State) Reversal {
	var r Reversal
	r.labels(before, after, now)
	r.taints(before, after, now)
	if before.Unschedulable != nil && after.Unschedulable != nil {
		r.cordon(before, after, now)
	} else {
		notes := revert(before.Annotations, after.Annotations, now.Annotations, equal)
		r.Before.Annotations, r.After.Annotations = notes.from, notes.to
		r.note(Annotations, notes.since)
	}
	return r
}

func (r *Reversal) labels(before, after, now State) {
	labels := revert(before.Labels, after.Labels, now.Labels, equal)
	r.Before.Labels, r.After.Labels = labels.from, labels.to
	r.note(Labels, labels.since)
}

func (r *Reversal) taints(before, after, now State) {
	taints := revert(before.Taints, after.Taints, now.Taints, SameTaint)
	r.Before.Taints, r.After.Taints = taints.from, taints.to
	r.note(Taints, taints.since)
}

func (r *Reversal) cordon(before, after, now State) {
	notes := revert(before.Annotations, after.Annotations, now.Annotations, equal)
	if equal(now.Unschedulable, before.Unschedulable) && len(notes.to) == 0 {
		return
	}
	r.Before.Unschedulable, r.After.Unschedulable = now.Unschedulable, before.Unschedulable
	r.Before.Annotations, r.After.Annotations = notes.from, notes.to
	if !equal(now.Unschedulable, after.Unschedulable) || len(notes.since) > 0 {
		r.Since = append(r.Since, Line{Part: Scheduling})
	}
}

func (r *Reversal) note(part Part, keys []string) {
	for _, key := range keys {
		r.Since = append(r.Since, Line{Part: part, Key: key})
	}
}

// reversal is what has to change of one part.
type reversal[T any] struct {
	from, to map[string]*T
	since    []string // keys
}

func revert[T any](before, after, now map[string]*T, same func(a, b *T) bool) reversal[T] {
	r := reversal[T]{from: map[string]*T{}, to: map[string]*T{}}
	for key, was := range before {
		is := now[key]
		if same(was, after[key]) || same(is, was) {
			continue
		}
		r.from[key], r.to[key] = is, was
		if !same(is, after[key]) {
			r.since = append(r.since, key)
		}
	}
	slices.Sort(r.since)
	return r
}
