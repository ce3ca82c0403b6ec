package main

import (
	"fmt"
	"maps"
	"strings"
)

// A change is what a batch changes of a node. A key whose value is null is not there.
type change struct{ Before, After *state }

type state struct {
	Unschedulable       *bool
	Labels, Annotations map[text]*text
	Taints              map[text]*struct{ Key, Value, Effect text }
}

// text returns the change in the words of kubectl; "" for none.
func (c change) text() string {
	if c.Before == nil || c.After == nil {
		return ""
	}
	var parts []string
	if before, after := isTrue(c.Before.Unschedulable), isTrue(c.After.Unschedulable); before != after {
		parts = append(parts, map[bool]string{true: "cordon", false: "uncordon"}[after])
		c = change{c.Before.withoutNotes(), c.After.withoutNotes()}
	}
	parts = append(parts, differences("label", c.Before.Labels, c.After.Labels)...)
	parts = append(parts, differences("annotation", c.Before.Annotations, c.After.Annotations)...)
	parts = append(parts, differences("taint", c.Before.taints(), c.After.taints())...)
	return strings.Join(parts, ", ")
}

// notes begins the keys of the annotations that say who has cordoned a node, when and why.
const notes = "kube-node-manager.io/"

// withoutNotes returns the state without these annotations: the cordon itself says it.
func (s state) withoutNotes() *state {
	s.Annotations = maps.Clone(s.Annotations)
	maps.DeleteFunc(s.Annotations, func(key text, _ *text) bool { return strings.HasPrefix(string(key), notes) })
	return &s
}

func isTrue(b *bool) bool { return b != nil && *b }

// taints returns the values of the taints, by key and effect.
func (s state) taints() map[text]*text {
	out := map[text]*text{}
	for id, t := range s.Taints {
		if t != nil {
			out[id] = &t.Value
		}
	}
	return out
}

// differences returns what is set, changed and removed.
func differences(kind string, before, after map[text]*text) []string {
	both := maps.Clone(before)
	if both == nil {
		both = map[text]*text{}
	}
	maps.Copy(both, after)
	var out []string
	for _, key := range sortedKeys(both) {
		old, now := before[key], after[key]
		switch {
		case old == nil && now == nil, old != nil && now != nil && *old == *now:
		case now == nil:
			out = append(out, fmt.Sprintf("%s %s- (was %s)", kind, key, *old))
		case old == nil:
			out = append(out, fmt.Sprintf("%s %s=%s", kind, key, *now))
		default:
			out = append(out, fmt.Sprintf("%s %s=%s (was %s)", kind, key, *now, *old))
		}
	}
	return out
}
