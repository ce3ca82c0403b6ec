package batches

import (
	"cmp"
	"context"
	"net/url"
	"slices"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// Group is the batches that one submission has started in several clusters.
type Group struct {
	ID             string
	Members        []View
	IdempotencyKey string   // see View
	Acted          []string // see View
}

// NewGroup returns the view of a group for an actor. There must be a member.
func NewGroup(members []batch.View, actor services.Actor) Group {
	g := Group{ID: batch.GroupOf(members[0].ID)}
	for _, m := range members {
		g.Members = append(g.Members, NewView(m, actor))
	}
	return g
}

// GroupURL returns the history of the batches of a group.
func GroupURL(id string) string { return ui.WithQuery(ui.AllBatchesURL, url.Values{"group": {id}}) }

// whole returns the group as if it were one batch, without what only one has.
func (g Group) whole() batch.View {
	v := batch.View{Batch: g.Members[0].Batch}
	v.ID, v.Cluster, v.Total, v.State, v.Paused = g.ID, "", 0, g.state(), g.paused()
	for _, m := range g.Members {
		v.Total += m.Total
		v.Counts = v.Counts.Plus(m.Counts)
		v.Elapsed = max(v.Elapsed, m.Elapsed)
	}
	return v
}

// state returns the state of all batches together: running while one is, and then what
// they have in common.
func (g Group) state() store.State {
	states := map[store.State]int{}
	for _, m := range g.Members {
		states[m.State]++
	}
	switch {
	case states[store.StateRunning] > 0:
		return store.StateRunning
	case states[store.StateInterrupted] > 0:
		return store.StateInterrupted
	case states[store.StateProposed] > 0:
		return store.StateProposed
	case states[store.StateScheduled] > 0:
		return store.StateScheduled
	case len(states) == 1:
		return g.Members[0].State
	default:
		return store.StatePartial
	}
}

// paused reports whether every batch that runs is paused.
func (g Group) paused() bool {
	running := slices.DeleteFunc(slices.Clone(g.Members), func(m View) bool { return m.State != store.StateRunning })
	return len(running) > 0 && !slices.ContainsFunc(running, func(m View) bool { return !m.Paused })
}

// may reports whether the user may control one of the batches that it is about.
func (g Group) may(about func(m View) bool) bool {
	return slices.ContainsFunc(g.Members, func(m View) bool { return m.MayControl && about(m) })
}

func pausable(m View) bool { return m.State == store.StateRunning && !m.Paused }

func proposed(m View) bool { return m.State == store.StateProposed }

// groupGoOnWord returns the word of the button that continues the batches of a group; those
// that wait for their time are begun only if no other is there to be continued.
func groupGoOnWord(ctx context.Context, g Group) string {
	if g.may(func(m View) bool { return resumable(m) && !waits(m.View) }) {
		return ui.T(ctx, "do_resume")
	}
	return ui.T(ctx, "do_start_now")
}

func cancellable(m View) bool { return !m.State.Ended() }

func resumable(m View) bool { return mayGoOn(m) && m.Asks == nil && !refusedAgain(m.View) }

// groupTitle returns a group in one line: "Cordon · 12 nodes in 2 clusters".
func groupTitle(ctx context.Context, g Group) string {
	clusters := ui.N(ctx, "clusters_count", len(g.Members))
	return ui.T(ctx, "group_title", "Title", title(ctx, g.whole().Batch), "Clusters", clusters)
}

// sayGroup returns what a screen reader reads at a milestone.
func sayGroup(ctx context.Context, g Group) string {
	v := g.whole()
	return ui.T(ctx, "say_group", "Title", groupTitle(ctx, g), "Done", ui.Number(batch.Done(v.Counts)),
		"Total", ui.Number(v.Total), "Failed", ui.Number(v.Counts.Failed))
}

// memberNote says what a batch of a group waits for, "" for nothing.
func memberNote(ctx context.Context, m View) string {
	switch {
	case m.State.Ended():
		return ""
	case m.State == store.StateInterrupted:
		return interruptedNote(ctx, m.View)
	case m.State == store.StateProposed:
		if m.Approval == nil || !m.Approval.Changed {
			return "" // the state says it
		}
		return approvalWords(ctx, m.View)
	case waits(m.View):
		return ui.T(ctx, "schedule_begins") + " " + ui.PointText(ctx, m.Schedule.At)
	case m.Gate != nil:
		return ui.T(ctx, "group_gate")
	case m.Drain != nil && m.Drain.Blocked > 0:
		return ui.N(ctx, "group_blocked", m.Drain.Blocked)
	case m.Full != nil:
		return roomWords(ctx, *m.Full)
	case turning(m.View):
		return ui.N(ctx, "panel_turn", m.Counts.Waiting) + " " + cmp.Or(m.WaitsFor...)
	default:
		return ""
	}
}
