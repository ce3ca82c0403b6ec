package plan

import (
	"context"
	"slices"
	"strings"

	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/ui"
)

// restartNotes returns which Deployments a drain restarts before their pods go, or could
// restart, and why it does not restart the others.
func restartNotes(ctx context.Context, v View) []note {
	can, cannot := v.Drain.Restarted()
	if !v.Options.RestartFirst {
		return offerNotes(ctx, can, v.Drain.Denied)
	}
	var notes []note
	if len(can) > 0 {
		notes = append(notes, note{
			Kind: "idle", Title: ui.N(ctx, "plan_restarts", len(can), "Names", ui.SomeNames(ctx, namesOf(can))),
			Text: ui.T(ctx, "plan_restarts_about"),
		})
	}
	names := map[string][]string{} // by the reason
	for _, w := range cannot {
		text := sentence(ui.ErrorText(ctx, w.Why))
		names[text] = append(names[text], w.Name)
	}
	return append(notes, notesByText(ctx, "warn", names)...)
}

// offerNotes offers the option to a person who has not chosen it, and may.
func offerNotes(ctx context.Context, can []drain.Workload, denied []string) []note {
	if len(can) == 0 || len(denied) > 0 {
		return nil
	}
	title := ui.N(ctx, "plan_restarts_offer", len(can), "Names", ui.SomeNames(ctx, namesOf(can)))
	return []note{{Kind: "idle", Title: title, Text: ui.T(ctx, "plan_restarts_offer_about"), Field: "restart_first"}}
}

func namesOf(list []drain.Workload) []string {
	names := make([]string, len(list))
	for i, w := range list {
		names[i] = w.Name
	}
	return names
}

// restartCount says which Deployments the option is about, and what it lacks.
func restartCount(ctx context.Context, v View) string {
	if v.Drain == nil {
		return ""
	}
	can, _ := v.Drain.Restarted()
	text := ""
	switch {
	case len(can) > 0:
		text = ui.N(ctx, "opt_restart_first_which", len(can), "Names", ui.SomeNames(ctx, namesOf(can)))
	case !v.Drain.WorkloadsUnread:
		text = ui.T(ctx, "opt_restart_first_none")
	}
	if len(v.Drain.Denied) == 0 {
		return text
	}
	return ui.Sentences(text, ui.T(ctx, "opt_restart_first_denied", "Calls", strings.Join(v.Drain.Denied, ", ")))
}

// addRestarts adds the workloads of a cluster to those of others.
func (v *View) addRestarts(p *drain.Plan, refs func(string) string) {
	for _, w := range p.Workloads {
		w.Name = refs(w.Name)
		v.Drain.Workloads = append(v.Drain.Workloads, w)
	}
	v.Drain.WorkloadsUnread = v.Drain.WorkloadsUnread || p.WorkloadsUnread
	for _, call := range p.Denied {
		if !slices.Contains(v.Drain.Denied, call) {
			v.Drain.Denied = append(v.Drain.Denied, call)
		}
	}
}
