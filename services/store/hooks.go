package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"kube-node-manager/services"
)

// Hook is a webhook.
type Hook struct {
	ID        int64     `json:"id"`
	Name      string    `json:"name"`
	Cluster   string    `json:"cluster"` // "" for all
	Format    string    `json:"format"`
	Language  string    `json:"language"`
	Events    []string  `json:"events"`
	Minutes   int       `json:"minutes"` // that a drain is blocked before it is told
	Host      string    `json:"host"`    // of its address, which is secret itself
	Disabled  bool      `json:"disabled"`
	CreatedBy string    `json:"createdBy"`
	CreatedAt time.Time `json:"createdAt"`
	HookSecret
}

// HookSecret is the encrypted address and secret of a hook.
type HookSecret struct {
	KeyID   string `json:"-"`
	DataKey []byte `json:"-"`
	Secret  []byte `json:"-"`
}

// DeliveryState is whether a delivery has arrived.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryPending DeliveryState = "pending"
	DeliverySent    DeliveryState = "sent"
	DeliveryFailed  DeliveryState = "failed"
)

// Delivery is a message to a hook.
type Delivery struct {
	ID        int64           `json:"id"`
	HookID    int64           `json:"-"`
	Hook      string          `json:"hook"` // its name
	Event     string          `json:"event"`
	BatchID   string          `json:"batch,omitempty"` // "" for a test
	Message   json.RawMessage `json:"-"`
	State     DeliveryState   `json:"state"`
	Attempts  int             `json:"attempts"`
	NextAt    time.Time       `json:"nextAt"`
	Answer    string          `json:"answer"` // of the last try
	CreatedAt time.Time       `json:"createdAt"`
	EndedAt   *time.Time      `json:"endedAt"`
}

const hookColumns = `id, name, cluster, format, language, events, minutes, host, disabled, created_by, created_at,
	key_id, data_key, secret`

func scanHook(row scanner) (h Hook, err error) {
	var events string
	var created int64
	err = row.Scan(&h.ID, &h.Name, &h.Cluster, &h.Format, &h.Language, &events, &h.Minutes, &h.Host, &h.Disabled,
		&h.CreatedBy, &created, &h.KeyID, &h.DataKey, &h.Secret)
	if err != nil {
		return Hook{}, err
	}
	h.CreatedAt = fromMillis(created)
	return h, json.Unmarshal([]byte(events), &h.Events)
}

// Hooks returns all hooks in the order of their names.
func (s *Store) Hooks(ctx context.Context) ([]Hook, error) {
	return list(ctx, s.r, "read the hooks", scanHook, `SELECT `+hookColumns+` FROM hooks ORDER BY name`)
}

// Hook returns a hook, or CodeNotFound.
func (s *Store) Hook(ctx context.Context, id int64) (Hook, error) {
	h, err := scanHook(s.r.QueryRowContext(ctx, `SELECT `+hookColumns+` FROM hooks WHERE id = $1`, id))
	return h, mapErr(err)
}

// InsertHook stores a hook and returns its id. seal encrypts its secret for that id.
//
// Errors: CodeConflict for a name that another hook has.
func (s *Store) InsertHook(ctx context.Context, h Hook, seal func(id int64) (HookSecret, error)) (id int64, err error) {
	events, err := json.Marshal(h.Events)
	if err != nil {
		return 0, fmt.Errorf("encode the events of a hook: %w", err)
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `INSERT INTO hooks (name, cluster, format, language, events, minutes, host,
				created_by, created_at, key_id, data_key, secret)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', $10, $10) RETURNING id`,
			h.Name, h.Cluster, h.Format, h.Language, string(events), h.Minutes, h.Host,
			h.CreatedBy, toMillis(h.CreatedAt), []byte{}).Scan(&id)
		if err != nil {
			return fmt.Errorf("insert a hook: %w", err)
		}
		secret, err := seal(id)
		if err != nil {
			return err
		}
		if err := setHookSecret(ctx, tx, id, secret); err != nil {
			return err
		}
		return s.noteHook(ctx, tx, ActionHookCreate, h)
	})
	return id, err
}

func setHookSecret(ctx context.Context, tx *sql.Tx, id int64, to HookSecret) error {
	_, err := tx.ExecContext(ctx, `UPDATE hooks SET key_id = $1, data_key = $2, secret = $3 WHERE id = $4`,
		to.KeyID, to.DataKey, to.Secret, id)
	return err
}

// noteHook writes an entry about a hook, without its secrets.
func (s *Store) noteHook(ctx context.Context, tx *sql.Tx, a Action, h Hook) error {
	return s.note(ctx, tx, hookEntry(a, h))
}

func hookEntry(a Action, h Hook) Entry {
	return Entry{Action: a, Cluster: h.Cluster, Object: h.Name, After: hookFacts(h)}
}

func hookFacts(h Hook, more ...any) json.RawMessage {
	return facts(append([]any{
		"name", h.Name, "format", h.Format, "language", h.Language, "events", h.Events, "minutes", h.Minutes,
		"host", h.Host,
	}, more...)...)
}

// HookChange says which of the secrets of a hook a change replaces.
type HookChange struct{ URL, Secret bool }

// UpdateHook stores a hook as it is now. What is to be sent to it goes to its new address.
//
// Errors: CodeConflict for a name that another hook has; CodeNotFound if it was deleted.
func (s *Store) UpdateHook(ctx context.Context, before, h Hook, changed HookChange) error {
	events, err := json.Marshal(h.Events)
	if err != nil {
		return fmt.Errorf("encode the events of a hook: %w", err)
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE hooks SET name = $1, cluster = $2, format = $3, language = $4,
				events = $5, minutes = $6, host = $7, key_id = $8, data_key = $9, secret = $10 WHERE id = $11`,
			h.Name, h.Cluster, h.Format, h.Language, string(events), h.Minutes, h.Host,
			h.KeyID, h.DataKey, h.Secret, h.ID)
		if err != nil {
			return fmt.Errorf("update a hook: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return services.Wrap(err, services.CodeNotFound, "error_hook_unknown")
		}
		e := hookEntry(ActionHookUpdate, h)
		e.Before = hookFacts(before)
		e.After = hookFacts(h, "newAddress", changed.URL, "newSecret", changed.Secret)
		return s.note(ctx, tx, e)
	})
}

// SwitchHook enables or disables a hook. What is to be sent to one that is disabled waits.
func (s *Store) SwitchHook(ctx context.Context, h Hook, disabled bool) error {
	action := ActionHookEnable
	if disabled {
		action = ActionHookDisable
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE hooks SET disabled = $1 WHERE id = $2`, disabled, h.ID); err != nil {
			return err
		}
		return s.noteHook(ctx, tx, action, h)
	})
}

// DeleteHook deletes a hook with its deliveries.
func (s *Store) DeleteHook(ctx context.Context, h Hook) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM hooks WHERE id = $1`, h.ID); err != nil {
			return err
		}
		return s.noteHook(ctx, tx, ActionHookDelete, h)
	})
}

// EntriesAfter returns the entries about batches after an id of the audit log, the oldest
// first, and the newest id of the whole log.
func (s *Store) EntriesAfter(ctx context.Context, id int64, limit int) (entries []Entry, last int64, err error) {
	err = s.r.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) FROM audit`).Scan(&last)
	if err != nil || last <= id {
		return nil, last, mapErr(err)
	}
	entries, err = list(ctx, s.r, "read the audit log", scanEntry, `SELECT id, at, actor_id, actor, address, request_id,
		action, cluster, object, before, after, reason, result, TRUE
		FROM audit WHERE id > $1 AND id <= $2 AND action LIKE 'batch.%' ORDER BY id LIMIT $3`, id, last, limit)
	if len(entries) == limit {
		last = entries[limit-1].ID
	}
	return entries, last, err
}

// Enqueue stores deliveries, and up to which entry of the audit log they are complete; -1
// leaves that as it is.
func (s *Store) Enqueue(ctx context.Context, upTo int64, deliveries []Delivery) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, d := range deliveries {
			_, err := tx.ExecContext(ctx, `INSERT INTO deliveries
				(hook_id, event, batch_id, message, state, next_at, created_at)
				SELECT $1, $2, $3, $4, 'pending', $5, $5 WHERE EXISTS (SELECT 1 FROM hooks WHERE id = $1)`,
				d.HookID, d.Event, d.BatchID, string(d.Message), toMillis(d.CreatedAt))
			if err != nil {
				return fmt.Errorf("insert a delivery: %w", err)
			}
		}
		if upTo < 0 {
			return nil
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO settings (key, value) VALUES ('notified', $1)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value`, fmt.Sprint(upTo))
		return err
	})
}

const selectDeliveries = `SELECT d.id, d.hook_id, h.name, d.event, d.batch_id, d.message, d.state, d.attempts,
	d.next_at, d.answer, d.created_at, d.ended_at FROM deliveries d JOIN hooks h ON h.id = d.hook_id `

func scanDelivery(row scanner) (d Delivery, err error) {
	var message string
	var next, created int64
	var ended sql.NullInt64
	err = row.Scan(&d.ID, &d.HookID, &d.Hook, &d.Event, &d.BatchID, &message, &d.State, &d.Attempts,
		&next, &d.Answer, &created, &ended)
	d.Message, d.NextAt, d.CreatedAt, d.EndedAt = json.RawMessage(message), fromMillis(next), fromMillis(created),
		fromNullMillis(ended)
	return d, err
}

// DueHooks returns the hooks that are enabled and have something that is to be sent now.
func (s *Store) DueHooks(ctx context.Context, now time.Time) ([]int64, error) {
	return list(ctx, s.r, "read deliveries", scanID, `SELECT DISTINCT d.hook_id
		FROM deliveries d JOIN hooks h ON h.id = d.hook_id
		WHERE d.state = 'pending' AND d.next_at <= $1 AND NOT h.disabled`, toMillis(now))
}

func scanID(row scanner) (id int64, err error) {
	err = row.Scan(&id)
	return id, err
}

// NextDelivery returns what is to be sent next to a hook that is enabled: a test, which
// somebody waits for, or else the oldest. Without any it returns CodeNotFound.
func (s *Store) NextDelivery(ctx context.Context, hook int64) (Delivery, error) {
	d, err := scanDelivery(s.r.QueryRowContext(ctx, selectDeliveries+`WHERE d.hook_id = $1 AND d.state = 'pending'
		AND NOT h.disabled ORDER BY d.event <> 'test', d.id LIMIT 1`, hook))
	return d, mapErr(err)
}

// Deliveries returns the newest deliveries.
func (s *Store) Deliveries(ctx context.Context, limit int) ([]Delivery, error) {
	return list(ctx, s.r, "read deliveries", scanDelivery, selectDeliveries+`ORDER BY d.id DESC LIMIT $1`, limit)
}

// Told reports whether a hook has a delivery of an event of a batch.
func (s *Store) Told(ctx context.Context, hook int64, event, batch string) (told bool, err error) {
	err = s.r.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM deliveries
		WHERE hook_id = $1 AND event = $2 AND batch_id = $3)`, hook, event, batch).Scan(&told)
	return told, mapErr(err)
}

// SetDelivery stores what became of a try, and forgets all but the newest deliveries.
func (s *Store) SetDelivery(ctx context.Context, d Delivery, keep int) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE deliveries
			SET state = $1, attempts = $2, next_at = $3, answer = $4, ended_at = $5 WHERE id = $6`,
			string(d.State), d.Attempts, toMillis(d.NextAt), d.Answer, toNullMillis(d.EndedAt), d.ID)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM deliveries WHERE state <> 'pending'
			AND id <= (SELECT max(id) FROM deliveries) - $1`, keep)
		return err
	})
}
