package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	UpdatedAt   time.Time // later with every change
	Uses        int       // number of batches that used it
	LastUsedAt  *time.Time
}

// TemplateQuery says which templates to return. Text is searched for in names,
// descriptions, keys, effects and values.
type TemplateQuery struct {
	Kind   string // "" means every kind
	Text   string
	Limit  int // 0 means all
	Offset int
}

const templateColumns = `id, kind, name, description, entries, clusters,
	created_by, created_at, updated_by, updated_at, uses, last_used_at`

const selectTemplates = `SELECT ` + templateColumns + ` FROM templates`

// Templates returns the templates that match a query, by name, and their number
// without the query's limit.
func (s *Store) Templates(ctx context.Context, q TemplateQuery) (found []Template, total int, err error) {
	found, err = list(ctx, s.r, "read templates", scanTemplate,
		selectTemplates+` WHERE ($1 = '' OR kind = $1) ORDER BY lower(name), kind, id`, q.Kind)
	if err != nil {
		return nil, 0, err
	}
	// There are few templates, and each engine would search in JSON in another way.
	text := strings.ToLower(q.Text)
	found = slices.DeleteFunc(found, func(t Template) bool { return !t.contains(text) })
	total = len(found)
	found = found[min(q.Offset, total):]
	return found[:min(cmp.Or(q.Limit, total), len(found))], total, nil
}

// contains reports whether a text in lower case occurs in the name, the description, or a
// key, an effect or a value of the entries.
func (t Template) contains(text string) bool {
	var entries []struct {
		Key, Effect string
		Values      []string
	}
	_ = json.Unmarshal(t.Entries, &entries) // what is no such list has nothing to search
	words := []string{t.Name, t.Description}
	for _, e := range entries {
		words = append(words, e.Key, e.Effect)
		words = append(words, e.Values...)
	}
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(strings.ToLower(word), text) })
}

// Template returns a template of that kind, or CodeNotFound.
func (s *Store) Template(ctx context.Context, kind string, id int64) (Template, error) {
	return findTemplate(ctx, s.r, kind, id)
}

func findTemplate(ctx context.Context, q querier, kind string, id int64) (Template, error) {
	return scanTemplate(q.QueryRowContext(ctx, selectTemplates+` WHERE kind = $1 AND id = $2`, kind, id))
}

func scanTemplate(row scanner) (Template, error) {
	var (
		t                 Template
		entries, clusters string
		created, updated  int64
		used              sql.NullInt64
	)
	err := row.Scan(&t.ID, &t.Kind, &t.Name, &t.Description, &entries, &clusters,
		&t.CreatedBy, &created, &t.UpdatedBy, &updated, &t.Uses, &used)
	if err != nil {
		return Template{}, mapErr(fmt.Errorf("read template: %w", err))
	}
	if err := json.Unmarshal([]byte(clusters), &t.Clusters); err != nil {
		return Template{}, fmt.Errorf("read template: decode its clusters: %w", err)
	}
	t.Entries = json.RawMessage(entries)
	t.CreatedAt, t.UpdatedAt, t.LastUsedAt = fromMillis(created), fromMillis(updated), fromNullMillis(used)
	return t, nil
}

// InsertTemplate adds a template and returns it as it is stored. UpdatedBy and
// UpdatedAt are then the same as CreatedBy and CreatedAt. A name in use is
// CodeInvalid for the field "name".
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

// facts returns the template for an audit entry.
func (t Template) facts() json.RawMessage {
	return facts("kind", t.Kind, "id", t.ID, "name", t.Name, "description", t.Description,
		"entries", t.Entries, "clusters", t.Clusters)
}

// nameTaken turns a conflict of names into an error of the field "name".
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

// UpdateTemplate changes a template and returns it as it is stored. seen is the
// UpdatedAt of the template that the change is based on; if the template has
// changed since, the error is CodeConflict. The zero time allows any version. A
// name in use is CodeInvalid for the field "name".
func (s *Store) UpdateTemplate(ctx context.Context, t Template, seen time.Time) (changed Template, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		old, err := findTemplate(ctx, tx, t.Kind, t.ID)
		if err != nil {
			return err
		}
		if !seen.IsZero() && toMillis(seen) != toMillis(old.UpdatedAt) {
			return services.NewError(services.CodeConflict, "error_template_changed",
				"Name", old.Name, "By", old.UpdatedBy)
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
	changed, err := scanTemplate(tx.QueryRowContext(ctx, `UPDATE templates
		SET name = $1, description = $2, entries = $3, clusters = $4,
			updated_by = $5, updated_at = CASE WHEN $6 > updated_at THEN $6 ELSE updated_at + 1 END
		WHERE kind = $7 AND id = $8 RETURNING `+templateColumns,
		t.Name, t.Description, string(t.Entries), clusters, t.UpdatedBy, toMillis(t.UpdatedAt), t.Kind, t.ID))
	if err != nil {
		return Template{}, nameTaken(err, t.Name)
	}
	return changed, s.note(ctx, tx, Entry{
		Action: ActionTemplateUpdate, Object: changed.Name, Before: old.facts(), After: changed.facts(),
	})
}

// DeleteTemplate deletes a template and returns it as it was.
func (s *Store) DeleteTemplate(ctx context.Context, kind string, id int64) (gone Template, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		const del = `DELETE FROM templates WHERE kind = $1 AND id = $2 RETURNING ` + templateColumns
		gone, err = scanTemplate(tx.QueryRowContext(ctx, del, kind, id))
		if err != nil {
			return err
		}
		return s.note(ctx, tx, Entry{Action: ActionTemplateDelete, Object: gone.Name, Before: gone.facts()})
	})
	return gone, err
}

// Saved is the outcome of SaveTemplates for one template.
type Saved int

// The outcomes.
const (
	SavedNew  Saved = iota + 1
	SavedOver       // it has replaced the template of the same name
	NotSaved        // there is a template of the same name, which must not be replaced
)

// errNotSaved rolls back SaveTemplates.
var errNotSaved = errors.New("a template must not be replaced")

// SaveTemplates adds templates. If replace is true, a template replaces the one of
// the same name. Either all templates are saved or none: if one is NotSaved, the
// others only say what their outcome would have been. For all of them, CreatedBy
// and CreatedAt are the author and time of this change; a replaced template keeps
// its own CreatedBy and CreatedAt.
func (s *Store) SaveTemplates(ctx context.Context, all []Template, replace bool) ([]Saved, error) {
	saved := make([]Saved, len(all))
	err := s.write(ctx, func(tx *sql.Tx) error {
		for i, t := range all {
			var err error
			saved[i], err = s.saveTemplate(ctx, tx, t, replace)
			if err != nil {
				return err
			}
		}
		if slices.Contains(saved, NotSaved) {
			return errNotSaved
		}
		return s.noteImport(ctx, tx, all)
	})
	if errors.Is(err, errNotSaved) {
		err = nil
	}
	return saved, err
}

// noteImport writes one audit entry about all templates of an import. Each of them
// also has its own entry.
func (s *Store) noteImport(ctx context.Context, tx *sql.Tx, all []Template) error {
	if len(all) == 0 {
		return nil
	}
	return s.note(ctx, tx, Entry{
		Action: ActionTemplateImport, Object: all[0].Kind, After: facts("templates", len(all)),
	})
}

func (s *Store) saveTemplate(ctx context.Context, tx *sql.Tx, t Template, replace bool) (Saved, error) {
	const sameName = selectTemplates + ` WHERE kind = $1 AND lower(name) = lower($2)`
	old, err := scanTemplate(tx.QueryRowContext(ctx, sameName, t.Kind, t.Name))
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

// useTemplate counts one batch that uses a template, if the template still exists.
func useTemplate(ctx context.Context, tx *sql.Tx, id int64, at time.Time) error {
	if id == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `UPDATE templates
		SET uses = uses + 1, last_used_at = CASE WHEN last_used_at > $1 THEN last_used_at ELSE $1 END
		WHERE id = $2`, toMillis(at), id)
	if err != nil {
		return fmt.Errorf("count the use of template %d: %w", id, err)
	}
	return nil
}
