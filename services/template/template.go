// Package template keeps the sets of labels and taints that people reuse. An
// entry of a template may have several candidate values; one of them is chosen
// when the template is applied, which is the business of package operation.
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

// PageSize is how many templates a page of the list holds.
const PageSize = 50

// Kinds lists the kinds of templates.
func Kinds() []string { return []string{operation.LabelTemplate, operation.TaintTemplate} }

// Draft is what people say of a template.
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
	UpdatedAt  time.Time  `json:"updatedAt"` // tells its versions apart
	Uses       int        `json:"uses"`      // batches that it made
	LastUsedAt *time.Time `json:"lastUsedAt"`
}

// UsableIn reports whether the template may be applied in a cluster.
func (t Template) UsableIn(cluster string) bool {
	return len(t.Clusters) == 0 || slices.Contains(t.Clusters, cluster)
}

// Query says which part of the list is asked for.
type Query struct {
	Kind string
	Text string // in names, descriptions, keys and values
	Page int    // from 1
}

// Page is a part of the list.
type Page struct {
	Query Query
	Items []Template
	Total int // that match
	Pages int
}

// Service answers everything about templates. It is safe for concurrent use.
type Service struct {
	store   *store.Store
	log     *slog.Logger
	now     func() time.Time
	reading chan struct{} // holds a token while a document is read
}

// New returns the service over a store.
func New(st *store.Store, log *slog.Logger) *Service {
	return &Service{store: st, log: log, now: time.Now, reading: make(chan struct{}, 1)}
}

// List gives one page of the templates of a kind, by name. A page beyond the
// last one is the last one.
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
			p.Items, err = fromStore(rows)
			return p, err
		}
		p.Query.Page = p.Pages
	}
}

// offset gives where a page begins; no page is so far that it overflows.
func offset(page int) int { return (min(page, 1<<40) - 1) * PageSize }

// Get gives one template, or CodeNotFound.
func (s *Service) Get(ctx context.Context, kind string, id int64) (Template, error) {
	if err := permit(ctx, services.PermitSee, kind); err != nil {
		return Template{}, err
	}
	t, err := s.store.Template(ctx, kind, id)
	return answer(t, err)
}

// Usable gives the templates of every kind that may be applied in a cluster, by
// name.
func (s *Service) Usable(ctx context.Context, cluster string) ([]Template, error) {
	if err := services.ActorFrom(ctx).Require(services.PermitSee); err != nil {
		return nil, err
	}
	rows, _, err := s.store.Templates(ctx, store.TemplateQuery{})
	if err != nil {
		return nil, err
	}
	all, err := fromStore(rows)
	return slices.DeleteFunc(all, func(t Template) bool { return !t.UsableIn(cluster) }), err
}

// Template gives a template of that kind as an operation applies it in a
// cluster; it makes the service an operation.Templates.
//
// Errors: CodeNotFound; CodeInvalid names the field "template" when the template
// is not for that cluster.
func (s *Service) Template(ctx context.Context, kind string, id int64, cluster string) (operation.Template, error) {
	t, err := s.Get(ctx, kind, id)
	if err != nil {
		return operation.Template{}, err
	}
	if !t.UsableIn(cluster) {
		return operation.Template{}, services.Invalid("template", "error_template_cluster", "Name", t.Name, "Cluster", cluster)
	}
	return operation.Template{ID: t.ID, Kind: t.Kind, Name: t.Name, Entries: t.Entries}, nil
}

// Create makes a template.
//
// Errors: CodeInvalid names every wrong field; see Draft.check.
func (s *Service) Create(ctx context.Context, kind string, d Draft) (Template, error) {
	row, err := s.prepare(ctx, kind, d)
	if err != nil {
		return Template{}, err
	}
	t, err := answer(s.store.InsertTemplate(ctx, row))
	if err == nil {
		s.log.InfoContext(ctx, "Created a template", "kind", kind, "template", t.Name, "id", t.ID, "user", t.CreatedBy)
	}
	return t, err
}

// Update changes a template. seen is the UpdatedAt of the version that the
// person has changed; the zero time overwrites any.
//
// Errors: CodeInvalid names every wrong field; CodeNotFound; CodeConflict when
// somebody else has changed it since it was seen.
func (s *Service) Update(ctx context.Context, kind string, id int64, d Draft, seen time.Time) (Template, error) {
	row, err := s.prepare(ctx, kind, d)
	if err != nil {
		return Template{}, err
	}
	row.ID = id
	t, err := answer(s.store.UpdateTemplate(ctx, row, seen))
	if err == nil {
		s.log.InfoContext(ctx, "Changed a template", "kind", kind, "template", t.Name, "id", t.ID, "user", t.UpdatedBy)
	}
	return t, err
}

// Duplicate makes a template like another one, with a name of its own.
func (s *Service) Duplicate(ctx context.Context, kind string, id int64) (Template, error) {
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

// maxCopies bounds the names that Duplicate tries.
const maxCopies = 200

// copyName gives the name of the nth copy, shortened so that it is one.
func copyName(name string, n int) string {
	suffix := " (copy)"
	if n > 1 {
		suffix = fmt.Sprintf(" (copy %d)", n)
	}
	runes := []rune(name)
	return string(runes[:min(len(runes), maxName-len(suffix))]) + suffix
}

func nameTaken(err error) bool {
	return services.CodeOf(err) == services.CodeInvalid &&
		slices.ContainsFunc(services.AsError(err).Fields, func(f services.FieldError) bool { return f.Text == "error_template_name_taken" })
}

// Delete removes a template and gives what it was. The batches that it made
// stay as they are.
func (s *Service) Delete(ctx context.Context, kind string, id int64) (Template, error) {
	if err := permit(ctx, services.PermitChange, kind); err != nil {
		return Template{}, err
	}
	t, err := answer(s.store.DeleteTemplate(ctx, kind, id))
	if err == nil {
		s.log.InfoContext(ctx, "Deleted a template", "kind", kind, "template", t.Name, "id", id, "user", services.ActorFrom(ctx).Name)
	}
	return t, err
}

// prepare checks what makes a template and who makes it.
func (s *Service) prepare(ctx context.Context, kind string, d Draft) (store.Template, error) {
	if err := permit(ctx, services.PermitChange, kind); err != nil {
		return store.Template{}, err
	}
	d = d.tidy()
	if wrong := d.check(kind); len(wrong) > 0 {
		return store.Template{}, services.InvalidFields(wrong...)
	}
	return s.row(ctx, kind, d)
}

// row gives the stored form of a template that the actor makes now.
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

// permit checks the actor first, so that nobody learns more than they may.
func permit(ctx context.Context, p services.Permission, kind string) error {
	err := services.ActorFrom(ctx).Require(p)
	if err == nil && !slices.Contains(Kinds(), kind) {
		err = services.NewError(services.CodeNotFound, "error_no_page")
	}
	return err
}

// answer gives the domain's form of what the store answered.
func answer(t store.Template, err error) (Template, error) {
	if services.CodeOf(err) == services.CodeNotFound {
		return Template{}, services.Wrap(err, services.CodeNotFound, "error_template_none")
	}
	if err != nil {
		return Template{}, err
	}
	return asTemplate(t)
}

func fromStore(rows []store.Template) ([]Template, error) {
	out := make([]Template, len(rows))
	for i, row := range rows {
		var err error
		if out[i], err = asTemplate(row); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func asTemplate(row store.Template) (Template, error) {
	t := Template{
		ID: row.ID, Kind: row.Kind, Draft: Draft{Name: row.Name, Description: row.Description, Clusters: row.Clusters},
		CreatedBy: row.CreatedBy, CreatedAt: row.CreatedAt, UpdatedBy: row.UpdatedBy, UpdatedAt: row.UpdatedAt,
		Uses: row.Uses, LastUsedAt: row.LastUsedAt,
	}
	if err := json.Unmarshal(row.Entries, &t.Entries); err != nil {
		return Template{}, fmt.Errorf("decode the entries of template %d: %w", row.ID, err)
	}
	return t, nil
}
