// Package template stores sets of labels and taints that people reuse. An entry of
// a template may have several candidate values; package operation, which applies
// templates, lets people choose one of them.
package template

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"
	"unicode/utf8"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
)

// PageSize is the number of templates on a page of the list.
const PageSize = 50

// Kinds returns the kinds of templates.
func Kinds() []string { return []string{operation.LabelTemplate, operation.TaintTemplate} }

// Draft is the part of a template that people edit.
type Draft struct {
	Name        string                    `json:"name"`
	Description string                    `json:"description"`
	Entries     []operation.TemplateEntry `json:"entries"`
	Clusters    []string                  `json:"clusters"` // none means all
}

// Template is a stored template.
type Template struct {
	ID   int64  `json:"id"`
	Kind string `json:"kind"`
	Draft
	CreatedBy  string     `json:"createdBy"`
	CreatedAt  time.Time  `json:"createdAt"`
	UpdatedBy  string     `json:"updatedBy"`
	UpdatedAt  time.Time  `json:"updatedAt"` // differs between any two versions
	Uses       int        `json:"uses"`      // number of batches that used it
	LastUsedAt *time.Time `json:"lastUsedAt"`
}

// UsableIn reports whether the template may be applied in a cluster.
func (t Template) UsableIn(cluster string) bool {
	return len(t.Clusters) == 0 || slices.Contains(t.Clusters, cluster)
}

// Query selects a page of the list.
type Query struct {
	Kind string
	Text string // searched for in names, descriptions, keys and values
	Page int    // from 1
}

// Page is a page of the list.
type Page struct {
	Query Query
	Items []Template
	Total int // templates that match
	Pages int
}

// Service reads and changes templates. It is safe for concurrent use.
type Service struct {
	store   *store.Store
	log     *slog.Logger
	now     func() time.Time
	reading chan struct{} // a semaphore of one; see readAlone
}

// New returns a service that uses the given store.
func New(st *store.Store, log *slog.Logger) *Service {
	return &Service{store: st, log: log, now: time.Now, reading: make(chan struct{}, 1)}
}

// List returns one page of the templates of a kind, by name. Instead of a page
// after the last one, it returns the last one.
//
// Errors: CodeNotFound for an unknown kind.
func (s *Service) List(ctx context.Context, q Query) (Page, error) {
	if err := permit(ctx, services.PermitSee, q.Kind); err != nil {
		return Page{}, err
	}
	if utf8.RuneCountInString(q.Text) > maxSearch {
		return Page{}, services.Invalid("q", "error_template_search_long", "Max", maxSearch)
	}
	p := Page{Query: q}
	p.Query.Page = max(q.Page, 1)
	for {
		rows, total, err := s.store.Templates(ctx, store.TemplateQuery{
			Kind: q.Kind, Text: q.Text, Limit: PageSize, Offset: offset(p.Query.Page),
		})
		if err != nil {
			return Page{}, err
		}
		p.Total, p.Pages = total, max(1, (total+PageSize-1)/PageSize)
		if p.Query.Page <= p.Pages {
			p.Items, err = decodeAll(rows)
			return p, err
		}
		p.Query.Page = p.Pages
	}
}

// offset returns the offset of a page. The limit prevents an overflow.
func offset(page int) int { return (min(page, 1<<40) - 1) * PageSize }

// Get returns one template, or CodeNotFound.
func (s *Service) Get(ctx context.Context, kind string, id int64) (Template, error) {
	if err := permit(ctx, services.PermitSee, kind); err != nil {
		return Template{}, err
	}
	return fromStore(s.store.Template(ctx, kind, id))
}

// Usable returns the templates of all kinds that may be applied in a cluster, by
// name.
func (s *Service) Usable(ctx context.Context, clusters ...string) ([]Template, error) {
	if err := services.ActorFrom(ctx).Require(services.PermitSee); err != nil {
		return nil, err
	}
	rows, _, err := s.store.Templates(ctx, store.TemplateQuery{})
	if err != nil {
		return nil, err
	}
	all, err := decodeAll(rows)
	for _, cluster := range clusters {
		all = slices.DeleteFunc(all, func(t Template) bool { return !t.UsableIn(cluster) })
	}
	return all, err
}

// Template returns a template in the form in which an operation applies it in a
// cluster. It implements operation.Templates.
//
// Errors: CodeNotFound; CodeInvalid for the field "template" if the template may
// not be applied in the cluster.
func (s *Service) Template(ctx context.Context, kind string, id int64, cluster string) (operation.Template, error) {
	t, err := s.Get(ctx, kind, id)
	if err != nil {
		return operation.Template{}, err
	}
	if !t.UsableIn(cluster) {
		return operation.Template{}, services.Invalid("template", "error_template_cluster",
			"Name", t.Name, "Cluster", cluster)
	}
	return operation.Template{ID: t.ID, Kind: t.Kind, Name: t.Name, Entries: t.Entries}, nil
}

// Create adds a template.
//
// Errors: CodeInvalid names every wrong field; see Draft.check.
func (s *Service) Create(ctx context.Context, kind string, d Draft) (Template, error) {
	row, err := s.prepare(ctx, kind, d)
	if err != nil {
		return Template{}, err
	}
	t, err := fromStore(s.store.InsertTemplate(ctx, row))
	if err == nil {
		s.log.InfoContext(ctx, "Created a template", "kind", kind, "template", t.Name, "id", t.ID, "user", t.CreatedBy)
	}
	return t, err
}

// Update changes a template. seen is the UpdatedAt of the version that the person
// has edited; the zero time overwrites any version.
//
// Errors: CodeInvalid names every wrong field; CodeNotFound; CodeConflict if the
// template has changed since it was seen.
func (s *Service) Update(ctx context.Context, kind string, id int64, d Draft, seen time.Time) (Template, error) {
	row, err := s.prepare(ctx, kind, d)
	if err != nil {
		return Template{}, err
	}
	row.ID = id
	t, err := fromStore(s.store.UpdateTemplate(ctx, row, seen))
	if err == nil {
		s.log.InfoContext(ctx, "Changed a template", "kind", kind, "template", t.Name, "id", t.ID, "user", t.UpdatedBy)
	}
	return t, err
}

// Duplicate creates a copy of a template under a new name.
func (s *Service) Duplicate(ctx context.Context, kind string, id int64) (Template, error) {
	if err := permit(ctx, services.PermitChange, kind); err != nil {
		return Template{}, err
	}
	original, err := s.Get(ctx, kind, id)
	if err != nil {
		return Template{}, err
	}
	for n := 1; ; n++ {
		d := original.Draft
		d.Name = copyName(original.Name, n)
		t, err := s.Create(ctx, kind, d)
		if n == maxCopies || !nameTaken(err) {
			return t, err
		}
	}
}

// maxCopies limits the names that Duplicate tries.
const maxCopies = 200

// copyName returns the name of the nth copy, shortened to the maximum length.
func copyName(name string, n int) string {
	suffix := " (copy)"
	if n > 1 {
		suffix = fmt.Sprintf(" (copy %d)", n)
	}
	runes := []rune(name)
	return string(runes[:min(len(runes), maxName-len(suffix))]) + suffix
}

func nameTaken(err error) bool {
	taken := func(f services.FieldError) bool { return f.Text == "error_template_name_taken" }
	return services.CodeOf(err) == services.CodeInvalid && slices.ContainsFunc(services.AsError(err).Fields, taken)
}

// Delete deletes a template and returns it as it was. It does not affect the
// batches that used it.
func (s *Service) Delete(ctx context.Context, kind string, id int64) (Template, error) {
	if err := permit(ctx, services.PermitChange, kind); err != nil {
		return Template{}, err
	}
	t, err := fromStore(s.store.DeleteTemplate(ctx, kind, id))
	if err == nil {
		by := services.ActorFrom(ctx).Name
		s.log.InfoContext(ctx, "Deleted a template", "kind", kind, "template", t.Name, "id", id, "user", by)
	}
	return t, err
}

// prepare checks the permission and the draft, and returns the row to store.
func (s *Service) prepare(ctx context.Context, kind string, d Draft) (store.Template, error) {
	if err := permit(ctx, services.PermitChange, kind); err != nil {
		return store.Template{}, err
	}
	d = d.tidy()
	if err := d.check(kind).Err(); err != nil {
		return store.Template{}, err
	}
	return s.row(ctx, kind, d)
}

// row returns the stored form of a template that the actor creates now.
func (s *Service) row(ctx context.Context, kind string, d Draft) (store.Template, error) {
	entries, err := json.Marshal(d.Entries)
	if err != nil {
		return store.Template{}, fmt.Errorf("encode the entries of a template: %w", err)
	}
	by, at := services.ActorFrom(ctx).Name, s.now()
	return store.Template{
		Kind: kind, Name: d.Name, Description: d.Description, Entries: entries, Clusters: d.Clusters,
		CreatedBy: by, CreatedAt: at, UpdatedBy: by, UpdatedAt: at,
	}, nil
}

// permit checks the actor's permission and then the kind.
func permit(ctx context.Context, p services.Permission, kind string) error {
	err := services.ActorFrom(ctx).Require(p)
	if err == nil && !slices.Contains(Kinds(), kind) {
		err = services.NewError(services.CodeNotFound, "error_no_page")
	}
	return err
}

// fromStore turns a result of the store into one of this package.
func fromStore(row store.Template, err error) (Template, error) {
	if services.CodeOf(err) == services.CodeNotFound {
		return Template{}, services.Wrap(err, services.CodeNotFound, "error_template_none")
	}
	if err != nil {
		return Template{}, err
	}
	return decode(row)
}

func decodeAll(rows []store.Template) ([]Template, error) {
	out := make([]Template, len(rows))
	for i, row := range rows {
		t, err := decode(row)
		if err != nil {
			return nil, err
		}
		out[i] = t
	}
	return out, nil
}

func decode(row store.Template) (Template, error) {
	t := Template{
		ID: row.ID, Kind: row.Kind,
		Draft:     Draft{Name: row.Name, Description: row.Description, Clusters: row.Clusters},
		CreatedBy: row.CreatedBy, CreatedAt: row.CreatedAt,
		UpdatedBy: row.UpdatedBy, UpdatedAt: row.UpdatedAt,
		Uses: row.Uses, LastUsedAt: row.LastUsedAt,
	}
	if err := json.Unmarshal(row.Entries, &t.Entries); err != nil {
		return Template{}, fmt.Errorf("decode the entries of template %d: %w", row.ID, err)
	}
	return t, nil
}
