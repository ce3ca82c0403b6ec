// Package audit reads the audit log, notes what leaves no other trace, and
// deletes what is too old. The entries of changes are written by package store,
// in the transactions of the changes.
package audit

import (
	"context"
	"iter"
	"log/slog"
	"slices"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// The domain words are the store's.
type (
	// Entry is one row of the audit log.
	Entry = store.Entry
	// Action is what an entry tells about.
	Action = store.Action
	// Result is what became of it.
	Result = store.Result
)

const (
	// PageSize is how many entries a page of the log holds.
	PageSize = 100

	part = 500 // entries that are read at once of those that have no end
)

// CommandLine is the actor of what is done on the command line. It cannot be
// the name of a user, since it has a blank.
const CommandLine = "command line"

// Query says which entries are asked for, as people say it. What is empty limits
// nothing.
type Query struct {
	Actor, Object string // in any case
	Action        string
	Cluster       string
	Result        string
	Since         string         // one of services.Sinces
	From, To      string         // days (2006-01-02; To counts too) or moments of RFC 3339
	Zone          *time.Location // of the days; nil is UTC
	Text          string         // words, each anywhere in an entry
	Before        int64          // older than the entry of this id
}

// Page is a part of the log, newest first.
type Page struct {
	Query Query
	Items []Entry
	Older int64 // what Before is for the next page; 0 when this is the last
}

// Service answers everything about the audit log. It is safe for concurrent use.
type Service struct {
	store *store.Store
	log   *slog.Logger
	now   func() time.Time
	keep  Keep
}

// Keep says for how many days batches and entries are kept; 0 is for ever.
type Keep struct{ Batches, Audit int }

// New returns the service over a store. Nothing is deleted before Run.
func New(st *store.Store, log *slog.Logger, keep Keep, now func() time.Time) *Service {
	return &Service{store: st, log: log, now: now, keep: keep}
}

// List gives a page of what the actor may see: all of it to an administrator,
// their own entries to a user, and their own logins to a viewer.
//
// Errors: CodeForbidden; CodeInvalid names the wrong fields.
func (s *Service) List(ctx context.Context, q Query) (Page, error) {
	rows, err := s.rows(ctx, q)
	if err != nil {
		return Page{}, err
	}
	rows.Before, rows.Limit = q.Before, PageSize+1
	found, err := s.store.Entries(ctx, rows)
	if err != nil {
		return Page{}, err
	}
	p := Page{Query: q, Items: found}
	if len(found) > PageSize {
		p.Items = found[:PageSize]
		p.Older = p.Items[PageSize-1].ID
	}
	return p, nil
}

// All gives every entry of List, a part at a time, so that they never have to be
// in memory together. That somebody took them with them is an entry too.
//
// Errors: those of List, before the first entry; one of reading ends the rest.
func (s *Service) All(ctx context.Context, q Query) (iter.Seq2[Entry, error], error) {
	rows, err := s.rows(ctx, q)
	if err != nil {
		return nil, err
	}
	if err := s.Export(ctx, store.ActionAuditExport, "", ""); err != nil {
		return nil, err
	}
	rows.Limit = part
	return func(yield func(Entry, error) bool) {
		for {
			found, err := s.store.Entries(ctx, rows)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, e := range found {
				if !yield(e, nil) {
					return
				}
			}
			if len(found) < part {
				return
			}
			rows.Before = found[len(found)-1].ID
		}
	}, nil
}

// Export notes that the actor takes something along, before it is handed over.
//
// Errors: CodeForbidden.
func (s *Service) Export(ctx context.Context, action Action, cluster, object string) error {
	if err := services.ActorFrom(ctx).Require(services.PermitSee); err != nil {
		return err
	}
	return s.store.Note(ctx, Entry{Action: action, Cluster: cluster, Object: object})
}

// rows checks a query and limits it to what the actor may see.
func (s *Service) rows(ctx context.Context, q Query) (store.EntryQuery, error) {
	rows, err := visible(services.ActorFrom(ctx))
	if err != nil {
		return store.EntryQuery{}, err
	}
	rows.Actor, rows.Object, rows.Cluster = q.Actor, q.Object, q.Cluster
	rows.Action, rows.Result = Action(q.Action), Result(q.Result)
	var span, words []services.FieldError
	rows.From, rows.To, span = services.Span{Since: q.Since, From: q.From, To: q.To, Zone: q.Zone}.Limits(s.now())
	rows.Words, words = services.SearchWords("q", q.Text)
	texts := services.CheckFilters(
		services.Filter{Field: "actor", Value: q.Actor}, services.Filter{Field: "object", Value: q.Object},
		services.Filter{Field: "cluster", Value: q.Cluster}, services.Filter{Field: "q", Value: q.Text})
	wrong := slices.Concat(texts, words, services.CheckChoice("action", rows.Action, store.Actions()),
		services.CheckChoice("result", rows.Result, store.Results()), span)
	if len(wrong) > 0 {
		return store.EntryQuery{}, services.InvalidFields(wrong...)
	}
	return rows, nil
}

// Logins are the actions that a viewer sees of themselves.
func Logins() []Action {
	return []Action{store.ActionLogin, store.ActionLoginFailed, store.ActionLogout}
}

// visible limits a query to what the actor may see. Whoever is nobody may see
// nothing, whatever the role.
func visible(a services.Actor) (store.EntryQuery, error) {
	if err := a.Require(services.PermitSee); err != nil {
		return store.EntryQuery{}, err
	}
	switch {
	case a.May(services.PermitAudit):
		return store.EntryQuery{}, nil
	case a.ID == 0:
		return store.EntryQuery{}, services.NewError(services.CodeForbidden, "error_role", "Role", string(a.Role), "Permission", string(services.PermitAudit))
	case a.May(services.PermitChange):
		return store.EntryQuery{OwnerID: a.ID, Owner: a.Name}, nil
	default:
		return store.EntryQuery{OwnerID: a.ID, Owner: a.Name, Among: Logins()}, nil
	}
}
