// Package audit reads the audit log, records exports, and deletes old records.
//
// Package store writes the entries of changes, in the transactions of the changes.
package audit

import (
	"context"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// These domain words are the store's.
type (
	// Entry is one row of the audit log.
	Entry = store.Entry
	// Action is what an entry is about.
	Action = store.Action
	// Result is the outcome of the action.
	Result = store.Result
)

const (
	// PageSize is the most entries of a page.
	PageSize = 100
	// chunkSize is how many entries All reads at a time.
	chunkSize = 500
)

// CommandLine is the actor of what is done on the command line. It cannot be the
// name of a user, because it contains a space.
const CommandLine = "command line"

// Query says which entries to return, as it was typed. An empty field is no limit.
type Query struct {
	Actor, Object string // in upper or lower case
	Action        string
	Cluster       string
	Node          string // of batches: one of their nodes, by its whole name
	Result        string
	Since         string         // one of services.Sinces
	From, To      string         // a day (2006-01-02), which is included, or a time in RFC 3339
	Zone          *time.Location // the time zone of the days; nil means UTC
	Text          string         // words, each of which must be somewhere in an entry
	Before        int64          // only entries older than the one with this id
}

// Page is a part of the log, newest first.
type Page struct {
	Query Query
	Items []Entry
	Older int64 // the value of Query.Before for the next page; 0 if there is none
}

// Service reads the audit log and deletes old records. It is safe for concurrent use.
type Service struct {
	store *store.Store
	log   *slog.Logger
	now   func() time.Time
	keep  Keep
}

// Keep says for how many days batches and audit entries are kept; 0 means forever.
type Keep struct{ Batches, Audit int }

// New returns a Service over a store. It deletes nothing until Run or Purge.
func New(st *store.Store, log *slog.Logger, keep Keep, now func() time.Time) *Service {
	return &Service{store: st, log: log, now: now, keep: keep}
}

// List returns a page of the entries that the actor may see: an administrator sees
// all, a user their own, and a viewer their own logins.
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

// All returns every entry that List returns on its pages. It reads them in chunks, so
// that they are never all in memory. The export becomes an entry too.
//
// Errors: those of List. An error while reading ends the sequence.
func (s *Service) All(ctx context.Context, q Query) (iter.Seq2[Entry, error], error) {
	rows, err := s.rows(ctx, q)
	if err != nil {
		return nil, err
	}
	if err := s.Export(ctx, store.ActionAuditExport, "", ""); err != nil {
		return nil, err
	}
	return s.chunks(ctx, rows), nil
}

func (s *Service) chunks(ctx context.Context, rows store.EntryQuery) iter.Seq2[Entry, error] {
	rows.Limit = chunkSize
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
			if len(found) < chunkSize {
				return
			}
			rows.Before = found[len(found)-1].ID
		}
	}
}

// Export records that the actor exports something. Call it before the data is sent.
//
// Errors: CodeForbidden.
func (s *Service) Export(ctx context.Context, action Action, cluster, object string) error {
	actor := services.ActorFrom(ctx)
	if cluster != "" {
		actor = actor.In(cluster)
	}
	if err := actor.Require(services.PermitSee); err != nil {
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
	rows.Node = strings.ToLower(strings.TrimSpace(q.Node))
	var span, words services.FieldErrors
	rows.From, rows.To, span = services.Span{Since: q.Since, From: q.From, To: q.To, Zone: q.Zone}.Limits(s.now())
	rows.Words, words = services.SearchWords("q", q.Text)
	texts := services.CheckFilters(
		services.Filter{Field: "actor", Value: q.Actor}, services.Filter{Field: "object", Value: q.Object},
		services.Filter{Field: "cluster", Value: q.Cluster}, services.Filter{Field: "node", Value: q.Node},
		services.Filter{Field: "q", Value: q.Text})
	wrong := slices.Concat(texts, words, services.CheckChoice("action", rows.Action, store.Actions()),
		services.CheckChoice("result", rows.Result, store.Results()), span)
	return rows, wrong.Err()
}

// Logins returns the actions that a viewer may see of themselves.
func Logins() []Action {
	return []Action{store.ActionLogin, store.ActionLoginFailed, store.ActionLogout}
}

// visible returns the query for all entries that the actor may see. An actor without a
// user id has no own entries, so it may see none unless it may see all.
func visible(a services.Actor) (store.EntryQuery, error) {
	if err := a.Require(services.PermitSee); err != nil {
		return store.EntryQuery{}, err
	}
	switch {
	case a.May(services.PermitAudit):
		return store.EntryQuery{}, nil
	case a.ID == 0:
		return store.EntryQuery{}, a.Require(services.PermitAudit)
	case a.May(services.PermitChange):
		return store.EntryQuery{OwnerID: a.ID, Owner: a.Name}, nil
	default:
		return store.EntryQuery{OwnerID: a.ID, Owner: a.Name, Among: Logins()}, nil
	}
}
