package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"kube-node-manager/services"
)

// Template is a stored set of labels or taints.
type Template struct {
	ID          int64
	Kind        string // "labels" or "taints"
	Name        string // unique in its kind without regard to case
	Description string
	Entries     json.RawMessage
	Clusters    []string // none means all
	CreatedBy   string
	CreatedAt   time.Time
	UpdatedBy   string
	UpdatedAt   time.Time // grows with every change
	Uses        int       // batches that it made
	LastUsedAt  *time.Time
}

// TemplateQuery says which templates to give. Text is looked for in names,
// descriptions, keys and values.
type TemplateQuery struct {
	Kind   string // "" means every kind
	Text   string
	Limit  int // 0 means all
	Offset int
}

const templateColumns = `id, kind, name, description, entries, clusters, created_by, created_at, updated_by, updated_at, uses, last_used_at`

// templateMatch takes a kind as $1 and a pattern of LIKE as $2.
const templateMatch = ` WHERE ($1 = '' OR kind = $1) AND ($2 = '' OR name LIKE $2 ESCAPE '\' OR description LIKE $2 ESCAPE '\'
	OR EXISTS (SELECT 1 FROM json_each(entries) e
		WHERE e.value ->> 'key' LIKE $2 ESCAPE '\' OR e.value ->> 'effect' LIKE $2 ESCAPE '\'
		OR EXISTS (SELECT 1 FROM json_each(e.value, '$.values') v WHERE v.value LIKE $2 ESCAPE '\')))`

// Templates gives the templates that a query asks for, by name, and how many
// there are without its limit.
func (s *Store) Templates(ctx context.Context, q TemplateQuery) (found []Template, total int, err error) {
	pattern := containing(q.Text)
	if err := s.r.QueryRowContext(ctx, `SELECT count(*) FROM templates`+templateMatch, q.Kind, pattern).Scan(&total); err != nil {
		return nil, 0, mapErr(fmt.Errorf("count templates: %w", err))
	}
	rows, err := s.r.QueryContext(ctx, `SELECT `+templateColumns+` FROM templates`+templateMatch+
		` ORDER BY name COLLATE NOCASE, kind, id LIMIT $3 OFFSET $4`, q.Kind, pattern, cmp.Or(q.Limit, -1), q.Offset)
	if err != nil {
		return nil, 0, mapErr(fmt.Errorf("read templates: %w", err))
	}
	defer func() { _ = rows.Close() }()
	found = []Template{}
	for rows.Next() {
		t, err := scanTemplate(rows)
		if err != nil {
			return nil, 0, err
		}
		found = append(found, t)
	}
	return found, total, mapErr(rows.Err())
}

// containing gives the pattern of LIKE for a text anywhere; "" for none.
func containing(text string) string {
	if text == "" {
		return ""
	}
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
}

// Template gives a template of that kind, or CodeNotFound.
func (s *Store) Template(ctx context.Context, kind string, id int64) (Template, error) {
	return findTemplate(ctx, s.r, kind, id)
}

func findTemplate(ctx context.Context, q querier, kind string, id int64) (Template, error) {
	return scanTemplate(q.QueryRowContext(ctx, `SELECT `+templateColumns+` FROM templates WHERE kind = $1 AND id = $2`, kind, id))
}

func scanTemplate(row scanner) (Template, error) {
	var (
		t                 Template
		entries, clusters string
		created, updated  int64
		used              sql.NullInt64
	)
	err := row.Scan(&t.ID, &t.Kind, &t.Name, &t.Description, &entries, &clusters, &t.CreatedBy, &created, &t.UpdatedBy, &updated, &t.Uses, &used)
	if err != nil {
		return Template{}, mapErr(fmt.Errorf("read template: %w", err))
	}
	if err := json.Unmarshal([]byte(clusters), &t.Clusters); err != nil {
		return Template{}, fmt.Errorf("read template: decode its clusters: %w", err)
	}
	t.Entries, t.CreatedAt, t.UpdatedAt, t.LastUsedAt = json.RawMessage(entries), fromMillis(created), fromMillis(updated), fromNullMillis(used)
	return t, nil
}

// InsertTemplate adds a template and gives it as it is stored. UpdatedBy and
// UpdatedAt are those of its making. A name in use is CodeInvalid for the field
// "name".
func (s *Store) InsertTemplate(ctx context.Context, t Template) (made Template, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		made, err = s.insertTemplate(ctx, tx, t)
		return err
	})
	return made, err
}

func (s *Store) insertTemplate(ctx context.Context, tx *sql.Tx, t Template) (Template, error) {
	clusters, err := encodeClusters(t.Clusters)
	if err != nil {
		return Template{}, err
	}
	made, err := scanTemplate(tx.QueryRowContext(ctx, `INSERT INTO templates
		(kind, name, description, entries, clusters, created_by, created_at, updated_by, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $6, $7) RETURNING `+templateColumns,
		t.Kind, t.Name, t.Description, string(t.Entries), clusters, t.CreatedBy, toMillis(t.CreatedAt)))
	if err != nil {
		return Template{}, nameTaken(err, t.Name)
	}
	return made, s.note(ctx, tx, Entry{Action: ActionTemplateCreate, Object: made.Name, After: made.facts()})
}

// facts are what the audit log keeps of a template.
func (t Template) facts() json.RawMessage {
	return facts("kind", t.Kind, "id", t.ID, "name", t.Name, "description", t.Description, "entries", t.Entries, "clusters", t.Clusters)
}

// nameTaken names the field when a template cannot have its name.
func nameTaken(err error, name string) error {
	if services.CodeOf(err) == services.CodeConflict {
		return services.Invalid("name", "error_template_name_taken", "Name", name)
	}
	return err
}

func encodeClusters(clusters []string) (string, error) {
	if clusters == nil {
		clusters = []string{}
	}
	raw, err := json.Marshal(clusters)
	if err != nil {
		return "", fmt.Errorf("encode the clusters of a template: %w", err)
	}
	return string(raw), nil
}

// UpdateTemplate changes what a template is, and gives it as it is stored. One
// that is no longer of the version seen is CodeConflict; the zero time takes
// any version. A name in use is CodeInvalid for the field "name".
func (s *Store) UpdateTemplate(ctx context.Context, t Template, seen time.Time) (changed Template, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		old, err := findTemplate(ctx, tx, t.Kind, t.ID)
		if err != nil {
			return err
		}
		if !seen.IsZero() && toMillis(seen) != toMillis(old.UpdatedAt) {
			return services.NewError(services.CodeConflict, "error_template_changed", "Name", old.Name, "By", old.UpdatedBy)
		}
		changed, err = s.updateTemplate(ctx, tx, old, t)
		return err
	})
	return changed, err
}

func (s *Store) updateTemplate(ctx context.Context, tx *sql.Tx, old, t Template) (Template, error) {
	clusters, err := encodeClusters(t.Clusters)
	if err != nil {
		return Template{}, err
	}
	changed, err := scanTemplate(tx.QueryRowContext(ctx, `UPDATE templates SET name = $1, description = $2, entries = $3, clusters = $4,
		updated_by = $5, updated_at = max($6, updated_at + 1) WHERE kind = $7 AND id = $8 RETURNING `+templateColumns,
		t.Name, t.Description, string(t.Entries), clusters, t.UpdatedBy, toMillis(t.UpdatedAt), t.Kind, t.ID))
	if err != nil {
		return Template{}, nameTaken(err, t.Name)
	}
	return changed, s.note(ctx, tx, Entry{Action: ActionTemplateUpdate, Object: changed.Name, Before: old.facts(), After: changed.facts()})
}

// DeleteTemplate removes a template and gives what it was.
func (s *Store) DeleteTemplate(ctx context.Context, kind string, id int64) (gone Template, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		gone, err = scanTemplate(tx.QueryRowContext(ctx, `DELETE FROM templates WHERE kind = $1 AND id = $2 RETURNING `+templateColumns, kind, id))
		if err != nil {
			return err
		}
		return s.note(ctx, tx, Entry{Action: ActionTemplateDelete, Object: gone.Name, Before: gone.facts()})
	})
	return gone, err
}

// Saved is what SaveTemplates did with one template.
type Saved int

// What can become of a template that is to be saved.
const (
	SavedNew Saved = iota + 1
	SavedOver
	NotSaved // there is one of its name, which was not to be replaced
)

// errNotSaved takes back what was saved before a template that was not.
var errNotSaved = errors.New("a template is not to be replaced")

// SaveTemplates adds templates, and puts those whose name is in use in the place
// of the others when replace says so. All are saved, or none: as soon as one is
// NotSaved, the rest only says what would have become of it. CreatedBy and
// CreatedAt count for all of them; one that is replaced keeps its own maker.
func (s *Store) SaveTemplates(ctx context.Context, all []Template, replace bool) ([]Saved, error) {
	saved := make([]Saved, len(all))
	err := s.write(ctx, func(tx *sql.Tx) error {
		refused := false
		for i, t := range all {
			var err error
			if saved[i], err = s.saveTemplate(ctx, tx, t, replace); err != nil {
				return err
			}
			refused = refused || saved[i] == NotSaved
		}
		if refused {
			return errNotSaved
		}
		return s.noteImport(ctx, tx, all)
	})
	if errors.Is(err, errNotSaved) {
		err = nil
	}
	return saved, err
}

// noteImport notes that templates came together; each has an entry of its own.
func (s *Store) noteImport(ctx context.Context, tx *sql.Tx, all []Template) error {
	if len(all) == 0 {
		return nil
	}
	return s.note(ctx, tx, Entry{Action: ActionTemplateImport, Object: all[0].Kind, After: facts("templates", len(all))})
}

func (s *Store) saveTemplate(ctx context.Context, tx *sql.Tx, t Template, replace bool) (Saved, error) {
	old, err := scanTemplate(tx.QueryRowContext(ctx, `SELECT `+templateColumns+` FROM templates WHERE kind = $1 AND name = $2`, t.Kind, t.Name))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		_, err = s.insertTemplate(ctx, tx, t)
		return SavedNew, err
	case err != nil:
		return 0, fmt.Errorf("look for template %q: %w", t.Name, err)
	case !replace:
		return NotSaved, nil
	}
	t.ID, t.UpdatedBy, t.UpdatedAt = old.ID, t.CreatedBy, t.CreatedAt
	_, err = s.updateTemplate(ctx, tx, old, t)
	return SavedOver, err
}

// useTemplate counts one batch of a template, which may be gone by now.
func useTemplate(ctx context.Context, tx *sql.Tx, id int64, at time.Time) error {
	if id == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `UPDATE templates SET uses = uses + 1, last_used_at = max($1, coalesce(last_used_at, $1)) WHERE id = $2`, toMillis(at), id)
	if err != nil {
		return fmt.Errorf("count the use of template %d: %w", id, err)
	}
	return nil
}
