package plan

import (
	"context"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/ui"
)

// note is a warning before a batch: what is wrong, and what to do.
type note struct {
	Kind  string // of the mark, also the class
	Title string
	Text  string
	Field string // the option that it needs, or ""
}

// changeNotes returns the warnings of a plan that is not of a drain, each once with
// its nodes.
func changeNotes(ctx context.Context, v View) []note {
	nodes := map[string][]string{}
	for _, n := range v.Nodes {
		for _, text := range n.Warnings {
			if !asksBecause(ctx, v, n.Node, text) {
				nodes[text] = append(nodes[text], n.Node)
			}
		}
	}
	return notesByText(ctx, "warn", nodes)
}

// notesByText returns a note for every sentence with its names, those of most names
// first.
func notesByText(ctx context.Context, kind string, names map[string][]string) []note {
	texts := largestFirst(names, length)
	out := make([]note, len(texts))
	for i, text := range texts {
		out[i] = note{Kind: kind, Title: ui.SomeNames(ctx, names[text]), Text: text}
	}
	return out
}

// drainNotes returns the warnings of the plan of a drain, the worst first.
func drainNotes(ctx context.Context, v View) []note {
	var notes []note
	for _, some := range [][]note{
		neverNotes(ctx, v.Drain), consentNotes(ctx, v), blockedNotes(ctx, v.Drain), workloadNotes(ctx, v),
		restartNotes(ctx, v), storageNotes(ctx, v),
		unreadNotes(ctx, v.Drain), nodeNotes(ctx, v),
	} {
		if len(some) > notesShown {
			rest := ui.N(ctx, "plan_more_notes", len(some)-notesShown)
			some = append(slices.Clone(some[:notesShown]), note{Kind: some[0].Kind, Title: rest})
		}
		notes = append(notes, some...)
	}
	return notes
}

// neverNotes returns the reasons why pods can never be evicted, each once with the
// number of pods.
func neverNotes(ctx context.Context, p *drain.Plan) []note {
	pods := map[string]int{}
	eachPod(p, func(_ string, pod drain.Judged) {
		for _, r := range pod.Reasons {
			text := sentence(ui.ErrorText(ctx, r))
			switch r.Text {
			case "drain_never_budget", "drain_blocked_unhealthy":
				pods[ui.Sentences(text, ui.T(ctx, "plan_stuck_wait"))]++
			case "drain_never_two":
				pods[text]++
			}
		}
	})
	texts := largestFirst(pods, itself)
	notes := make([]note, len(texts))
	for i, text := range texts {
		notes[i] = note{Kind: "bad", Title: ui.N(ctx, "plan_stuck", pods[text]), Text: text}
	}
	return notes
}

// consentNotes returns the options that are missing, with the numbers of pods and
// nodes that need them.
func consentNotes(ctx context.Context, v View) []note {
	pods, nodes := map[string]int{}, map[string]map[string]bool{}
	eachPod(v.Drain, func(node string, pod drain.Judged) {
		if pod.Verdict != drain.Acknowledge {
			return
		}
		pods[pod.Field]++
		if nodes[pod.Field] == nil {
			nodes[pod.Field] = map[string]bool{}
		}
		nodes[pod.Field][node] = true
	})
	var notes []note
	for _, field := range slices.Sorted(maps.Keys(pods)) {
		notes = append(notes, consentNote(ctx, v, field, pods[field], len(nodes[field])))
	}
	return notes
}

func consentNote(ctx context.Context, v View, field string, pods, nodes int) note {
	n := note{Kind: "ask", Title: ui.N(ctx, "plan_ask_"+field, pods)}
	if field == "force" && !v.MayForce {
		n.Text = ui.T(ctx, "plan_ask_admin")
		return n
	}
	n.Text, n.Field = ui.N(ctx, "plan_ask_where", nodes), field
	return n
}

// blockedNotes explains each budget that allows no eviction now, and what to do.
func blockedNotes(ctx context.Context, p *drain.Plan) []note {
	var notes []note
	for _, b := range p.Budgets {
		if budgetKind(b) != "warn" {
			continue
		}
		title := ui.T(ctx, "plan_blocked", "Budget", b.Name, "Healthy", b.Healthy, "Needed", b.Needed)
		what := "plan_blocked_spare"
		if b.Healthy < b.Needed {
			what = "plan_blocked_mend"
		}
		text := ui.Sentences(ui.N(ctx, "plan_blocked_wait", b.Demand), ui.T(ctx, what))
		notes = append(notes, note{Kind: "warn", Title: title, Text: text})
	}
	return notes
}

// unreadNotes says what the program may not read in the cluster.
func unreadNotes(ctx context.Context, p *drain.Plan) []note {
	var notes []note
	for _, what := range p.Unread {
		title := ui.T(ctx, "plan_unread", "What", what)
		notes = append(notes, note{Kind: "idle", Title: title, Text: ui.T(ctx, "unread_"+what)})
	}
	return notes
}

// nodeNotes returns the warnings about nodes: control planes, nodes whose kubelet has
// stopped reporting, names of no node.
func nodeNotes(ctx context.Context, v View) []note {
	warned, missing := map[string][]string{}, map[string][]string{}
	for _, n := range v.Drain.Nodes {
		for _, w := range n.Warnings {
			text := ui.ErrorText(ctx, w)
			if !asksBecause(ctx, v, n.Node, text) {
				warned[text] = append(warned[text], n.Node)
			}
		}
		for _, b := range n.Blockers {
			text := ui.ErrorText(ctx, b)
			missing[text] = append(missing[text], n.Node)
		}
	}
	return append(notesByText(ctx, "bad", missing), notesByText(ctx, "warn", warned)...)
}

// sentence returns a reason with a full stop, in the script of its last letter.
func sentence(text string) string {
	if text == "" || strings.HasSuffix(text, ".") || strings.HasSuffix(text, "。") {
		return text
	}
	last, _ := utf8.DecodeLastRuneInString(text)
	if last > 0x2e80 { // CJK
		return text + "。"
	}
	return text + "."
}
