package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"kube-node-manager/services"
)

// Action is what a row of the audit log tells about. The part before the dot is
// what it is about.
type Action string

// The actions. A new one needs a word in views.
const (
	ActionLogin       Action = "login"
	ActionLoginFailed Action = "login.failed"
	ActionLogout      Action = "logout"
	ActionSetup       Action = "setup"

	ActionUserCreate   Action = "user.create"
	ActionUserPassword Action = "user.password"
	ActionUserDisable  Action = "user.disable"
	ActionUserEnable   Action = "user.enable"
	ActionUserRole     Action = "user.role"
	ActionUserDelete   Action = "user.delete"
	ActionTokenCreate  Action = "token.create"
	ActionTokenRevoke  Action = "token.revoke"

	ActionBatchCreate Action = "batch.create"
	ActionBatchPause  Action = "batch.pause"
	ActionBatchResume Action = "batch.resume"
	ActionBatchCancel Action = "batch.cancel"
	ActionBatchEnd    Action = "batch.end"

	ActionTemplateCreate Action = "template.create"
	ActionTemplateUpdate Action = "template.update"
	ActionTemplateDelete Action = "template.delete"
	ActionTemplateImport Action = "template.import"
	ActionTemplateExport Action = "template.export"

	ActionNodesExport Action = "nodes.export"
	ActionBatchExport Action = "batch.export"
	ActionAuditExport Action = "audit.export"
	ActionBackup      Action = "backup"
	ActionRetention   Action = "retention"
)

// Actions lists every action in the order in which people look for them.
func Actions() []Action {
	return []Action{
		ActionBatchCreate, ActionBatchPause, ActionBatchResume, ActionBatchCancel, ActionBatchEnd,
		ActionTemplateCreate, ActionTemplateUpdate, ActionTemplateDelete, ActionTemplateImport, ActionTemplateExport,
		ActionNodesExport, ActionBatchExport, ActionAuditExport, ActionBackup,
		ActionLogin, ActionLoginFailed, ActionLogout, ActionSetup,
		ActionUserCreate, ActionUserPassword, ActionUserDisable, ActionUserEnable, ActionUserRole, ActionUserDelete,
		ActionTokenCreate, ActionTokenRevoke,
		ActionRetention,
	}
}

// Result is what became of it.
type Result string

// The results.
const (
	ResultOK        Result = "ok"
	ResultPartial   Result = "partial"
	ResultFailed    Result = "failed"
	ResultCancelled Result = "cancelled"
	ResultRefused   Result = "refused"
)

// Results lists every result.
func Results() []Result {
	return []Result{ResultOK, ResultPartial, ResultFailed, ResultCancelled, ResultRefused}
}

// resultOf gives the result of a batch that has ended.
func resultOf(s State) Result {
	switch s {
	case StatePartial:
		return ResultPartial
	case StateFailed:
		return ResultFailed
	case StateCancelled:
		return ResultCancelled
	default:
		return ResultOK
	}
}

// Entry is one row of the audit log.
type Entry struct {
	ID        int64           `json:"id"`
	At        time.Time       `json:"at"`
	ActorID   int64           `json:"-"`     // 0 for nobody who has signed in
	Actor     string          `json:"actor"` // "" for the program itself, and for somebody unknown
	Address   string          `json:"address,omitempty"`
	RequestID string          `json:"requestId,omitempty"`
	Action    Action          `json:"action"`
	Cluster   string          `json:"cluster,omitempty"`
	Object    string          `json:"object,omitempty"`
	Before    json.RawMessage `json:"before,omitempty"`
	After     json.RawMessage `json:"after,omitempty"`
	Reason    string          `json:"reason,omitempty"`
	Result    Result          `json:"result"`
	Kept      bool            `json:"-"` // the object is a batch that is still in the history
}

// NoteControl is Note for something that a person did with a batch, of which
// the database keeps nothing else.
func (s *Store) NoteControl(ctx context.Context, b Batch, a Action) error {
	return s.Note(ctx, controlEntry(b, a))
}

// controlEntry is about a batch, and in the name of the actor of the context.
func controlEntry(b Batch, a Action) Entry {
	return Entry{Action: a, Cluster: b.Cluster, Object: b.ID, After: facts("operation", b.Operation, "total", b.Total)}
}

// Note writes an entry about something that changes nothing in the database.
// What does change it writes its entry in its own transaction: see note.
func (s *Store) Note(ctx context.Context, e Entry) error {
	return s.write(ctx, func(tx *sql.Tx) error { return s.note(ctx, tx, e) })
}

// note writes an entry. What it leaves open is the present moment, the actor of
// the context and ResultOK.
func (s *Store) note(ctx context.Context, tx *sql.Tx, e Entry) error {
	if actor := services.ActorFrom(ctx); e.Actor == "" && e.ActorID == 0 && e.Address == "" {
		e.ActorID, e.Actor = actor.ID, actor.Name
		e.Address, e.RequestID = actor.Address, actor.RequestID
	}
	if e.At.IsZero() {
		e.At = s.now()
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO audit (at, actor_id, actor, address, request_id, action, cluster, object, before, after, reason, result)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		toMillis(e.At), e.ActorID, e.Actor, e.Address, e.RequestID, string(e.Action), e.Cluster, e.Object,
		nullJSON(e.Before), nullJSON(e.After), e.Reason, string(cmp.Or(e.Result, ResultOK)))
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

// noteAs is note for what an actor does whom the context does not know yet; the
// address is the context's.
func (s *Store) noteAs(ctx context.Context, tx *sql.Tx, id int64, name string, e Entry) error {
	actor := services.ActorFrom(ctx)
	e.ActorID, e.Actor, e.Address, e.RequestID = id, name, actor.Address, actor.RequestID
	return s.note(ctx, tx, e)
}

// facts encodes key-value pairs for an entry's before or after; what is empty is
// left out.
func facts(pairs ...any) json.RawMessage {
	values := services.Args(pairs...)
	maps.DeleteFunc(values, func(_ string, value any) bool {
		raw, isRaw := value.(json.RawMessage)
		return value == nil || value == "" || isRaw && !json.Valid(raw)
	})
	raw, err := json.Marshal(values)
	if err != nil {
		panic("store: an audit entry cannot be encoded: " + err.Error()) // they are plain values
	}
	return raw
}

// EntryQuery says which entries to give. What is empty limits nothing.
type EntryQuery struct {
	OwnerID       int64 // with Owner: only what this very user did
	Owner         string
	Among         []Action // only these
	Actor, Object string   // in any case
	Action        Action
	Cluster       string
	Result        Result
	From, To      time.Time // To is the first moment that does not count
	Words         []string  // each anywhere in an entry
	Before        int64     // older than the entry of this id
	Limit         int
}

// where gives the condition of a query and its arguments.
func (q EntryQuery) where() (string, []any) {
	terms, args := []string{"1"}, []any{}
	add := func(wanted bool, term string, values ...any) {
		if wanted {
			terms, args = append(terms, term), append(args, values...)
		}
	}
	add(q.Before > 0, "id < ?", q.Before)
	add(q.OwnerID != 0, "actor_id = ? AND actor = ?", q.OwnerID, q.Owner)
	add(q.Actor != "", "actor = ? COLLATE NOCASE", q.Actor)
	add(q.Object != "", "object = ? COLLATE NOCASE", q.Object)
	add(q.Action != "", "action = ?", string(q.Action))
	add(q.Cluster != "", "cluster = ?", q.Cluster)
	add(q.Result != "", "result = ?", string(q.Result))
	add(!q.From.IsZero(), "at >= ?", toMillis(q.From))
	add(!q.To.IsZero(), "at < ?", toMillis(q.To))
	for _, word := range q.Words {
		const columns = 9
		add(true, `(actor LIKE ? ESCAPE '\' OR address LIKE ? ESCAPE '\' OR request_id LIKE ? ESCAPE '\' OR action LIKE ? ESCAPE '\' OR cluster LIKE ? ESCAPE '\'
			OR object LIKE ? ESCAPE '\' OR reason LIKE ? ESCAPE '\' OR before LIKE ? ESCAPE '\' OR after LIKE ? ESCAPE '\')`,
			repeated(containing(word), columns)...)
	}
	if len(q.Among) > 0 {
		add(true, "action IN ("+marks(len(q.Among))+")", anyOf(q.Among)...)
	}
	return strings.Join(terms, " AND "), args
}

func repeated(value any, n int) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = value
	}
	return out
}

func anyOf(actions []Action) []any {
	out := make([]any, len(actions))
	for i, a := range actions {
		out[i] = string(a)
	}
	return out
}

// Entries gives the newest entries of the audit log that a query asks for.
func (s *Store) Entries(ctx context.Context, q EntryQuery) ([]Entry, error) {
	where, args := q.where()
	rows, err := s.r.QueryContext(ctx, `SELECT id, at, actor_id, actor, address, request_id, action, cluster, object, before, after, reason, result,
		action LIKE 'batch.%' AND EXISTS (SELECT 1 FROM batches b WHERE b.id = audit.object)
		FROM audit WHERE `+where+` ORDER BY id DESC LIMIT ?`, append(args, q.Limit)...)
	if err != nil {
		return nil, mapErr(fmt.Errorf("read the audit log: %w", err))
	}
	defer func() { _ = rows.Close() }()
	found := []Entry{}
	for rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return nil, err
		}
		found = append(found, e)
	}
	return found, mapErr(rows.Err())
}

func scanEntry(row scanner) (Entry, error) {
	var (
		e             Entry
		at            int64
		before, after sql.NullString
	)
	err := row.Scan(&e.ID, &at, &e.ActorID, &e.Actor, &e.Address, &e.RequestID, &e.Action, &e.Cluster, &e.Object, &before, &after, &e.Reason, &e.Result, &e.Kept)
	if err != nil {
		return Entry{}, mapErr(fmt.Errorf("read the audit log: %w", err))
	}
	e.At, e.Before, e.After = fromMillis(at), rawJSON(before), rawJSON(after)
	return e, nil
}

// Retention says what is too old to be kept. The zero time keeps everything.
type Retention struct {
	Batches time.Time // batches that ended before
	Audit   time.Time // entries of the audit log before
	At      time.Time // the present moment
}

// Purged says how much a purge deleted.
type Purged struct {
	Batches int `json:"batches"`
	Entries int `json:"entries"`
}

// Any reports whether anything was deleted.
func (p Purged) Any() bool { return p.Batches+p.Entries > 0 }

const (
	purgeBatches = 20 // of one transaction; each may have thousands of items
	purgeEntries = 5000
)

// Purge deletes what is too old, a part that other writers need not wait long
// for; call it again until nothing was deleted. What it deleted is an entry of
// the audit log.
//
// A batch that has not ended stays, and with it every batch that it goes back
// to. One that has ended and goes back to a deleted one no longer says so.
func (s *Store) Purge(ctx context.Context, r Retention) (gone Purged, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		if gone.Batches, err = purgeOldBatches(ctx, tx, r.Batches); err != nil {
			return err
		}
		if gone.Entries, err = purgeOldEntries(ctx, tx, r.Audit); err != nil || !gone.Any() {
			return err
		}
		return s.note(ctx, tx, Entry{At: r.At, Action: ActionRetention, After: facts(
			"batches", gone.Batches, "entries", gone.Entries, "batchesBefore", timeOrNil(r.Batches), "entriesBefore", timeOrNil(r.Audit))})
	})
	return gone, err
}

func timeOrNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

func purgeOldBatches(ctx context.Context, tx *sql.Tx, before time.Time) (int, error) {
	if before.IsZero() {
		return 0, nil
	}
	ids, err := oldBatches(ctx, tx, before)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	old := marks(len(ids))
	for _, query := range []string{
		`UPDATE batches SET retry_of = NULL WHERE retry_of IN (` + old + `)`,
		`UPDATE batches SET undo_of = NULL WHERE undo_of IN (` + old + `)`,
		`DELETE FROM batches WHERE id IN (` + old + `)`,
	} {
		if _, err := tx.ExecContext(ctx, query, ids...); err != nil {
			return 0, fmt.Errorf("delete old batches: %w", err)
		}
	}
	return len(ids), nil
}

// oldBatches gives the ids of batches that may go, the oldest first.
func oldBatches(ctx context.Context, tx *sql.Tx, before time.Time) ([]any, error) {
	rows, err := tx.QueryContext(ctx, `WITH RECURSIVE needed (id) AS (
			SELECT id FROM batches WHERE state IN ('running', 'interrupted')
			UNION SELECT coalesce(b.retry_of, '') FROM batches b JOIN needed n ON b.id = n.id
			UNION SELECT coalesce(b.undo_of, '') FROM batches b JOIN needed n ON b.id = n.id)
		SELECT id FROM batches WHERE ended_at < $1 AND id NOT IN (SELECT id FROM needed) ORDER BY ended_at LIMIT $2`, toMillis(before), purgeBatches)
	if err != nil {
		return nil, fmt.Errorf("look for old batches: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var ids []any
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("look for old batches: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// purgeOldEntries deletes entries within the leave that audit_retention gives
// for the time of this transaction.
func purgeOldEntries(ctx context.Context, tx *sql.Tx, before time.Time) (int, error) {
	if before.IsZero() {
		return 0, nil
	}
	if _, err := tx.ExecContext(ctx, `UPDATE audit_retention SET before = $1`, toMillis(before)); err != nil {
		return 0, fmt.Errorf("give leave to delete from the audit log: %w", err)
	}
	res, err := tx.ExecContext(ctx, `DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < $1 ORDER BY at LIMIT $2)`, toMillis(before), purgeEntries)
	if err != nil {
		return 0, fmt.Errorf("delete from the audit log: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE audit_retention SET before = 0`); err != nil {
		return 0, fmt.Errorf("take the leave back: %w", err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// marks gives n placeholders.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }
