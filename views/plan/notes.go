package plan

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/ui"
)

// note is something that a person should know before: what, and what to do.
type note struct {
	Kind  string // class and shape
	Title string
	Text  string
	Field string // the option that it asks for, or ""
}

// changeNotes are the warnings of a plan that is not a drain's, each once with
// the nodes that it is about.
func changeNotes(ctx context.Context, v View) []note {
	nodes := map[string][]string{}
	for _, n := range v.Nodes {
		for _, text := range n.Warnings {
			nodes[text] = append(nodes[text], n.Node)
		}
	}
	return notesByText(ctx, "warn", nodes)
}

// notesByText makes a note of every sentence with the names that it is about,
// those of most names first.
func notesByText(ctx context.Context, kind string, names map[string][]string) []note {
	texts := slices.SortedFunc(maps.Keys(names), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(names[b]), len(names[a])), cmp.Compare(a, b))
	})
	out := make([]note, len(texts))
	for i, text := range texts {
		out[i] = note{Kind: kind, Title: ui.SomeNames(ctx, names[text]), Text: text}
	}
	return out
}

// drainNotes are what a person should know before a drain, the gravest first.
func drainNotes(ctx context.Context, v View) []note {
	var notes []note
	for _, some := range [][]note{
		neverNotes(ctx, v.Drain), consentNotes(ctx, v), blockedNotes(ctx, v.Drain), unreadNotes(ctx, v.Drain), nodeNotes(ctx, v.Drain),
	} {
		if len(some) > notesShown {
			rest := ui.N(ctx, "plan_more_notes", len(some)-notesShown)
			some = append(slices.Clone(some[:notesShown]), note{Kind: some[0].Kind, Title: rest})
		}
		notes = append(notes, some...)
	}
	return notes
}

// neverNotes name what can never let go, each once with its pods counted.
func neverNotes(ctx context.Context, p *drain.Plan) []note {
	pods := map[string]int{}
	eachPod(p, func(_ string, pod drain.Judged) {
		for _, r := range pod.Reasons {
			switch text := sentence(reasonText(ctx, r)); r.Text {
			case "drain_never_budget", "drain_blocked_unhealthy":
				pods[sentences(text, ui.T(ctx, "plan_stuck_wait"))]++
			case "drain_never_two":
				pods[text]++
			}
		}
	})
	texts := slices.SortedFunc(maps.Keys(pods), func(a, b string) int { return cmp.Or(cmp.Compare(pods[b], pods[a]), cmp.Compare(a, b)) })
	notes := make([]note, len(texts))
	for i, text := range texts {
		notes[i] = note{Kind: "bad", Title: ui.N(ctx, "plan_stuck", pods[text]), Text: text}
	}
	return notes
}

// consentNotes name the options that are missing, with the pods that ask.
func consentNotes(ctx context.Context, v View) []note {
	pods, nodes := map[string]int{}, map[string]map[string]bool{}
	eachPod(v.Drain, func(node string, pod drain.Judged) {
		if pod.Verdict != drain.Acknowledge {
			return
		}
		if pods[pod.Field]++; nodes[pod.Field] == nil {
			nodes[pod.Field] = map[string]bool{}
		}
		nodes[pod.Field][node] = true
	})
	var notes []note
	for _, field := range slices.Sorted(maps.Keys(pods)) {
		note := note{Kind: "ask", Title: ui.N(ctx, "plan_ask_"+field, pods[field]), Text: ui.N(ctx, "plan_ask_where", len(nodes[field])), Field: field}
		if field == "force" && !v.MayForce {
			note.Text, note.Field = ui.T(ctx, "plan_ask_admin"), ""
		}
		notes = append(notes, note)
	}
	return notes
}

// blockedNotes explain each budget that allows nothing now, in one sentence with
// what to do.
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
		notes = append(notes, note{Kind: "warn", Title: title, Text: sentences(ui.N(ctx, "plan_blocked_wait", b.Demand), ui.T(ctx, what))})
	}
	return notes
}

// unreadNotes say what the account may not read.
func unreadNotes(ctx context.Context, p *drain.Plan) []note {
	var notes []note
	for _, what := range p.Unread {
		notes = append(notes, note{Kind: "idle", Title: ui.T(ctx, "plan_unread", "What", what), Text: ui.T(ctx, "unread_"+what)})
	}
	return notes
}

// nodeNotes are the warnings about nodes: control planes, nodes without a
// kubelet, names that are no node.
func nodeNotes(ctx context.Context, p *drain.Plan) []note {
	warned, missing := map[string][]string{}, map[string][]string{}
	for _, n := range p.Nodes {
		for _, w := range n.Warnings {
			warned[reasonText(ctx, w)] = append(warned[reasonText(ctx, w)], n.Node)
		}
		for _, b := range n.Blockers {
			missing[reasonText(ctx, b)] = append(missing[reasonText(ctx, b)], n.Node)
		}
	}
	return append(notesByText(ctx, "bad", missing), notesByText(ctx, "warn", warned)...)
}

// sentences puts sentences side by side: Chinese needs no blank between them.
func sentences(texts ...string) string {
	var out strings.Builder
	for _, text := range texts {
		if s := out.String(); s != "" && text != "" && !strings.HasSuffix(s, "。") {
			out.WriteByte(' ')
		}
		out.WriteString(text)
	}
	return out.String()
}

// sentence closes a reason with a full stop where it stands alone.
func sentence(text string) string {
	if text == "" || strings.HasSuffix(text, ".") || strings.HasSuffix(text, "。") {
		return text
	}
	if last := []rune(text)[len([]rune(text))-1]; last > 0x2e80 {
		return text + "。"
	}
	return text + "."
}
