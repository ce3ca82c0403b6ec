package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

// auditClock is the time of the entries that tests write.
var auditClock = time.Date(2026, 11, 23, 4, 5, 6, 0, time.UTC)

// asAda returns the context of a request of ada, who has signed in.
func asAda(t *testing.T) context.Context {
	return services.WithActor(t.Context(), services.Actor{
		ID: 7, Name: "ada", Role: services.RoleAdmin, Address: "192.0.2.1", RequestID: "R",
	})
}

// byAda returns an entry as it is stored for asAda.
func byAda(e Entry) Entry {
	e.ActorID, e.Actor, e.Address, e.RequestID, e.Result = 7, "ada", "192.0.2.1", "R", ResultOK
	return e
}

func openAudit(t *testing.T) *Store {
	t.Helper()
	s := openTest(t)
	s.now = func() time.Time { return auditClock }
	return s
}

// entries returns all entries, oldest first.
func entries(t *testing.T, s *Store) []Entry {
	t.Helper()
	found, err := s.Entries(t.Context(), EntryQuery{Limit: 1000})
	require.NoError(t, err)
	slices.Reverse(found)
	return found
}

// last returns the newest entry without its id and time.
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
		ID: id, Cluster: "prod", Operation: "cordon", Params: json.RawMessage(`{"a":1}`), Reason: "kernel",
		ActorID: 7, By: "ada", Address: "192.0.2.1", RequestID: "R",
		State: StateRunning, CreatedAt: auditClock, Total: 2,
	}
}

func insertBatch(t *testing.T, s *Store, b Batch) {
	t.Helper()
	items := []Item{{Node: "a", State: ItemSucceeded}, {Seq: 1, Node: "b", State: ItemFailed}}
	require.NoError(t, s.InsertBatch(t.Context(), b, items))
}

// endBatch ends a batch at the given time.
func endBatch(t *testing.T, s *Store, b Batch, state State, at time.Time) {
	t.Helper()
	b.State, b.EndedAt = state, &at
	require.NoError(t, s.SetBatch(t.Context(), b))
}

func TestAudit_cannotBeChanged(t *testing.T) {
	s := openAudit(t)
	require.NoError(t, s.Note(asAda(t), Entry{Action: ActionLogout, Object: "ada"}))
	want := entries(t, s)
	attempts := []string{
		`UPDATE audit SET actor = 'bob'`,
		`UPDATE audit SET id = id`,
		`DELETE FROM audit`,
		`DELETE FROM audit WHERE id = 1`,
		`INSERT INTO audit (id, at, action, result) VALUES (1, 0, 'x', 'ok')
			ON CONFLICT (id) DO UPDATE SET actor = 'bob'`,
	}
	if onPostgres(s) {
		attempts = append(attempts, `TRUNCATE audit`)
	} else {
		attempts = append(attempts,
			`UPDATE OR IGNORE audit SET at = 0`,
			`UPDATE OR REPLACE audit SET at = 0`,
			`INSERT OR REPLACE INTO audit (id, at, action, result) VALUES (1, 0, 'x', 'ok')`,
			`REPLACE INTO audit SELECT * FROM audit`)
	}
	for _, query := range attempts {
		_, err := s.w.ExecContext(t.Context(), query)
		require.ErrorContains(t, err, "append-only", query)
	}
	_, err := s.w.ExecContext(t.Context(), `INSERT INTO audit (at, action, result) VALUES (0, 'x', 'well')`)
	require.Error(t, err, "there is no such result")
	require.Equal(t, want, entries(t, s))
}

// Without the row of audit_retention, nothing can be deleted from the log either.
func TestAudit_cannotBeChanged_withoutRetention(t *testing.T) {
	s := openAudit(t)
	require.NoError(t, s.Note(asAda(t), Entry{Action: ActionLogout, Object: "ada"}))
	_, err := s.w.ExecContext(t.Context(), `DELETE FROM audit_retention`)
	require.NoError(t, err)
	_, err = s.w.ExecContext(t.Context(), `DELETE FROM audit`)
	require.ErrorContains(t, err, "append-only")
	_, err = s.w.ExecContext(t.Context(), `INSERT INTO audit_retention (id, before) VALUES (2, 1)`)
	require.Error(t, err, "the table may have one row only")
}

func TestAudit_retentionEndsWithTheTransaction(t *testing.T) {
	s := openAudit(t)
	require.NoError(t, s.Note(asAda(t), Entry{At: auditClock.AddDate(0, 0, -9), Action: ActionLogout}))
	_, err := s.Purge(t.Context(), Retention{Audit: auditClock.AddDate(0, 0, -10), At: auditClock})
	require.NoError(t, err)
	var before int64
	require.NoError(t, s.r.QueryRowContext(t.Context(), `SELECT before FROM audit_retention`).Scan(&before))
	require.Zero(t, before)
	_, err = s.w.ExecContext(t.Context(), `DELETE FROM audit`)
	require.ErrorContains(t, err, "append-only")
	require.Len(t, entries(t, s), 1, "a purge that deletes nothing has no entry")
}

func TestAudit_users(t *testing.T) {
	s := openAudit(t)
	id, err := s.InsertUser(asAda(t), User{
		Name: "bob", PasswordHash: "h", Role: services.RoleUser, CreatedAt: auditClock,
	})
	require.NoError(t, err)
	require.Equal(t, byAda(Entry{
		Action: ActionUserCreate, Object: "bob", After: json.RawMessage(`{"role":"user"}`),
	}), last(t, s))
	require.NoError(t, second(s.SetPassword(asAda(t), id, "other", nil)))
	require.Equal(t, byAda(Entry{
		Action: ActionUserPassword, Object: "bob", After: json.RawMessage(`{"tokens":0}`),
	}), last(t, s))
	token, err := s.InsertToken(asAda(t), Token{UserID: id, Name: "ci", Hash: []byte("x"), CreatedAt: auditClock})
	require.NoError(t, err)
	after := fmt.Sprintf(`{"id":%d,"user":"bob"}`, token)
	require.Equal(t, byAda(Entry{
		Action: ActionTokenCreate, Object: "ci", After: json.RawMessage(after),
	}), last(t, s))
}

// The author of a sign-in is the user, who is not yet the actor of the context.
func TestAudit_signIns(t *testing.T) {
	s := openAudit(t)
	id := addUser(t, s, "bob")
	somewhere := services.WithActor(t.Context(), services.Actor{Address: "192.0.2.9", RequestID: "S"})
	byBob := Entry{ActorID: id, Actor: "bob", Object: "bob", Address: "192.0.2.9", RequestID: "S"}

	want := byBob
	want.Action, want.Result = ActionLogin, ResultOK
	require.NoError(t, s.EndSignIn(somewhere, id, auditClock, ""))
	require.Equal(t, want, last(t, s))
	want = byBob
	want.Action, want.Result, want.After = ActionLoginFailed, ResultRefused, json.RawMessage(`{"why":"password"}`)
	require.NoError(t, s.RefuseSignIn(somewhere, User{ID: id, Name: "bob"}, RefusedPassword))
	require.Equal(t, want, last(t, s))
	want.ActorID, want.Actor, want.Object, want.After = 0, "", "", json.RawMessage(`{"why":"unknown"}`)
	require.NoError(t, s.RefuseSignIn(somewhere, User{}, RefusedUnknown))
	require.Equal(t, want, last(t, s))
}

func TestAudit_firstAdmin(t *testing.T) {
	s := openAudit(t)
	ada := User{Name: "ada", PasswordHash: "h", Role: services.RoleAdmin, CreatedAt: auditClock}
	id, err := s.InsertFirstAdmin(t.Context(), ada, "setup")
	require.NoError(t, err)
	require.Equal(t, Entry{
		ActorID: id, Actor: "ada", Action: ActionSetup, Object: "ada",
		After: json.RawMessage(`{"role":"admin"}`), Result: ResultOK,
	}, last(t, s))
}

func TestAudit_batches(t *testing.T) {
	s := openAudit(t)
	insertBatch(t, s, aBatch("b1"))
	require.Equal(t, byAda(Entry{
		Action: ActionBatchCreate, Cluster: "prod", Object: "b1", Kept: true, Reason: "kernel",
		After: json.RawMessage(`{"operation":"cordon","params":{"a":1},"total":2}`),
	}), last(t, s))
}

// The entries of a node are those of the batches that had it.
func TestEntries_ofANode(t *testing.T) {
	s := openAudit(t)
	for id, node := range map[string]string{"b1": "node-1", "b2": "node-10"} {
		require.NoError(t, s.InsertBatch(t.Context(), aBatch(id), []Item{{Node: node, State: ItemPending}}))
	}
	q := EntryQuery{Node: "node-1", Cluster: "prod", Limit: 10}
	found, err := s.Entries(t.Context(), q)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, "b1", found[0].Object)
}

func TestEntries_ofANode_byIndex(t *testing.T) {
	s := openSQLite(t)
	q := EntryQuery{Node: "node-1", Cluster: "prod", Limit: 10}
	c := q.conditions(s.engine)
	explain := `EXPLAIN QUERY PLAN SELECT id FROM audit WHERE ` + c.where() + ` ORDER BY id DESC LIMIT 10`
	var id, parent, unused int
	var first string
	require.NoError(t, s.r.QueryRowContext(t.Context(), explain, c.args...).Scan(&id, &parent, &unused, &first))
	require.Equal(t, "SEARCH audit USING INDEX audit_object (object=?)", first, "not all entries of the cluster")
}

func TestAudit_controls(t *testing.T) {
	s := openAudit(t)
	b := aBatch("b1")
	insertBatch(t, s, b)
	want := byAda(Entry{
		Action: ActionBatchPause, Cluster: "prod", Object: "b1", Kept: true,
		After: json.RawMessage(`{"operation":"cordon","total":2}`),
	})
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
	require.Len(t, entries(t, s), 5, "the second cancel has no entry")
}

func TestAudit_batchEnd(t *testing.T) {
	s := openAudit(t)
	b := aBatch("b1")
	insertBatch(t, s, b)
	b.State = StateInterrupted
	require.NoError(t, s.SetBatch(t.Context(), b))
	require.Len(t, entries(t, s), 1)
	for range 2 { // the engine stores it again if it did not get the answer
		endBatch(t, s, b, StatePartial, auditClock)
	}
	want := byAda(Entry{
		Action: ActionBatchEnd, Cluster: "prod", Object: "b1", Kept: true, Reason: "kernel",
		After: json.RawMessage(`{"counts":{"pending":0,"running":0,"waiting":0,"succeeded":1,"unchanged":0,` +
			`"failed":1,"skipped":0,"cancelled":0},"operation":"cordon","state":"partial","total":2}`),
	})
	want.Result = ResultPartial
	require.Equal(t, want, last(t, s))
	require.Len(t, entries(t, s), 2, "the end has one entry")
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

	imported := []Template{aTemplate("labels", "CPU"), aTemplate("labels", "new")}
	_, err = s.SaveTemplates(asAda(t), imported, true)
	require.NoError(t, err)
	all := entries(t, s)
	var actions []Action
	for _, e := range all[2:] {
		actions = append(actions, e.Action)
	}
	require.Equal(t, []Action{ActionTemplateUpdate, ActionTemplateCreate, ActionTemplateImport}, actions)
	require.JSONEq(t, string(updated.After), string(all[2].Before), "the replaced template is recorded")

	_, err = s.DeleteTemplate(asAda(t), "labels", made.ID)
	require.NoError(t, err)
	require.Equal(t, ActionTemplateDelete, last(t, s).Action)
	require.Contains(t, string(last(t, s).Before), `"name":"CPU"`)
}

// attempts are changes by name; each returns its error.
type attempts map[string]func(context.Context) error

// inUse returns a store with the user ada (whose id is returned), the batch b1, the
// template "taken" and the token 1.
func inUse(t *testing.T) (s *Store, ada int64, taken Template) {
	t.Helper()
	s = openAudit(t)
	ada = addUser(t, s, "ada")
	insertBatch(t, s, aBatch("b1"))
	taken = addTemplate(t, s, "labels", "taken")
	_, err := s.InsertToken(t.Context(), Token{UserID: ada, Name: "a", Hash: []byte("x")})
	require.NoError(t, err)
	return s, ada, taken
}

// A change that fails has no audit entry.
func TestAudit_noEntryOfAFailure(t *testing.T) {
	s, ada, missing := inUse(t)
	missing.ID = 99
	before := entries(t, s)
	for name, try := range (attempts{
		"user": func(ctx context.Context) error {
			return second(s.InsertUser(ctx, User{Name: "ADA", PasswordHash: "x", Role: services.RoleUser}))
		},
		"first admin": func(ctx context.Context) error {
			u := User{Name: "ADA", PasswordHash: "x", Role: services.RoleAdmin}
			return second(s.InsertFirstAdmin(ctx, u, "k"))
		},
		"password": func(ctx context.Context) error { return second(s.SetPassword(ctx, 99, "x", nil)) },
		"disable":  func(ctx context.Context) error { return second(s.SetDisabled(ctx, 99, true)) },
		"enable":   func(ctx context.Context) error { return second(s.SetDisabled(ctx, ada, false)) },
		"role":     func(ctx context.Context) error { return second(s.SetRole(ctx, ada, services.RoleUser)) },
		"leave":    func(ctx context.Context) error { return second(s.DeleteUser(ctx, 99)) },
		"revoke":   func(ctx context.Context) error { return second(s.RevokeTokens(ctx, 0, []int64{1, 99})) },
		"sign-in":  func(ctx context.Context) error { return s.EndSignIn(ctx, 99, auditClock, "") },
		"token": func(ctx context.Context) error {
			return second(s.InsertToken(ctx, Token{UserID: ada, Name: "b", Hash: []byte("x")}))
		},
		"batch": func(ctx context.Context) error { return s.InsertBatch(ctx, aBatch("b1"), nil) },
		"items": func(ctx context.Context) error {
			return s.InsertBatch(ctx, aBatch("b2"), []Item{{State: "odd"}})
		},
		"pause": func(ctx context.Context) error { return s.SetPaused(ctx, "none", true) },
		"template": func(ctx context.Context) error {
			return second(s.InsertTemplate(ctx, aTemplate("labels", "TAKEN")))
		},
		"update": func(ctx context.Context) error { return second(s.UpdateTemplate(ctx, missing, time.Time{})) },
		"delete": func(ctx context.Context) error { return second(s.DeleteTemplate(ctx, "labels", 99)) },
	}) {
		require.Error(t, try(t.Context()), name)
	}
	require.Equal(t, before, entries(t, s))
}

// An import that is refused has no audit entry either, though it is not an error.
func TestAudit_noEntryOfARefusedImport(t *testing.T) {
	s, _, _ := inUse(t)
	before := entries(t, s)
	imported := []Template{aTemplate("labels", "new"), aTemplate("labels", "taken")}
	saved, err := s.SaveTemplates(t.Context(), imported, false)
	require.NoError(t, err)
	require.Equal(t, []Saved{SavedNew, NotSaved}, saved)
	require.Equal(t, before, entries(t, s))
}

// breakAudit makes every new audit entry fail.
func breakAudit(t *testing.T, s *Store) {
	t.Helper()
	trigger := `CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END`
	if onPostgres(s) {
		trigger = `CREATE FUNCTION broken() RETURNS TRIGGER LANGUAGE plpgsql
				AS 'BEGIN RAISE EXCEPTION ''disk full''; END';
			CREATE TRIGGER broken BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION broken()`
	}
	_, err := s.w.ExecContext(t.Context(), trigger)
	require.NoError(t, err)
}

// A change whose audit entry cannot be written fails, and changes nothing.
func TestAudit_noChangeWithoutAnEntry(t *testing.T) {
	s, ada, taken := inUse(t)
	breakAudit(t, s)
	ended := aBatch("b1")
	ended.State, ended.EndedAt = StateSucceeded, &auditClock
	for name, try := range (attempts{
		"user": func(ctx context.Context) error {
			return second(s.InsertUser(ctx, User{Name: "bob", PasswordHash: "x", Role: services.RoleUser}))
		},
		"password": func(ctx context.Context) error { return second(s.SetPassword(ctx, ada, "x", nil)) },
		"disable":  func(ctx context.Context) error { return second(s.SetDisabled(ctx, ada, true)) },
		"role":     func(ctx context.Context) error { return second(s.SetRole(ctx, ada, services.RoleViewer)) },
		"leave":    func(ctx context.Context) error { return second(s.DeleteUser(ctx, ada)) },
		"revoke":   func(ctx context.Context) error { return second(s.RevokeTokens(ctx, 0, []int64{1})) },
		"refusals": func(ctx context.Context) error {
			return s.RefuseSignIns(ctx, []Refusals{{Why: map[Refusal]int{RefusedUnknown: 2}}})
		},
		"token": func(ctx context.Context) error {
			return second(s.InsertToken(ctx, Token{UserID: ada, Name: "c", Hash: []byte("y")}))
		},
		"batch":  func(ctx context.Context) error { return s.InsertBatch(ctx, aBatch("b3"), nil) },
		"end":    func(ctx context.Context) error { return s.SetBatch(ctx, ended) },
		"cancel": func(ctx context.Context) error { return s.RequestCancel(ctx, "b1") },
		"delete": func(ctx context.Context) error { return second(s.DeleteTemplate(ctx, "labels", taken.ID)) },
	}) {
		require.ErrorContains(t, try(t.Context()), "disk full", name)
	}
	requireInUse(t, s, ada, taken)
}

// requireInUse checks that a store is as inUse has returned it.
func requireInUse(t *testing.T, s *Store, ada int64, taken Template) {
	t.Helper()
	_, err := s.UserByName(t.Context(), "bob")
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
	u, err := s.UserByID(t.Context(), ada)
	require.NoError(t, err)
	require.Equal(t, "hash", u.PasswordHash)
	b, err := s.Batch(t.Context(), "b1")
	require.NoError(t, err)
	require.Equal(t, StateRunning, b.State)
	require.False(t, b.CancelRequested)
	_, err = s.Template(t.Context(), "labels", taken.ID)
	require.NoError(t, err)
}

// second returns the error of a call that returns a value, too.
func second[T any](_ T, err error) error { return err }

// day is the time between two entries of fourEntries.
const day = 24 * time.Hour

// fourEntries writes the entries 1 to 4. The last one is of another ada, with the
// id of Bob.
func fourEntries(t *testing.T, s *Store) {
	t.Helper()
	for i, e := range []Entry{
		{ActorID: 1, Actor: "ada", Action: ActionLogin, Object: "ada"},
		{ActorID: 1, Actor: "ada", Action: ActionNodesExport, Cluster: "prod"},
		{
			ActorID: 2, Actor: "Bob", Action: ActionTemplateUpdate, Object: "100%_gpu",
			Before: json.RawMessage(`{"x":"old"}`), Reason: "why",
		},
		{
			ActorID: 2, Actor: "ada", Address: "192.0.2.1", RequestID: "RQ",
			Action: ActionLoginFailed, Result: ResultRefused,
		},
	} {
		e.At = auditClock.Add(time.Duration(i) * day)
		require.NoError(t, s.Note(t.Context(), e))
	}
}

func TestEntries_filters(t *testing.T) {
	s := openAudit(t)
	fourEntries(t, s)
	for name, tt := range map[string]struct {
		q    EntryQuery
		want []int64
	}{
		"all":           {EntryQuery{}, []int64{4, 3, 2, 1}},
		"older":         {EntryQuery{Before: 3}, []int64{2, 1}},
		"a few":         {EntryQuery{Limit: 2}, []int64{4, 3}},
		"an actor":      {EntryQuery{Actor: "ADA"}, []int64{4, 2, 1}},
		"an owner":      {EntryQuery{OwnerID: 1, Owner: "ada"}, []int64{2, 1}},
		"same id":       {EntryQuery{OwnerID: 2, Owner: "Bob"}, []int64{3}},
		"some actions":  {EntryQuery{Among: []Action{ActionLogin, ActionLoginFailed}}, []int64{4, 1}},
		"an action":     {EntryQuery{Action: ActionLogin}, []int64{1}},
		"among and one": {EntryQuery{Among: []Action{ActionLogin}, Action: ActionNodesExport}, []int64{}},
		"a cluster":     {EntryQuery{Cluster: "prod"}, []int64{2}},
		"an object":     {EntryQuery{Object: "100%_GPU"}, []int64{3}},
		"a result":      {EntryQuery{Result: ResultRefused}, []int64{4}},
		"from":          {EntryQuery{From: auditClock.Add(day)}, []int64{4, 3, 2}},
		"to":            {EntryQuery{To: auditClock.Add(day)}, []int64{1}},
		"a text":        {EntryQuery{Words: []string{"%_g"}}, []int64{3}},
		"no pattern":    {EntryQuery{Words: []string{"a%a"}}, []int64{}},
		"before":        {EntryQuery{Words: []string{"OLD"}}, []int64{3}},
		"a reason":      {EntryQuery{Words: []string{"why"}}, []int64{3}},
		"an address":    {EntryQuery{Words: []string{"192.0.2"}}, []int64{4}},
		"two words":     {EntryQuery{Words: []string{"why", "OLD"}}, []int64{3}},
		"one too many":  {EntryQuery{Words: []string{"why", "192.0.2"}}, []int64{}},
		"a request":     {EntryQuery{Words: []string{"rq"}}, []int64{4}},
		"several":       {EntryQuery{Actor: "ada", Result: ResultOK, To: auditClock.Add(day)}, []int64{1}},
		"no such entry": {EntryQuery{Cluster: "dev", Actor: "ada"}, []int64{}},
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

func TestFacts(t *testing.T) {
	got := facts("a", 0, "b", json.RawMessage(`{"c":1}`),
		"d", "", "e", nil, "f", json.RawMessage(nil), "g", json.RawMessage(`{`))
	require.JSONEq(t, `{"a":0,"b":{"c":1}}`, string(got))
}
