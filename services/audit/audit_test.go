package audit

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
	"kube-node-manager/services/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func newTest(t testing.TB, keep Keep) (*Service, *store.Store) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	st, err := storetest.Open(t, t.Context(), t.TempDir(), log)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close(context.WithoutCancel(t.Context()))) })
	return New(st, log, keep, func() time.Time { return noon }), st
}

func as(t testing.TB, id int64, name string, role services.Role) context.Context {
	return services.WithActor(t.Context(), services.Actor{ID: id, Name: name, Role: role})
}

func note(t testing.TB, st *store.Store, e Entry) {
	t.Helper()
	require.NoError(t, st.Note(t.Context(), e))
}

// objects returns the objects of the listed entries, newest first.
func objects(t *testing.T, s *Service, ctx context.Context, q Query) string {
	t.Helper()
	page, err := s.List(ctx, q)
	require.NoError(t, err)
	names := make([]string, len(page.Items))
	for i, e := range page.Items {
		names[i] = e.Object
	}
	return strings.Join(names, " ")
}

func TestList_roles(t *testing.T) {
	s, st := newTest(t, Keep{})
	note(t, st, Entry{ActorID: 1, Actor: "ada", Action: store.ActionBatchCreate, Object: "ada's"})
	note(t, st, Entry{ActorID: 2, Actor: "bob", Action: store.ActionBatchCreate, Object: "bob's"})
	note(t, st, Entry{ActorID: 2, Actor: "bob", Action: store.ActionLogin, Object: "bob"})
	note(t, st, Entry{Actor: CommandLine, Action: store.ActionUserPassword, Object: "of-bob"})
	note(t, st, Entry{Action: store.ActionLoginFailed, Result: store.ResultRefused, Object: "nobody"})

	require.Equal(t, "nobody of-bob bob bob's ada's", objects(t, s, as(t, 1, "ada", services.RoleAdmin), Query{}))
	require.Equal(t, "bob bob's", objects(t, s, as(t, 2, "bob", services.RoleUser), Query{}))
	require.Equal(t, "bob", objects(t, s, as(t, 2, "bob", services.RoleViewer), Query{}))
	require.Empty(t, objects(t, s, as(t, 2, "bob", services.RoleUser), Query{Actor: "ada"}),
		"a filter does not show more")
	require.Empty(t, objects(t, s, as(t, 2, "bob", services.RoleViewer), Query{Action: "batch.create"}))
	require.Empty(t, objects(t, s, as(t, 2, "eve", services.RoleUser), Query{}), "a new user with an id of an old one")
	require.Empty(t, objects(t, s, as(t, 3, "bob", services.RoleUser), Query{}))

	for name, ctx := range map[string]context.Context{
		"no actor":      t.Context(),
		"no role":       as(t, 2, "bob", ""),
		"unknown role":  as(t, 2, "bob", "king"),
		"not signed in": as(t, 0, "", services.RoleUser),
	} {
		_, err := s.List(ctx, Query{})
		require.Equal(t, services.CodeForbidden, services.CodeOf(err), name)
		_, err = s.All(ctx, Query{})
		require.Equal(t, services.CodeForbidden, services.CodeOf(err), name)
	}
	err := s.Export(t.Context(), store.ActionNodesExport, "prod", "")
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
}

func TestList_pages(t *testing.T) {
	s, st := newTest(t, Keep{})
	for i := range 2*PageSize + 1 {
		note(t, st, Entry{ActorID: 1, Actor: "ada", Action: store.ActionLogin, Object: fmt.Sprint(i)})
	}
	admin := as(t, 1, "ada", services.RoleAdmin)
	var q Query
	for i, want := range []int{PageSize, PageSize, 1} {
		page, err := s.List(admin, q)
		require.NoError(t, err)
		require.Len(t, page.Items, want)
		require.Equal(t, i < 2, page.Older > 0)
		q.Before = page.Older
		// A new entry does not move the pages.
		note(t, st, Entry{ActorID: 1, Actor: "ada", Action: store.ActionLogin, Object: "later"})
	}
	page, err := s.List(admin, Query{Before: 1})
	require.NoError(t, err)
	require.Empty(t, page.Items)
}

func TestAll(t *testing.T) {
	s, st := newTest(t, Keep{})
	for i := range chunkSize + 10 {
		note(t, st, Entry{ActorID: 2, Actor: "bob", Action: store.ActionNodesExport, Object: fmt.Sprint(i)})
	}
	note(t, st, Entry{ActorID: 1, Actor: "ada", Action: store.ActionNodesExport})
	all, err := s.All(as(t, 2, "bob", services.RoleUser), Query{Action: "nodes.export"})
	require.NoError(t, err)
	seen := 0
	for e, err := range all {
		require.NoError(t, err)
		require.Equal(t, "bob", e.Actor)
		seen++
	}
	require.Equal(t, chunkSize+10, seen)
	page, err := s.List(as(t, 1, "ada", services.RoleAdmin), Query{Action: "audit.export"})
	require.NoError(t, err)
	require.Equal(t, "bob", page.Items[0].Actor)

	ctx, cancel := context.WithCancel(as(t, 2, "bob", services.RoleUser))
	all, err = s.All(ctx, Query{})
	require.NoError(t, err)
	cancel()
	for _, err := range all {
		require.ErrorIs(t, err, context.Canceled)
	}
}

func TestList_wrongFilters(t *testing.T) {
	s, st := newTest(t, Keep{})
	note(t, st, Entry{At: noon, ActorID: 1, Actor: "ada", Action: store.ActionLogin, Object: "x"})
	admin := as(t, 1, "ada", services.RoleAdmin)
	long := strings.Repeat("长", services.MaxFilter)
	_, err := s.List(admin, Query{
		Actor: long + "x", Object: "\x00", Cluster: "\xff", Text: long + "x",
		Action: "dance", Result: "good", From: "yesterday", To: "2026-13-01",
	})
	require.Equal(t, services.CodeInvalid, services.CodeOf(err))
	got := map[string]string{}
	for _, f := range services.AsError(err).Fields {
		got[f.Field] = f.Text
	}
	require.Equal(t, map[string]string{
		"actor": "error_long", "object": "error_text", "cluster": "error_text", "q": "error_long",
		"action": "error_choice", "result": "error_choice", "from": "error_day", "to": "error_day",
	}, got)

	require.Empty(t, objects(t, s, admin, Query{Text: long}))
	for q, want := range map[Query]string{
		{From: "2026-11-23", To: "2026-11-23"}: "x",
		{From: "2026-11-24"}:                   "",
		{To: "2026-11-22"}:                     "",
		{From: "2026-11-23T13:00:00+01:00"}:    "x",
		{To: "2026-11-23T12:00:00Z"}:           "x",
		{To: "2026-11-23T11:59:59Z"}:           "",
		{From: "0001-01-01", To: "9999-12-31"}: "x",
		{From: "2026-11-24", To: "2026-11-22"}: "",
	} {
		require.Equal(t, want, objects(t, s, admin, q), "%+v", q)
	}
}

func FuzzList(f *testing.F) {
	f.Add("ada", "login", "prod", "x", "ok", "2026-11-23", "2026-11-24", "100%", int64(3))
	f.Add("'; DROP TABLE audit; --", "\x00", "\\", "%", "refused", "0000-00-00", "9999-12-31T23:59:59Z", `\`, int64(-1))
	s, st := newTest(f, Keep{})
	note(f, st, Entry{ActorID: 1, Actor: "ada", Action: store.ActionLogin, Object: "x"})
	f.Fuzz(func(t *testing.T, actor, action, cluster, object, result, from, to, text string, before int64) {
		_, err := s.List(as(t, 1, "ada", services.RoleAdmin), Query{
			Actor: actor, Action: action, Cluster: cluster, Object: object, Result: result,
			From: from, To: to, Text: text, Before: before,
		})
		if err != nil {
			require.Equal(t, services.CodeInvalid, services.CodeOf(err))
		}
	})
}

func TestPurge(t *testing.T) {
	s, st := newTest(t, Keep{Batches: 30, Audit: 90})
	for _, days := range []int{100, 91, 90, 89, 1} {
		note(t, st, Entry{At: noon.AddDate(0, 0, -days), Action: store.ActionLogin, Object: fmt.Sprint(days)})
	}
	for _, days := range []int{31, 30, 29} {
		ended := noon.AddDate(0, 0, -days)
		b := store.Batch{ID: fmt.Sprint("b", days), Params: []byte("{}"), State: store.StateRunning, CreatedAt: ended}
		require.NoError(t, st.InsertBatch(t.Context(), b, nil))
		b.State, b.EndedAt = store.StateSucceeded, &ended
		require.NoError(t, st.SetBatch(t.Context(), b))
	}
	gone, err := s.Purge(t.Context())
	require.NoError(t, err)
	require.Equal(t, store.Purged{Batches: 1, Entries: 2}, gone)
	admin := as(t, 1, "ada", services.RoleAdmin)
	require.Equal(t, "1 89 90", objects(t, s, admin, Query{Action: "login"}))
	page, err := s.List(admin, Query{Action: "retention"})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Contains(t, string(page.Items[0].After), `"batches":1`)
	require.Contains(t, string(page.Items[0].After), `"entries":2`)
	gone, err = s.Purge(t.Context())
	require.NoError(t, err)
	require.False(t, gone.Any())
}

func TestRun_deletesNothingIfAllIsKept(t *testing.T) {
	s, st := newTest(t, Keep{})
	note(t, st, Entry{At: noon.AddDate(-50, 0, 0), Action: store.ActionLogin, Object: "x"})
	s.Run(t.Context()) // returns at once
	require.Equal(t, "x", objects(t, s, as(t, 1, "ada", services.RoleAdmin), Query{}))
}

// Once at the start, then every day, until the context ends.
func TestRun_daily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		begin, times := time.Now(), []time.Duration{}
		go everyDay(ctx, func() { times = append(times, time.Since(begin)) })
		time.Sleep(50 * time.Hour)
		cancel()
		synctest.Wait()
		require.Equal(t, []time.Duration{0, purgeEvery, 2 * purgeEvery}, times)
	})
}
