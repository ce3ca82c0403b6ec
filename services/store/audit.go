package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"kube-node-manager/services"
)

// Action is the kind of an entry of the audit log. The part before the dot is the
// kind of its object.
type Action string

// The actions. Views need a message for each.
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
	ActionUserGrants   Action = "user.grants"
	ActionUserSignOut  Action = "user.signout"
	ActionUserDelete   Action = "user.delete"
	ActionTokenCreate  Action = "token.create"
	ActionTokenRevoke  Action = "token.revoke"

	ActionFactorAdd      Action = "factor.add"
	ActionFactorRemove   Action = "factor.remove"
	ActionFactorCodes    Action = "factor.codes"
	ActionFactorRecovery Action = "factor.recovery" // a recovery code was used

	ActionBatchCreate  Action = "batch.create"
	ActionBatchBegin   Action = "batch.begin" // of one that has waited
	ActionBatchHold    Action = "batch.hold"  // it was to begin, and waits for a person
	ActionBatchAsk     Action = "batch.ask"   // for another approval
	ActionBatchApprove Action = "batch.approve"
	ActionBatchReject  Action = "batch.reject"
	ActionBatchPause   Action = "batch.pause"
	ActionBatchResume  Action = "batch.resume"
	ActionBatchSkip    Action = "batch.skip" // a person did not wait for a gate, or for one that had failed
	ActionBatchCancel  Action = "batch.cancel"
	ActionBatchEnd     Action = "batch.end"

	ActionTemplateCreate Action = "template.create"
	ActionTemplateUpdate Action = "template.update"
	ActionTemplateDelete Action = "template.delete"
	ActionTemplateImport Action = "template.import"
	ActionTemplateExport Action = "template.export"

	ActionViewShare   Action = "view.share"
	ActionViewUpdate  Action = "view.update"
	ActionViewUnshare Action = "view.unshare"
	ActionViewDelete  Action = "view.delete"

	ActionClusterImport      Action = "cluster.import"
	ActionClusterUpdate      Action = "cluster.update"
	ActionClusterRename      Action = "cluster.rename"
	ActionClusterCredentials Action = "cluster.credentials"
	ActionClusterDisable     Action = "cluster.disable"
	ActionClusterEnable      Action = "cluster.enable"
	ActionClusterDelete      Action = "cluster.delete"
	ActionClusterRotate      Action = "cluster.rotate"
	ActionClusterRules       Action = "cluster.rules"

	ActionHookCreate  Action = "hook.create"
	ActionHookUpdate  Action = "hook.update"
	ActionHookEnable  Action = "hook.enable"
	ActionHookDisable Action = "hook.disable"
	ActionHookTest    Action = "hook.test"
	ActionHookDelete  Action = "hook.delete"

	ActionNodesExport Action = "nodes.export"
	ActionBatchExport Action = "batch.export"
	ActionAuditExport Action = "audit.export"
	ActionBackup      Action = "backup"
	ActionRestore     Action = "restore"
	ActionCopy        Action = "copy" // of a SQLite database to PostgreSQL
	ActionRetention   Action = "retention"
)

// Actions returns every action, the most interesting first.
func Actions() []Action {
	return []Action{
		ActionBatchCreate, ActionBatchBegin, ActionBatchHold,
		ActionBatchAsk, ActionBatchApprove, ActionBatchReject,
		ActionBatchPause, ActionBatchResume, ActionBatchSkip, ActionBatchCancel, ActionBatchEnd,
		ActionTemplateCreate, ActionTemplateUpdate, ActionTemplateDelete,
		ActionTemplateImport, ActionTemplateExport,
		ActionViewShare, ActionViewUpdate, ActionViewUnshare, ActionViewDelete,
		ActionClusterImport, ActionClusterUpdate, ActionClusterRename, ActionClusterCredentials,
		ActionClusterDisable, ActionClusterEnable, ActionClusterDelete, ActionClusterRotate,
		ActionClusterRules,
		ActionHookCreate, ActionHookUpdate, ActionHookEnable, ActionHookDisable, ActionHookTest, ActionHookDelete,
		ActionNodesExport, ActionBatchExport, ActionAuditExport, ActionBackup, ActionRestore, ActionCopy,
		ActionLogin, ActionLoginFailed, ActionLogout, ActionSetup,
		ActionUserCreate, ActionUserPassword, ActionUserDisable, ActionUserEnable,
		ActionUserRole, ActionUserGrants, ActionUserSignOut, ActionUserDelete,
		ActionTokenCreate, ActionTokenRevoke,
		ActionFactorAdd, ActionFactorRemove, ActionFactorCodes, ActionFactorRecovery,
		ActionRetention,
	}
}

// Result is the result of an action.
type Result string

// The results.
const (
	ResultOK        Result = "ok"
	ResultPartial   Result = "partial"
	ResultFailed    Result = "failed"
	ResultCancelled Result = "cancelled"
	ResultRefused   Result = "refused"
)

// Results returns every result.
func Results() []Result {
	return []Result{ResultOK, ResultPartial, ResultFailed, ResultCancelled, ResultRefused}
}

// resultOf returns the result of a batch that has ended.
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
	ActorID   int64           `json:"-"`     // 0 if the actor has not signed in
	Actor     string          `json:"actor"` // "" for the program itself, and for an unknown actor
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

// NoteControl writes an entry about a batch that a person controls. It is for
// actions that do not change the database.
func (s *Store) NoteControl(ctx context.Context, b Batch, a Action) error {
	return s.Note(ctx, controlEntry(b, a))
}

// controlEntry returns an entry about a batch. Its author is the actor of the
// context.
func controlEntry(b Batch, a Action, more ...any) Entry {
	after := facts(append([]any{"operation", b.Operation, "total", b.Total}, more...)...)
	return Entry{Action: a, Cluster: b.Cluster, Object: b.ID, After: after}
}

// Note writes an entry about an action that does not change the database. The
// other actions write their entries in their own transactions, with note.
func (s *Store) Note(ctx context.Context, e Entry) error {
	return s.write(ctx, func(tx *sql.Tx) error { return s.note(ctx, tx, e) })
}

// note writes an entry. If they are not set, the time is now, the actor is that of
// the context, and the result is ResultOK.
func (s *Store) note(ctx context.Context, tx *sql.Tx, e Entry) error {
	if e.Actor == "" && e.ActorID == 0 && e.Address == "" {
		actor := services.ActorFrom(ctx)
		e.ActorID, e.Actor = actor.ID, actor.Name
		e.Address, e.RequestID = actor.Address, actor.RequestID
	}
	if e.At.IsZero() {
		e.At = s.now()
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO audit
		(at, actor_id, actor, address, request_id, action, cluster, object, before, after, reason, result)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		toMillis(e.At), e.ActorID, e.Actor, e.Address, e.RequestID, string(e.Action), e.Cluster, e.Object,
		nullJSON(e.Before), nullJSON(e.After), e.Reason, string(cmp.Or(e.Result, ResultOK)))
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

// noteAs is like note, for an actor that is not yet in the context. The client
// address is that of the context.
func (s *Store) noteAs(ctx context.Context, tx *sql.Tx, id int64, name string, e Entry) error {
	actor := services.ActorFrom(ctx)
	e.ActorID, e.Actor, e.Address, e.RequestID = id, name, actor.Address, actor.RequestID
	return s.note(ctx, tx, e)
}

// facts encodes key-value pairs for the Before or After of an entry. It leaves out
// empty values.
func facts(pairs ...any) json.RawMessage {
	values := services.Args(pairs...)
	maps.DeleteFunc(values, func(_ string, value any) bool {
		raw, isRaw := value.(json.RawMessage)
		return value == nil || value == "" || isRaw && !json.Valid(raw)
	})
	raw, err := json.Marshal(values)
	if err != nil {
		panic("store: cannot encode an audit entry: " + err.Error()) // impossible for plain values
	}
	return raw
}

// EntryQuery says which entries to return. Empty fields do not limit the result.
type EntryQuery struct {
	OwnerID       int64 // with Owner: only actions of this user
	Owner         string
	Among         []Action // only these
	Actor, Object string   // in any case
	Action        Action
	Cluster       string
	Node          string // only about batches that have this node
	Result        Result
	From, To      time.Time // To is exclusive
	Words         []string  // each must occur somewhere in the entry
	Before        int64     // only entries older than the one with this id
	Limit         int
}

func (q EntryQuery) conditions(e engine) conditions {
	c := conditions{engine: e}
	// Few entries are about a node: the index of a condition that holds for many entries must
	// not be used instead.
	unindexed := ""
	if q.Node != "" {
		unindexed = e.unindexed
	}
	c.add(q.Before > 0, unindexed+"id < ?", q.Before)
	c.add(q.OwnerID != 0, unindexed+"actor_id = ? AND actor = ?", q.OwnerID, q.Owner)
	c.add(q.Actor != "", "lower(actor) = lower(?)", q.Actor)
	c.add(q.Object != "", "lower(object) = lower(?)", q.Object)
	c.add(q.Action != "", unindexed+"action = ?", string(q.Action))
	c.add(q.Cluster != "", unindexed+"cluster = ?", q.Cluster)
	c.add(q.Node != "", "object IN (SELECT batch_id FROM batch_items WHERE node = ?)", q.Node)
	c.add(q.Result != "", "result = ?", string(q.Result))
	c.add(!q.From.IsZero(), unindexed+"at >= ?", toMillis(q.From))
	c.add(!q.To.IsZero(), unindexed+"at < ?", toMillis(q.To))
	c.addWords(q.Words, []string{
		"actor", "address", "request_id", "action", "cluster", "object", "reason", "before", "after",
	})
	c.add(len(q.Among) > 0, unindexed+"action IN ("+questions(len(q.Among))+")", anyOf(q.Among)...)
	return c
}

func anyOf(actions []Action) []any {
	out := make([]any, len(actions))
	for i, a := range actions {
		out[i] = string(a)
	}
	return out
}

// Entries returns the newest entries of the audit log that match a query.
func (s *Store) Entries(ctx context.Context, q EntryQuery) ([]Entry, error) {
	c := q.conditions(s.engine)
	limit := c.arg(q.Limit)
	return list(ctx, s.r, "read the audit log", scanEntry, `SELECT id, at, actor_id, actor, address, request_id,
		action, cluster, object, before, after, reason, result,
		action LIKE 'batch.%' AND EXISTS (SELECT 1 FROM batches b WHERE b.id = audit.object)
		FROM audit WHERE `+c.where()+` ORDER BY id DESC LIMIT `+limit, c.args...)
}

func scanEntry(row scanner) (Entry, error) {
	var (
		e             Entry
		at            int64
		before, after sql.NullString
	)
	err := row.Scan(&e.ID, &at, &e.ActorID, &e.Actor, &e.Address, &e.RequestID,
		&e.Action, &e.Cluster, &e.Object, &before, &after, &e.Reason, &e.Result, &e.Kept)
	e.At, e.Before, e.After = fromMillis(at), rawJSON(before), rawJSON(after)
	return e, err
}
