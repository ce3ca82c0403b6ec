package saved

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
	"kube-node-manager/services/store/storetest"
)

// world is a service with users of each role.
type world struct {
	*Service
	as map[string]context.Context // by name
}

func newWorld(t *testing.T) world {
	t.Helper()
	st, err := storetest.Open(t, t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close(context.WithoutCancel(t.Context()))) })
	w := world{New(st), map[string]context.Context{}}
	for name, role := range map[string]services.Role{
		"admin": services.RoleAdmin, "ann": services.RoleUser, "bob": services.RoleUser, "vera": services.RoleViewer,
		"none": services.RoleNone,
	} {
		id, err := st.InsertUser(t.Context(), store.User{Name: name, Role: role, PasswordHash: "x"})
		require.NoError(t, err)
		actor := services.Actor{ID: id, Name: name, Role: role}
		w.as[name] = services.WithActor(t.Context(), actor)
		actor.Token = true
		w.as[name+"'s token"] = services.WithActor(t.Context(), actor)
	}
	w.as["nobody"] = t.Context()
	return w
}

func (w world) save(t *testing.T, who, name string, shared bool) View {
	t.Helper()
	v, err := w.Save(w.as[who], Draft{Name: name, Query: "zone=a", Shared: shared}, false)
	require.NoError(t, err)
	return v
}

func TestSave(t *testing.T) {
	w := newWorld(t)
	v := w.save(t, "vera", "  gpu  ", false)
	require.Equal(t, "gpu", v.Name)
	require.True(t, v.Own && v.MayChange && !v.Shared)
	_, err := w.Save(w.as["vera"], Draft{Name: "GPU"}, false)
	require.Equal(t, "error_view_taken", services.AsError(err).Fields[0].Text)
	again, err := w.Save(w.as["vera"], Draft{Name: "GPU", Query: ""}, true)
	require.NoError(t, err)
	require.Equal(t, []any{v.ID, "GPU", ""}, []any{again.ID, again.Name, again.Query})
	kept, err := w.Update(w.as["vera"], w.save(t, "vera", "b", false).ID, Draft{Name: "c", KeepQuery: true})
	require.NoError(t, err)
	require.Equal(t, "zone=a", kept.Query)
	_, err = w.View(w.as["ann"], v.ID)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err), "it is personal")
	_, err = w.Delete(w.as["admin"], v.ID)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err), "also for an administrator")
}

// A shared view is seen by all, and changed by who shared it and by administrators.
func TestShare(t *testing.T) {
	w := newWorld(t)
	v := w.save(t, "ann", "night shift", true)
	for who, may := range map[string]bool{"ann": true, "admin": true, "bob": false, "vera": false, "ann's token": true} {
		seen, err := w.View(w.as[who], v.ID)
		require.NoError(t, err)
		require.Equal(t, may, seen.MayChange, who)
		_, err = w.Update(w.as[who], v.ID, Draft{Name: "night shift", KeepQuery: true, Shared: true})
		if may {
			require.NoError(t, err, who)
			continue
		}
		require.Equal(t, services.CodeForbidden, services.CodeOf(err), who)
		_, err = w.Delete(w.as[who], v.ID)
		require.Equal(t, services.CodeForbidden, services.CodeOf(err), who)
	}
	_, err := w.Save(w.as["bob"], Draft{Name: "Night Shift", Shared: true}, true)
	require.Equal(t, services.CodeForbidden, services.CodeOf(err), "another's view is not replaced")
	_, err = w.Save(w.as["vera"], Draft{Name: "x", Shared: true}, false)
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
}

// Denied by default: nothing without a cluster that they see, nor by a read-only token.
func TestRights(t *testing.T) {
	w := newWorld(t)
	for who, sees := range map[string]bool{"nobody": false, "none": false, "vera's token": true} {
		ctx := w.as[who]
		_, listErr := w.Views(ctx)
		_, searchesErr := w.Searches(ctx)
		require.Equal(t, sees, listErr == nil && searchesErr == nil, who)
		_, saveErr := w.Save(ctx, Draft{Name: "x"}, false)
		_, updateErr := w.Update(ctx, 1, Draft{Name: "x"})
		_, deleteErr := w.Delete(ctx, 1)
		for _, err := range []error{saveErr, updateErr, deleteErr, w.KeepSearch(ctx, "x"), w.ForgetSearches(ctx, "")} {
			require.Equal(t, services.CodeForbidden, services.CodeOf(err), who)
		}
	}
}

func TestDraft_refused(t *testing.T) {
	w := newWorld(t)
	for want, d := range map[string]Draft{
		"name error_view_name":   {Name: " "},
		"name error_text":        {Name: "a\x00"},
		"query error_text":       {Name: "a", Query: "\xff"},
		"query error_view_query": {Name: "a", Query: strings.Repeat("x", MaxQuery+1)},
	} {
		_, err := w.Save(w.as["ann"], d, false)
		require.Equal(t, services.CodeInvalid, services.CodeOf(err))
		wrong := services.AsError(err).Fields[0]
		require.Equal(t, want, wrong.Field+" "+wrong.Text)
	}
}

func TestSearches(t *testing.T) {
	w := newWorld(t)
	ctx := w.as["vera"]
	for _, text := range []string{"zone:a", " ", "b\x00", strings.Repeat("x", MaxSearch+1), " cpu>80% "} {
		require.NoError(t, w.KeepSearch(ctx, text))
	}
	searches, err := w.Searches(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"cpu>80%", "zone:a"}, searches)
	require.NoError(t, w.ForgetSearches(ctx, "zone:a"))
	searches, err = w.Searches(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"cpu>80%"}, searches)
}
