package batch

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
)

const (
	// PageSize is how many batches a page of the history holds.
	PageSize = 50
	// ItemPageSize is how many nodes the page of a batch holds.
	ItemPageSize = 500
	// NodeItemsShown is how much of its history a node shows at once.
	NodeItemsShown = 20
	// ErrorsShown is how many reasons of failure an ItemPage carries.
	ErrorsShown = 20
	// ErrorNodesShown is how many nodes each of them names.
	ErrorNodesShown = 50

	reportPart = 500 // items of a report that are read at once
)

// Query says which batches of the history are asked for, as people write it. An empty
// field limits nothing.
type Query struct {
	Cluster   string
	Operation string
	State     string
	By        string         // in any case
	Since     string         // one of services.Sinces
	From, To  string         // days (2006-01-02; To counts too) or moments of RFC 3339
	Zone      *time.Location // of the days; nil is UTC
	Node      string         // one of the batch's nodes, by its whole name
	Text      string         // words, each in the id, reason, actor, operation or cluster, or in the name of a node
	Group     string         // id of the group
	Before    string         // older than the batch of this id
}

// Page is a part of the history, newest first.
type Page struct {
	Query Query
	Items []View
	Older string // what Before is for the next page; "" when this is the last
}

// List returns a page of the history.
//
// Errors: CodeForbidden; CodeInvalid names the wrong fields.
func (e *Engine) List(ctx context.Context, q Query) (Page, error) {
	if err := services.ActorFrom(ctx).Require(services.PermitSee); err != nil {
		return Page{}, err
	}
	rows, err := q.rows(e.now())
	if err != nil {
		return Page{}, err
	}
	if q.Cluster != "" {
		if err := services.RequireIn(ctx, q.Cluster, services.PermitSee); err != nil {
			return Page{}, err
		}
	}
	rows.Scope = services.ActorFrom(ctx).Scope()
	rows.Limit = PageSize + 1
	batches, err := e.store.Batches(ctx, rows)
	if err != nil {
		return Page{}, err
	}
	p := Page{Query: q}
	if len(batches) > PageSize {
		batches = batches[:PageSize]
		p.Older = batches[PageSize-1].ID
	}
	p.Items, err = e.views(ctx, batches)
	return p, err
}

// rows checks a query and translates it for the store.
func (q Query) rows(now time.Time) (store.BatchQuery, error) {
	rows := store.BatchQuery{
		Cluster: q.Cluster, Operation: q.Operation, State: store.State(q.State), By: q.By, Before: q.Before,
		Node: strings.ToLower(strings.TrimSpace(q.Node)), Prefix: groupPrefix(q.Group),
	}
	var span, words []services.FieldError
	rows.From, rows.To, span = services.Span{Since: q.Since, From: q.From, To: q.To, Zone: q.Zone}.Limits(now)
	rows.Words, words = services.SearchWords("q", q.Text)
	wrong := slices.Concat(
		services.CheckFilters(services.Filter{Field: "cluster", Value: q.Cluster}, services.Filter{Field: "by", Value: q.By},
			services.Filter{Field: "node", Value: q.Node}, services.Filter{Field: "before", Value: q.Before},
			services.Filter{Field: "group", Value: q.Group},
			services.Filter{Field: "q", Value: q.Text}),
		words, span,
		services.CheckChoice("operation", q.Operation, Operations()), services.CheckChoice("state", rows.State, States()))
	if len(wrong) > 0 {
		return store.BatchQuery{}, services.InvalidFields(wrong...)
	}
	return rows, nil
}

// Operations lists the names of all operations.
func Operations() []string {
	all := operation.All()
	names := make([]string, len(all))
	for i, d := range all {
		names[i] = d.Name
	}
	return names
}

// States lists the states of a batch in the order in which people look for them.
func States() []store.State {
	return []store.State{
		store.StateRunning,
		store.StateProposed, store.StateScheduled, store.StateInterrupted, store.StateFailed, store.StatePartial,
		store.StateCancelled, store.StateSucceeded,
	}
}

// NodeItem is what a batch did to one node.
type NodeItem = store.NodeItem

// OnNode returns what the newest batches did to a node of that name, at most
// NodeItemsShown.
//
// Errors: CodeForbidden.
func (e *Engine) OnNode(ctx context.Context, cluster, node string) ([]NodeItem, error) {
	if err := services.RequireIn(ctx, cluster, services.PermitSee); err != nil {
		return nil, err
	}
	return e.store.NodeItems(ctx, store.BatchQuery{
		Scope: services.Scope{All: true}, Cluster: cluster, Node: node, Limit: NodeItemsShown,
	})
}

// ItemErrors are the nodes of a batch that failed, or were left out, for the same
// reason.
type ItemErrors = store.ItemErrors

// ItemQuery says which nodes of a batch its page shows.
type ItemQuery struct {
	State string // of the nodes; "" for every one
	Page  int    // from 1; 0 is the first
}

// ItemPage is one page of a batch's nodes. Those that need attention come first.
type ItemPage struct {
	Query  ItemQuery // Page is the page that is shown
	Items  []Item
	Counts Counts // of all nodes, as they are stored
	Match  int    // nodes that the query asks for
	Pages  int
	Errors []ItemErrors // of the whole batch; at most ErrorsShown + 1, so that it is seen that there are more
}

// ItemStates lists the states of a node of a batch in the order of ItemPage.
func ItemStates() []store.ItemState {
	return []store.ItemState{
		store.ItemFailed, store.ItemRunning, store.ItemWaiting, store.ItemSkipped, store.ItemCancelled,
		store.ItemPending, store.ItemSucceeded, store.ItemUnchanged,
	}
}

// ItemPage returns a page of a batch's nodes; the last one for a page past it.
//
// Errors: CodeNotFound, CodeForbidden; CodeInvalid names the wrong fields.
func (e *Engine) ItemPage(ctx context.Context, id string, q ItemQuery) (ItemPage, error) {
	state := store.ItemState(q.State)
	if wrong := services.CheckChoice("state", state, ItemStates()); len(wrong) > 0 {
		return ItemPage{}, services.InvalidFields(wrong...)
	}
	if _, err := e.visible(ctx, id); err != nil {
		return ItemPage{}, err
	}
	counts, err := e.store.CountItems(ctx, id)
	if err != nil {
		return ItemPage{}, err
	}
	p := ItemPage{Query: q, Counts: counts[id], Match: counts[id].Of(state)}
	p.Pages = max(1, (p.Match+ItemPageSize-1)/ItemPageSize)
	p.Query.Page = min(max(1, q.Page), p.Pages)
	rows := store.ItemQuery{State: state, Offset: (p.Query.Page - 1) * ItemPageSize, Limit: ItemPageSize}
	p.Items, err = e.store.ItemPage(ctx, id, rows)
	if err != nil {
		return ItemPage{}, err
	}
	p.Errors, err = e.store.GroupErrors(ctx, id, ErrorsShown+1, ErrorNodesShown)
	return p, err
}

// Report returns every item of a batch in the order in which they were asked for,
// a part at a time, so that they never have to be in memory together.
//
// Errors: CodeNotFound and CodeForbidden, before the first item; one of reading
// ends the rest.
func (e *Engine) Report(ctx context.Context, id string) (Batch, iter.Seq2[Item, error], error) {
	b, err := e.visible(ctx, id)
	if err != nil {
		return Batch{}, nil, err
	}
	return b, func(yield func(Item, error) bool) {
		for last := -1; ; {
			items, err := e.store.ItemsAfter(ctx, id, last, reportPart)
			if err != nil {
				yield(Item{}, err)
				return
			}
			for _, it := range items {
				if !yield(it, nil) {
					return
				}
				last = it.Seq
			}
			if len(items) < reportPart {
				return
			}
		}
	}, nil
}
