package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

// auditClock is when the entries of a test are written.
var auditClock = time.Date(2026, 11, 23, 4, 5, 6, 0, time.UTC)

// asAda gives the context of somebody who has signed in.
func asAda(t *testing.T) context.Context {
	return services.WithActor(t.Context(), services.Actor{ID: 7, Name: "ada", Role: services.RoleAdmin, Address: "192.0.2.1", RequestID: "R"})
}

func openAudit(t *testing.T) *Store {
	t.Helper()
	s := openTest(t)
	s.now = func() time.Time { return auditClock }
	return s
}

// entries gives all entries, oldest first.
func entries(t *testing.T, s *Store) []Entry {
	t.Helper()
	found, err := s.Entries(t.Context(), EntryQuery{Limit: 1000})
	require.NoError(t, err)
	for i, j := 0, len(found)-1; i < j; i, j = i+1, j-1 {
		found[i], found[j] = found[j], found[i]
	}
	return found
}

// last gives the newest entry without its number and time.
func last(t *testing.T, s *Store) Entry {
	t.Helper()
	all := entries(t, s)
	require.NotEmpty(t, all)
	e := all[len(all)-1]
	require.Equal(t, auditClock, e.At)
	require.Positive(t, e.ID)
	e.ID, e.At = 0, time.Time{}
	return e
}

func aBatch(id string) Batch {
	return Batch{
		ID: id, Cluster: "prod", Operation: "cordon", Params: json.RawMessage(`{"a":1}`), Reason: "kernel", ActorID: 7, By: "ada",
		Address: "192.0.2.1", RequestID: "R", State: StateRunning, CreatedAt: auditClock, Total: 2,
	}
}

func insertBatch(t *testing.T, s *Store, b Batch) {
	t.Helper()
	require.NoError(t, s.InsertBatch(t.Context(), b, []Item{{Node: "a", State: ItemSucceeded}, {Seq: 1, Node: "b", State: ItemFailed}}))
}

// endBatch ends a batch at a moment.
func endBatch(t *testing.T, s *Store, b Batch, state State, at time.Time) {
	t.Helper()
	b.State, b.EndedAt = state, &at
	require.NoError(t, s.SetBatch(t.Context(), b))
}

func TestAudit_cannotBeChanged(t *testing.T) {
	s := openAudit(t)
	require.NoError(t, s.Note(asAda(t), Entry{Action: ActionLogout, Object: "ada"}))
	want := entries(t, s)
	for _, query := range []string{
		`UPDATE audit SET actor = 'bob'`, `UPDATE audit SET id = id`, `UPDATE OR IGNORE audit SET at = 0`, `UPDATE OR REPLACE audit SET at = 0`,
		`DELETE FROM audit`, `DELETE FROM audit WHERE id = 1`,
		`INSERT OR REPLACE INTO audit (id, at, action, result) VALUES (1, 0, 'x', 'ok')`,
		`REPLACE INTO audit SELECT * FROM audit`,
		`INSERT INTO audit (id, at, action, result) VALUES (1, 0, 'x', 'ok') ON CONFLICT DO UPDATE SET actor = 'bob'`,
	} {
		_, err := s.w.ExecContext(t.Context(), query)
		require.ErrorContains(t, err, "append-only", query)
	}
	_, err := s.w.ExecContext(t.Context(), `INSERT OR REPLACE INTO audit (at, action, result) VALUES (0, 'x', 'well')`)
	require.Error(t, err, "no such result")
	require.Equal(t, want, entries(t, s))

	// Without the row that gives leave nothing may go either.
	_, err = s.w.ExecContext(t.Context(), `DELETE FROM audit_retention`)
	require.NoError(t, err)
	_, err = s.w.ExecContext(t.Context(), `DELETE FROM audit`)
	require.ErrorContains(t, err, "append-only")
	_, err = s.w.ExecContext(t.Context(), `INSERT INTO audit_retention (id, before) VALUES (2, 1)`)
	require.Error(t, err, "there is one row")
}

func TestAudit_leaveEndsWithTheTransaction(t *testing.T) {
	s := openAudit(t)
	require.NoError(t, s.Note(asAda(t), Entry{At: auditClock.AddDate(0, 0, -9), Action: ActionLogout}))
	_, err := s.Purge(t.Context(), Retention{Audit: auditClock.AddDate(0, 0, -10), At: auditClock})
	require.NoError(t, err)
	var before int64
	require.NoError(t, s.r.QueryRowContext(t.Context(), `SELECT before FROM audit_retention`).Scan(&before))
	require.Zero(t, before)
	_, err = s.w.ExecContext(t.Context(), `DELETE FROM audit`)
	require.ErrorContains(t, err, "append-only")
	require.Len(t, entries(t, s), 1, "nothing was old, and that is no news")
}

func TestAudit_users(t *testing.T) {
	s := openAudit(t)
	ada := func(e Entry) Entry {
		e.ActorID, e.Actor, e.Address, e.RequestID, e.Result = 7, "ada", "192.0.2.1", "R", ResultOK
		return e
	}
	id, err := s.InsertUser(asAda(t), User{Name: "bob", PasswordHash: "h", Role: services.RoleUser, CreatedAt: auditClock})
	require.NoError(t, err)
	require.Equal(t, ada(Entry{Action: ActionUserCreate, Object: "bob", After: json.RawMessage(`{"role":"user"}`)}), last(t, s))
	require.NoError(t, second(s.SetPassword(asAda(t), id, "other")))
	require.Equal(t, ada(Entry{Action: ActionUserPassword, Object: "bob", After: json.RawMessage(`{"tokens":0}`)}), last(t, s))
	token, err := s.InsertToken(asAda(t), Token{UserID: id, Name: "ci", Hash: []byte("x"), CreatedAt: auditClock})
	require.NoError(t, err)
	require.Equal(t, ada(Entry{Action: ActionTokenCreate, Object: "ci", After: json.RawMessage(fmt.Sprintf(`{"id":%d,"user":"bob"}`, token))}), last(t, s))

	// A sign-in is that of the user, whom the context does not know yet.
	somewhere := services.WithActor(t.Context(), services.Actor{Address: "192.0.2.9", RequestID: "S"})
	bob := Entry{ActorID: id, Actor: "bob", Address: "192.0.2.9", RequestID: "S", Object: "bob", Action: ActionLogin, Result: ResultOK}
	require.NoError(t, s.EndSignIn(somewhere, id, auditClock))
	require.Equal(t, bob, last(t, s))
	bob.Action, bob.Result, bob.After = ActionLoginFailed, ResultRefused, json.RawMessage(`{"why":"password"}`)
	require.NoError(t, s.RefuseSignIn(somewhere, User{ID: id, Name: "bob"}, RefusedPassword))
	require.Equal(t, bob, last(t, s))
	require.NoError(t, s.RefuseSignIn(somewhere, User{}, RefusedUnknown))
	require.Equal(t, Entry{Address: "192.0.2.9", RequestID: "S", Action: ActionLoginFailed, Result: ResultRefused, After: json.RawMessage(`{"why":"unknown"}`)}, last(t, s))
}

func TestAudit_firstAdmin(t *testing.T) {
	s := openAudit(t)
	id, err := s.InsertFirstAdmin(t.Context(), User{Name: "ada", PasswordHash: "h", Role: services.RoleAdmin, CreatedAt: auditClock}, "setup")
	require.NoError(t, err)
	require.Equal(t, Entry{ActorID: id, Actor: "ada", Action: ActionSetup, Object: "ada", After: json.RawMessage(`{"role":"admin"}`), Result: ResultOK}, last(t, s))
}

func TestAudit_batches(t *testing.T) {
	s := openAudit(t)
	b := aBatch("b1")
	insertBatch(t, s, b)
	about := Entry{ActorID: 7, Actor: "ada", Address: "192.0.2.1", RequestID: "R", Cluster: "prod", Object: "b1", Kept: true, Result: ResultOK}
	want := about
	want.Action, want.Reason, want.After = ActionBatchCreate, "kernel", json.RawMessage(`{"operation":"cordon","params":{"a":1},"total":2}`)
	require.Equal(t, want, last(t, s))

	want = about
	want.Action, want.After = ActionBatchPause, json.RawMessage(`{"operation":"cordon","total":2}`)
	require.NoError(t, s.SetPaused(asAda(t), "b1", true))
	require.Equal(t, want, last(t, s))
	want.Action = ActionBatchResume
	require.NoError(t, s.SetPaused(asAda(t), "b1", false))
	require.Equal(t, want, last(t, s))
	require.NoError(t, s.NoteControl(asAda(t), b, ActionBatchResume))
	require.Equal(t, want, last(t, s))
	want.Action = ActionBatchCancel
	for range 2 {
		require.NoError(t, s.RequestCancel(asAda(t), "b1"))
		require.Equal(t, want, last(t, s))
	}
	require.Len(t, entries(t, s), 5, "the second cancel is none")

	b.State = StateInterrupted
	require.NoError(t, s.SetBatch(t.Context(), b))
	require.Len(t, entries(t, s), 5)
	for range 2 { // whose answer was lost is stored again
		endBatch(t, s, b, StatePartial, auditClock)
	}
	want = about
	want.Action, want.Reason, want.Result = ActionBatchEnd, "kernel", ResultPartial
	want.After = json.RawMessage(`{"counts":{"pending":0,"running":0,"waiting":0,"succeeded":1,"unchanged":0,"failed":1,"skipped":0,"cancelled":0},"operation":"cordon","state":"partial","total":2}`)
	require.Equal(t, want, last(t, s))
	require.Len(t, entries(t, s), 6, "it has one end")
}

func TestAudit_templates(t *testing.T) {
	s := openAudit(t)
	made, err := s.InsertTemplate(asAda(t), aTemplate("labels", "gpu"))
	require.NoError(t, err)
	created := last(t, s)
	require.Equal(t, ActionTemplateCreate, created.Action)
	require.Equal(t, "gpu", created.Object)
	require.Contains(t, string(created.After), `"name":"gpu"`)
	changed := made
	changed.Name = "cpu"
	_, err = s.UpdateTemplate(asAda(t), changed, time.Time{})
	require.NoError(t, err)
	updated := last(t, s)
	require.Equal(t, ActionTemplateUpdate, updated.Action)
	require.JSONEq(t, string(created.After), string(updated.Before))
	require.Contains(t, string(updated.After), `"name":"cpu"`)

	_, err = s.SaveTemplates(asAda(t), []Template{aTemplate("labels", "CPU"), aTemplate("labels", "new")}, true)
	require.NoError(t, err)
	all := entries(t, s)
	var actions []Action
	for _, e := range all[2:] {
		actions = append(actions, e.Action)
	}
	require.Equal(t, []Action{ActionTemplateUpdate, ActionTemplateCreate, ActionTemplateImport}, actions)
	require.JSONEq(t, string(updated.After), string(all[2].Before), "what was replaced is on record")

	_, err = s.DeleteTemplate(asAda(t), "labels", made.ID)
	require.NoError(t, err)
	require.Equal(t, ActionTemplateDelete, last(t, s).Action)
	require.Contains(t, string(last(t, s).Before), `"name":"CPU"`)
}

// What is not done is not on record, and what is not on record is not done.
func TestAudit_sameTransaction(t *testing.T) {
	s := openAudit(t)
	id := addUser(t, s, "ada")
	insertBatch(t, s, aBatch("b1"))
	made, err := s.InsertTemplate(t.Context(), aTemplate("labels", "taken"))
	require.NoError(t, err)
	_, err = s.InsertToken(t.Context(), Token{UserID: id, Name: "a", Hash: []byte("x")})
	require.NoError(t, err)
	before := entries(t, s)

	other := made
	other.ID = 99
	for name, try := range map[string]func() error{
		"a user": func() error {
			return second(s.InsertUser(t.Context(), User{Name: "ADA", PasswordHash: "x", Role: services.RoleUser}))
		},
		"first user": func() error {
			return second(s.InsertFirstAdmin(t.Context(), User{Name: "ADA", PasswordHash: "x", Role: services.RoleAdmin}, "k"))
		},
		"password": func() error { return second(s.SetPassword(t.Context(), 99, "x")) },
		"disable":  func() error { return second(s.SetDisabled(t.Context(), 99, true)) },
		"enable":   func() error { return second(s.SetDisabled(t.Context(), id, false)) },
		"role":     func() error { return second(s.SetRole(t.Context(), id, services.RoleUser)) },
		"leave":    func() error { return second(s.DeleteUser(t.Context(), 99)) },
		"revoke":   func() error { return second(s.RevokeTokens(t.Context(), []int64{1, 99})) },
		"sign-in":  func() error { return s.EndSignIn(t.Context(), 99, auditClock) },
		"token": func() error {
			return second(s.InsertToken(t.Context(), Token{UserID: id, Name: "b", Hash: []byte("x")}))
		},
		"batch":    func() error { return s.InsertBatch(t.Context(), aBatch("b1"), nil) },
		"items":    func() error { return s.InsertBatch(t.Context(), aBatch("b2"), []Item{{State: "odd"}}) },
		"pause":    func() error { return s.SetPaused(t.Context(), "none", true) },
		"template": func() error { return second(s.InsertTemplate(t.Context(), aTemplate("labels", "TAKEN"))) },
		"update":   func() error { return second(s.UpdateTemplate(t.Context(), other, time.Time{})) },
		"delete":   func() error { return second(s.DeleteTemplate(t.Context(), "labels", 99)) },
	} {
		require.Error(t, try(), name)
	}
	saved, err := s.SaveTemplates(t.Context(), []Template{aTemplate("labels", "new"), aTemplate("labels", "taken")}, false)
	require.NoError(t, err)
	require.Equal(t, []Saved{SavedNew, NotSaved}, saved)
	require.Equal(t, before, entries(t, s))

	// The other way round: an audit log that cannot be written stops the change.
	_, err = s.w.ExecContext(t.Context(), `CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END`)
	require.NoError(t, err)
	ended := aBatch("b1")
	ended.State, ended.EndedAt = StateSucceeded, &auditClock
	for name, try := range map[string]func() error{
		"user": func() error {
			return second(s.InsertUser(t.Context(), User{Name: "bob", PasswordHash: "x", Role: services.RoleUser}))
		},
		"password": func() error { return second(s.SetPassword(t.Context(), id, "x")) },
		"disable":  func() error { return second(s.SetDisabled(t.Context(), id, true)) },
		"role":     func() error { return second(s.SetRole(t.Context(), id, services.RoleViewer)) },
		"leave":    func() error { return second(s.DeleteUser(t.Context(), id)) },
		"revoke":   func() error { return second(s.RevokeTokens(t.Context(), []int64{1})) },
		"refusals": func() error {
			return s.RefuseSignIns(t.Context(), []Refusals{{Why: map[Refusal]int{RefusedUnknown: 2}}})
		},
		"token": func() error {
			return second(s.InsertToken(t.Context(), Token{UserID: id, Name: "c", Hash: []byte("y")}))
		},
		"batch":  func() error { return s.InsertBatch(t.Context(), aBatch("b3"), nil) },
		"end":    func() error { return s.SetBatch(t.Context(), ended) },
		"cancel": func() error { return s.RequestCancel(t.Context(), "b1") },
		"delete": func() error { return second(s.DeleteTemplate(t.Context(), "labels", made.ID)) },
	} {
		require.ErrorContains(t, try(), "disk full", name)
	}
	_, err = s.UserByName(t.Context(), "bob")
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
	u, err := s.UserByID(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "hash", u.PasswordHash)
	b, err := s.Batch(t.Context(), "b1")
	require.NoError(t, err)
	require.Equal(t, StateRunning, b.State)
	require.False(t, b.CancelRequested)
	_, err = s.Template(t.Context(), "labels", made.ID)
	require.NoError(t, err)
}

// second gives the error of a call that gives a value too.
func second[T any](_ T, err error) error { return err }

func TestEntries_filters(t *testing.T) {
	s := openAudit(t)
	day := 24 * time.Hour
	for i, e := range []Entry{
		{ActorID: 1, Actor: "ada", Action: ActionLogin, Object: "ada"},
		{ActorID: 1, Actor: "ada", Action: ActionNodesExport, Cluster: "prod"},
		{ActorID: 2, Actor: "Bob", Action: ActionTemplateUpdate, Object: "100%_gpu", Before: json.RawMessage(`{"x":"old"}`), Reason: "why"},
		{ActorID: 2, Actor: "ada", Address: "192.0.2.1", RequestID: "RQ", Action: ActionLoginFailed, Result: ResultRefused}, // another ada, with the id of bob
	} {
		e.At = auditClock.Add(time.Duration(i) * day)
		require.NoError(t, s.Note(t.Context(), e))
	}
	for name, tt := range map[string]struct {
		q    EntryQuery
		want []int64
	}{
		"all":            {EntryQuery{}, []int64{4, 3, 2, 1}},
		"older":          {EntryQuery{Before: 3}, []int64{2, 1}},
		"a few":          {EntryQuery{Limit: 2}, []int64{4, 3}},
		"an actor":       {EntryQuery{Actor: "ADA"}, []int64{4, 2, 1}},
		"an owner":       {EntryQuery{OwnerID: 1, Owner: "ada"}, []int64{2, 1}},
		"owner reborn":   {EntryQuery{OwnerID: 2, Owner: "Bob"}, []int64{3}},
		"some actions":   {EntryQuery{Among: []Action{ActionLogin, ActionLoginFailed}}, []int64{4, 1}},
		"an action":      {EntryQuery{Action: ActionLogin}, []int64{1}},
		"among and one":  {EntryQuery{Among: []Action{ActionLogin}, Action: ActionNodesExport}, []int64{}},
		"a cluster":      {EntryQuery{Cluster: "prod"}, []int64{2}},
		"an object":      {EntryQuery{Object: "100%_GPU"}, []int64{3}},
		"a result":       {EntryQuery{Result: ResultRefused}, []int64{4}},
		"from":           {EntryQuery{From: auditClock.Add(day)}, []int64{4, 3, 2}},
		"to":             {EntryQuery{To: auditClock.Add(day)}, []int64{1}},
		"a text":         {EntryQuery{Words: []string{"%_g"}}, []int64{3}},
		"no pattern":     {EntryQuery{Words: []string{"a%a"}}, []int64{}},
		"before":         {EntryQuery{Words: []string{"OLD"}}, []int64{3}},
		"a reason":       {EntryQuery{Words: []string{"why"}}, []int64{3}},
		"an address":     {EntryQuery{Words: []string{"192.0.2"}}, []int64{4}},
		"two words":      {EntryQuery{Words: []string{"why", "OLD"}}, []int64{3}},
		"one too many":   {EntryQuery{Words: []string{"why", "192.0.2"}}, []int64{}},
		"a request":      {EntryQuery{Words: []string{"rq"}}, []int64{4}},
		"several":        {EntryQuery{Actor: "ada", Result: ResultOK, To: auditClock.Add(day)}, []int64{1}},
		"what is not so": {EntryQuery{Cluster: "dev", Actor: "ada"}, []int64{}},
	} {
		if tt.q.Limit == 0 {
			tt.q.Limit = 100
		}
		found, err := s.Entries(t.Context(), tt.q)
		require.NoError(t, err, name)
		got := []int64{}
		for _, e := range found {
			got = append(got, e.ID)
		}
		require.Equal(t, tt.want, got, name)
	}
}

func TestPurge_entries(t *testing.T) {
	s := openAudit(t)
	for i := range 10 {
		require.NoError(t, s.Note(t.Context(), Entry{At: auditClock.AddDate(0, 0, -i), Action: ActionLogin}))
	}
	gone, err := s.Purge(t.Context(), Retention{Audit: auditClock.AddDate(0, 0, -6), At: auditClock})
	require.NoError(t, err)
	require.Equal(t, Purged{Entries: 3}, gone)
	require.Len(t, entries(t, s), 8)
	require.Equal(t, Entry{Action: ActionRetention, Result: ResultOK, After: json.RawMessage(`{"batches":0,"entries":3,"entriesBefore":"2026-11-17T04:05:06Z"}`)}, last(t, s))
	gone, err = s.Purge(t.Context(), Retention{Audit: auditClock.AddDate(0, 0, -6), At: auditClock})
	require.NoError(t, err)
	require.False(t, gone.Any())
	require.NoError(t, s.Note(t.Context(), Entry{Action: ActionLogin}))
	require.EqualValues(t, 12, entries(t, s)[8].ID, "no number is given twice")

	gone, err = s.Purge(t.Context(), Retention{At: auditClock})
	require.NoError(t, err)
	require.False(t, gone.Any(), "for ever is for ever")
}

func TestPurge_aPartAtATime(t *testing.T) {
	s := openAudit(t)
	require.NoError(t, s.write(t.Context(), func(tx *sql.Tx) error {
		for range purgeEntries + 1 {
			if err := s.note(t.Context(), tx, Entry{At: auditClock, Action: ActionLogin}); err != nil {
				return err
			}
		}
		return nil
	}))
	keep := Retention{Audit: auditClock.Add(time.Second), At: auditClock.Add(time.Hour)}
	for _, want := range []int{purgeEntries, 1, 0} {
		gone, err := s.Purge(t.Context(), keep)
		require.NoError(t, err)
		require.Equal(t, want, gone.Entries)
	}
}

func TestPurge_batches(t *testing.T) {
	s := openAudit(t)
	old, young := auditClock.AddDate(0, 0, -100), auditClock.AddDate(0, 0, -10)
	add := func(id, retryOf, undoOf string, endedAt *time.Time) {
		b := aBatch(id)
		b.RetryOf, b.UndoOf = retryOf, undoOf
		insertBatch(t, s, b)
		if endedAt != nil {
			endBatch(t, s, b, StatePartial, *endedAt)
		}
	}
	add("old", "", "", &old)
	add("root", "", "", &old)            // an open batch goes back to it over another one
	add("middle", "root", "", &old)      // an open batch takes it back
	add("open", "", "middle", nil)       //
	add("retried", "", "", &old)         // a young one goes back to it
	add("young", "retried", "", &young)  //
	add("undone", "", "", &old)          // an old one goes back to it
	add("old undo", "", "undone", &old)  //
	interrupted := aBatch("interrupted") // for years
	interrupted.RetryOf = "old undo"     // and keeps what it goes back to
	interrupted.CreatedAt = old          //
	insertBatch(t, s, interrupted)       //
	interrupted.State = StateInterrupted //
	require.NoError(t, s.SetBatch(t.Context(), interrupted))

	gone, err := s.Purge(t.Context(), Retention{Batches: auditClock.AddDate(0, 0, -90), At: auditClock})
	require.NoError(t, err)
	require.Equal(t, Purged{Batches: 2}, gone)
	left, err := s.Batches(t.Context(), BatchQuery{Limit: 100})
	require.NoError(t, err)
	names := map[string]string{}
	for _, b := range left {
		names[b.ID] = b.RetryOf + b.UndoOf
	}
	require.Equal(t, map[string]string{
		"root": "", "middle": "root", "open": "middle", "young": "", "undone": "", "old undo": "undone", "interrupted": "old undo",
	}, names)
	var orphans int
	require.NoError(t, s.r.QueryRowContext(t.Context(), `SELECT count(*) FROM batch_items WHERE batch_id NOT IN (SELECT id FROM batches)`).Scan(&orphans))
	require.Zero(t, orphans, "items go with their batch")
	require.Equal(t, ActionRetention, last(t, s).Action)
	found, err := s.Entries(t.Context(), EntryQuery{Object: "old", Limit: 10})
	require.NoError(t, err)
	require.Len(t, found, 2, "what the audit log says of it stays")
	require.False(t, found[0].Kept)
}

func TestPurge_manyBatches(t *testing.T) {
	s := openAudit(t)
	for i := range purgeBatches + 3 {
		b := aBatch(fmt.Sprint("b", i))
		insertBatch(t, s, b)
		endBatch(t, s, b, StateSucceeded, auditClock)
	}
	for _, want := range []int{purgeBatches, 3, 0} {
		gone, err := s.Purge(t.Context(), Retention{Batches: auditClock.Add(time.Hour), At: auditClock})
		require.NoError(t, err)
		require.Equal(t, want, gone.Batches)
	}
}

// A purge that fails deletes nothing.
func TestPurge_allOrNothing(t *testing.T) {
	s := openAudit(t)
	require.NoError(t, s.Note(t.Context(), Entry{At: auditClock.AddDate(-1, 0, 0), Action: ActionLogin}))
	_, err := s.w.ExecContext(t.Context(), `CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END`)
	require.NoError(t, err)
	_, err = s.Purge(t.Context(), Retention{Audit: auditClock, At: auditClock})
	require.ErrorContains(t, err, "disk full")
	require.Len(t, entries(t, s), 1)
	var before int64
	require.NoError(t, s.r.QueryRowContext(t.Context(), `SELECT before FROM audit_retention`).Scan(&before))
	require.Zero(t, before)
}

func TestFacts(t *testing.T) {
	require.JSONEq(t, `{"a":0,"b":{"c":1}}`, string(facts("a", 0, "b", json.RawMessage(`{"c":1}`), "d", "", "e", nil, "f", json.RawMessage(nil), "g", json.RawMessage(`{`))))
}
