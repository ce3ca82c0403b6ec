package batches_test

import (
	"testing"

	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/viewstest"
)

// groupIn returns a group whose batches have these states.
func groupIn(states ...store.State) batches.Group {
	var members []batch.View
	for i, state := range states {
		v := viewstest.Batch(state).View
		v.ID, v.Cluster = "b1-0"+string(rune('1'+i)), []string{"prod", viewstest.OddCluster, "edge"}[i]
		members = append(members, v)
	}
	return batches.NewGroup(members, services.Actor{Role: services.RoleAdmin})
}

func groupPages() map[string]templ.Component {
	f, g := viewstest.Frame(), groupIn(store.StateRunning, store.StatePartial, store.StateInterrupted)
	page := batch.Page{Query: batch.Query{Group: g.ID}, Items: []batch.View{g.Members[0].View, g.Members[1].View}}
	docked := viewstest.Frame()
	docked.Dock = batches.GroupDock(g)
	return map[string]templ.Component{
		"group of batches":  batches.ListPage(f, batches.ListView{Page: page, Group: &g, Now: viewstest.Noon}),
		"group in the dock": batches.ListPage(docked, batches.ListView{}),
	}
}

func TestGroup_isOnePanel(t *testing.T) {
	for state, states := range map[store.State][]store.State{
		store.StateRunning:     {store.StateSucceeded, store.StateRunning, store.StateInterrupted},
		store.StateInterrupted: {store.StateSucceeded, store.StateInterrupted},
		store.StatePartial:     {store.StateSucceeded, store.StateFailed},
		store.StateFailed:      {store.StateFailed, store.StateFailed},
		store.StateSucceeded:   {store.StateSucceeded, store.StateSucceeded},
	} {
		g := groupIn(states...)
		require.Equal(t, "b1-all", g.ID)
		panel := viewstest.Document(t, viewstest.Render(t, "en", batches.GroupPanel(g))).Find(".panel")
		require.Equal(t, string(state), panel.AttrOr("data-state", ""))
		require.Equal(t, g.ID, panel.AttrOr("data-batch", ""))
		require.Equal(t, len(states), panel.Find(".group-members li").Length())
		require.Equal(t, !state.Ended(), panel.Find("#batch-cancel").Length() == 1)
	}
	answer := groupIn(store.StateSucceeded, store.StateSucceeded)
	answer.IdempotencyKey, answer.Acted = "next", []string{"prod/a"}
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.GroupAnswer(answer)))
	require.Contains(t, doc.Find("#dock-title").Text(), "480 nodes in 2 clusters")
	require.Equal(t, "/batches?group=b1-all", doc.Find("#dock-title a").AttrOr("href", ""))
	require.Equal(t, "prod/a", doc.Find("#acted").AttrOr("data-names", ""))
}
