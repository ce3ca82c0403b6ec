package change_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/change"
)

func values(pairs ...string) map[string]*string {
	out := map[string]*string{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = nil
		if pairs[i+1] != "-" {
			out[pairs[i]] = &pairs[i+1]
		}
	}
	return out
}

func cordoned(on bool, annotations ...string) change.State {
	return change.State{Unschedulable: &on, Annotations: values(annotations...)}
}

func labelled(pairs ...string) change.State { return change.State{Labels: values(pairs...)} }

func annotated(pairs ...string) change.State { return change.State{Annotations: values(pairs...)} }

func tainted(key, value, effect string) change.State {
	t := change.Taint{Key: key, Value: value, Effect: effect}
	return change.State{Taints: map[string]*change.Taint{t.ID(): &t}}
}

func untainted(id string) change.State {
	return change.State{Taints: map[string]*change.Taint{id: nil}}
}

func TestSame(t *testing.T) {
	later := tainted("gpu", "a", "NoSchedule")
	now := time.Now()
	later.Taints["gpu:NoSchedule"].TimeAdded = &now
	require.True(t, change.Same(tainted("gpu", "a", "NoSchedule"), later), "since when does not matter")
	require.False(t, change.Same(tainted("gpu", "a", "NoSchedule"), tainted("gpu", "b", "NoSchedule")))
	require.False(t, change.Same(tainted("gpu", "a", "NoSchedule"), untainted("gpu:NoSchedule")))
	require.True(t, change.Same(labelled("a", "1", "b", "-"), labelled("b", "-", "a", "1")))
	require.False(t, change.Same(labelled("a", "1"), labelled("a", "2")))
	require.False(t, change.Same(annotated("a", "1"), annotated("a", "-")))
	require.False(t, change.Same(cordoned(true), cordoned(false)))
	require.False(t, change.Same(cordoned(true, "why", "disk"), cordoned(true, "why", "cve")))
	require.True(t, change.Same(change.State{}, change.State{Notes: change.Notes{EvictedPods: 3, Recomputed: true}}))
	require.False(t, change.Same(change.State{}, change.State{Notes: change.Notes{Pod: "shop/web"}}))
}

func TestReached(t *testing.T) {
	require.True(t, change.Reached(cordoned(true, "why", "disk"), cordoned(true, "why", "other")))
	require.False(t, change.Reached(cordoned(true), cordoned(false)))
	require.True(t, change.Reached(annotated("a", "1"), annotated("a", "1")))
	require.False(t, change.Reached(annotated("a", "1"), annotated("a", "2")))
	require.False(t, change.Reached(labelled("a", "-"), labelled("a", "2")))
}

func TestDiff(t *testing.T) {
	before, after := cordoned(false, "why", "-", "old", "x"), cordoned(true, "why", "disk", "old", "x")
	before.Labels, after.Labels = values("b", "1", "a", "-", "never", "-"), values("b", "2", "a", "new", "never", "-")
	before.Taints, after.Taints = tainted("gpu", "a", "NoSchedule").Taints, untainted("gpu:NoSchedule").Taints
	type line struct {
		part   change.Part
		key    string
		kind   change.Kind
		before string
		after  string
	}
	text := func(l change.Line, value *string) string {
		if value == nil {
			return ""
		}
		return l.Text(*value)
	}
	var got []line
	for _, l := range change.Diff(before, after) {
		got = append(got, line{l.Part, l.Key, l.Kind(), text(l, l.Before), text(l, l.After)})
	}
	require.Equal(t, []line{
		{change.Scheduling, "", change.Changed, "false", "true"},
		{change.Labels, "a", change.Added, "", "a=new"},
		{change.Labels, "b", change.Changed, "b=1", "b=2"},
		{change.Taints, "gpu:NoSchedule", change.Removed, "gpu=a:NoSchedule", ""},
		{change.Annotations, "old", change.Unchanged, "old=x", "old=x"},
		{change.Annotations, "why", change.Added, "", "why=disk"},
	}, got)
}

// A change is taken back where it still is as it was left; what was changed since
// is named.
func TestRevert(t *testing.T) {
	for name, c := range map[string]struct {
		before, after, now change.State
		from, to           change.State
		since              []string
	}{
		"a label": {
			before: labelled("a", "1", "b", "-", "same", "x"), after: labelled("a", "2", "b", "new", "same", "x"),
			now: labelled("a", "2", "b", "new", "same", "y"), from: labelled("a", "2", "b", "new"),
			to: labelled("a", "1", "b", "-"),
		},
		"a label that was changed since": {
			before: labelled("a", "1"), after: labelled("a", "2"), now: labelled("a", "3"),
			from: labelled("a", "3"), to: labelled("a", "1"), since: []string{"a"},
		},
		"a label that is back": {before: labelled("a", "1"), after: labelled("a", "2"), now: labelled("a", "1")},
		"a taint": {
			before: untainted("gpu:NoSchedule"), after: tainted("gpu", "a", "NoSchedule"),
			now: tainted("gpu", "a", "NoSchedule"), from: tainted("gpu", "a", "NoSchedule"),
			to: untainted("gpu:NoSchedule"),
		},
		"an annotation": {
			before: annotated("a", "-"), after: annotated("a", "1"), now: annotated("a", "2"),
			from: annotated("a", "2"), to: annotated("a", "-"), since: []string{"a"},
		},
		"a cordon": {
			before: cordoned(false, "why", "-"), after: cordoned(true, "why", "disk"), now: cordoned(true, "why", "disk"),
			from: cordoned(true, "why", "disk"), to: cordoned(false, "why", "-"),
		},
		"a cordon with another reason since": {
			before: cordoned(false, "why", "-"), after: cordoned(true, "why", "disk"), now: cordoned(true, "why", "cve"),
			from: cordoned(true, "why", "cve"), to: cordoned(false, "why", "-"), since: []string{""},
		},
		"a cordon that is gone": {
			before: cordoned(false, "why", "-"), after: cordoned(true, "why", "disk"), now: cordoned(false, "why", "-"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := change.Revert(c.before, c.after, c.now)
			require.True(t, change.Same(c.from, got.Before), "%s", asJSON(t, got.Before))
			require.True(t, change.Same(c.to, got.After), "%s", asJSON(t, got.After))
			var since []string
			for _, l := range got.Since {
				since = append(since, l.Key)
			}
			require.Equal(t, c.since, since)
		})
	}
}

// A second try finds the node as the first left it; what was before the first
// counts.
func TestState_Recall(t *testing.T) {
	now := cordoned(true, "why", "disk")
	now.Labels, now.Taints = values("a", "2", "b", "3"), tainted("gpu", "a", "NoSchedule").Taints
	before := cordoned(false, "why", "-")
	before.Labels, before.Taints = values("a", "1", "b", "1"), untainted("gpu:NoSchedule").Taints
	after := cordoned(true, "why", "disk")
	after.Labels, after.Taints = values("a", "2", "b", "2"), tainted("gpu", "a", "NoSchedule").Taints

	now.Recall(before, after)
	want := before
	want.Labels = values("a", "1", "b", "3") // somebody else has changed b
	require.True(t, change.Same(want, now), "%s", asJSON(t, now))
}

// The JSON of a state is stored and answered: it is part of the contract.
func TestState_json(t *testing.T) {
	s := cordoned(true, "why", "disk", "old", "-")
	s.Labels, s.Taints = values("a", "1"), untainted("gpu:NoSchedule").Taints
	s.Notes = change.Notes{Recomputed: true, EvictedPods: 2, SkippedPods: 1, Pod: "shop/web"}
	const stored = `{"unschedulable":true,"annotations":{"old":null,"why":"disk"},"labels":{"a":"1"},` +
		`"taints":{"gpu:NoSchedule":null},"recomputed":true,"evictedPods":2,"skippedPods":1,"pod":"shop/web"}`
	require.Equal(t, stored, asJSON(t, s))
	var again change.State
	require.NoError(t, json.Unmarshal([]byte(stored), &again))
	require.Equal(t, s, again)
	require.Equal(t, `{}`, asJSON(t, change.State{}))
}

func TestState_WithoutAnnotations(t *testing.T) {
	s := annotated("a", "1", "b", "2")
	require.True(t, change.Same(annotated("b", "2"), s.WithoutAnnotations("a", "ghost")))
	require.Len(t, s.Annotations, 2, "the state itself is not changed")
}

func TestDigest(t *testing.T) {
	sum := func(values ...any) string {
		d := change.NewDigest()
		d.Add(values...)
		return d.String()
	}
	require.Equal(t, sum("n1", labelled("a", "1")), sum("n1", labelled("a", "1")))
	require.NotEqual(t, sum("n1", labelled("a", "1")), sum("n1", labelled("a", "-")))
	require.NotEqual(t, sum("n1", "n2"), sum("n2", "n1"))
	require.Len(t, sum(), 32)
}

func asJSON(t *testing.T, s change.State) string {
	t.Helper()
	raw, err := json.Marshal(s)
	require.NoError(t, err)
	return string(raw)
}
