package store

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

func someLimits() ViewLimits { return ViewLimits{Own: 3, Shared: 2} }

func allowAll(View) error { return nil }

func viewNames(t *testing.T, s *Store, user int64) (names []string) {
	t.Helper()
	views, err := s.Views(t.Context(), user)
	require.NoError(t, err)
	for _, v := range views {
		names = append(names, v.Name)
	}
	return names
}

func saveView(t *testing.T, s *Store, user int64, name string, shared bool) View {
	t.Helper()
	v, err := s.InsertView(t.Context(), View{UserID: user, Owner: "ann", Name: name, Query: "q=" + name, Shared: shared},
		someLimits())
	require.NoError(t, err)
	return v
}

func TestViews(t *testing.T) {
	s := openTest(t)
	ann, bob := addUser(t, s, "ann"), addUser(t, s, "bob")
	saveView(t, s, ann, "mine", false)
	all := saveView(t, s, ann, "all", true)
	saveView(t, s, bob, "MINE", false)
	require.Equal(t, []string{"mine", "all"}, viewNames(t, s, ann))
	require.Equal(t, []string{"MINE", "all"}, viewNames(t, s, bob))

	every := View{ID: all.ID, Name: "every", Query: "x=1", Shared: true}
	changed, err := s.UpdateView(t.Context(), every, someLimits(), allowAll)
	require.NoError(t, err)
	require.Equal(t, "ann", changed.Owner)
	require.True(t, changed.UpdatedAt.After(all.UpdatedAt))
	no := services.NewError(services.CodeForbidden, "error_role")
	refuse := func(old View) error {
		require.Equal(t, "every", old.Name)
		return no
	}
	_, err = s.UpdateView(t.Context(), View{ID: all.ID, Name: "x"}, someLimits(), refuse)
	require.ErrorIs(t, err, no)
	_, err = s.DeleteView(t.Context(), all.ID, refuse)
	require.ErrorIs(t, err, no)
	gone, err := s.DeleteView(t.Context(), all.ID, allowAll)
	require.NoError(t, err)
	require.Equal(t, changed, gone)
	_, err = s.View(t.Context(), all.ID)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
}

// Only what concerns others is in the audit log.
func TestViews_audit(t *testing.T) {
	s := openTest(t)
	ann := addUser(t, s, "ann")
	v := saveView(t, s, ann, "v", false)
	for _, shared := range []bool{false, true, true, false} {
		_, err := s.UpdateView(t.Context(), View{ID: v.ID, Name: "v", Shared: shared}, someLimits(), allowAll)
		require.NoError(t, err)
	}
	saveView(t, s, ann, "w", true)
	for _, id := range []int64{v.ID, v.ID + 1} {
		_, err := s.DeleteView(t.Context(), id, allowAll)
		require.NoError(t, err)
	}
	log, err := s.Entries(t.Context(), EntryQuery{Limit: 100})
	require.NoError(t, err)
	var actions []string
	for _, e := range log {
		if e.Object == "v" || e.Object == "w" {
			actions = append(actions, string(e.Action)+" "+e.Object)
		}
	}
	require.Equal(t, []string{
		"view.delete w", "view.share w", "view.unshare v", "view.update v", "view.share v",
	}, actions)
}

func TestViews_namesAndLimits(t *testing.T) {
	s := openTest(t)
	ann, bob := addUser(t, s, "ann"), addUser(t, s, "bob")
	refused := func(user int64, name string, shared bool, text string) {
		t.Helper()
		_, err := s.InsertView(t.Context(), View{UserID: user, Owner: "x", Name: name, Shared: shared}, someLimits())
		require.Equal(t, services.CodeInvalid, services.CodeOf(err))
		require.Equal(t, text, services.AsError(err).Fields[0].Text)
	}
	saveView(t, s, ann, "a", false)
	refused(ann, "A", false, "error_view_taken")
	saveView(t, s, ann, "A", true) // personal and shared names do not meet
	refused(bob, "a", true, "error_view_taken")
	saveView(t, s, bob, "b", true)
	refused(bob, "c", true, "error_views_shared")
	third := saveView(t, s, ann, "c", false)
	refused(ann, "d", false, "error_views_own")
	_, err := s.UpdateView(t.Context(), View{ID: third.ID, Name: "c", Shared: true}, someLimits(), allowAll)
	require.Equal(t, "error_views_shared", services.AsError(err).Fields[0].Text)
	_, err = s.UpdateView(t.Context(), View{ID: third.ID, Name: "renamed"}, someLimits(), allowAll)
	require.NoError(t, err, "a full list can be changed")
}

// A shared view outlives its user, a personal one does not.
func TestViews_ofADeletedUser(t *testing.T) {
	s := openTest(t)
	ann, bob := addUser(t, s, "ann"), addUser(t, s, "bob")
	saveView(t, s, ann, "mine", false)
	shared := saveView(t, s, ann, "all", true)
	require.NoError(t, s.KeepSearch(t.Context(), ann, "x", 3))
	_, err := s.DeleteUser(t.Context(), ann)
	require.NoError(t, err)
	require.Equal(t, []string{"all"}, viewNames(t, s, bob))
	left, err := s.View(t.Context(), shared.ID)
	require.NoError(t, err)
	require.Zero(t, left.UserID)
	require.Equal(t, "ann", left.Owner)
	require.Zero(t, countRows(t, s, `searches`))
}

func TestSearches(t *testing.T) {
	s := openTest(t)
	ann, bob := addUser(t, s, "ann"), addUser(t, s, "bob")
	for i := range 5 {
		require.NoError(t, s.KeepSearch(t.Context(), ann, fmt.Sprint(i), 3))
	}
	require.NoError(t, s.KeepSearch(t.Context(), ann, "2", 3))
	require.NoError(t, s.KeepSearch(t.Context(), bob, "b", 3))
	all := func(user int64) []string {
		searches, err := s.Searches(t.Context(), user)
		require.NoError(t, err)
		return searches
	}
	require.Equal(t, []string{"2", "4", "3"}, all(ann))
	require.NoError(t, s.ForgetSearches(t.Context(), ann, "4"))
	require.Equal(t, []string{"2", "3"}, all(ann))
	require.NoError(t, s.ForgetSearches(t.Context(), ann, ""))
	require.Empty(t, all(ann))
	require.Equal(t, []string{"b"}, all(bob))
}

// The users of an earlier database have no views, and can save some.
func TestOpen_schemaBeforeViews(t *testing.T) {
	s := openEarlier(t)
	require.Empty(t, viewNames(t, s, 2))
	saveView(t, s, 2, "mine", false)
	saveView(t, s, 1, "all", true)
	require.Equal(t, []string{"mine", "all"}, viewNames(t, s, 2))
	require.NoError(t, s.KeepSearch(t.Context(), 3, "zone:a", 10))
	require.Zero(t, countRows(t, s, `pragma_foreign_key_check`))
}
