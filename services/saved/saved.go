// Package saved keeps the views of the node table that people save, for themselves or for
// everybody, and their recent searches. What a view's query means is not known here: it is
// a text of parameters.
package saved

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// Limits of what people save. Those of texts are in characters.
const (
	MaxOwn      = 50  // views of one user
	MaxShared   = 200 // shared views of all users
	MaxName     = 60
	MaxQuery    = 1500
	MaxSearches = 10  // recent searches of one user
	MaxSearch   = 200 // of one recent search; a longer one is not kept
)

// View is a saved view.
type View struct {
	ID        int64     `json:"id"`
	Name      string    `json:"name"`
	Query     string    `json:"query"` // parameters of the node list, as in an address
	Shared    bool      `json:"shared"`
	Owner     string    `json:"owner"`
	Own       bool      `json:"own"`       // it belongs to the reader
	MayChange bool      `json:"mayChange"` // the reader may change and delete it
	UpdatedAt time.Time `json:"updatedAt"`
}

// Draft is the part of a view that people choose.
type Draft struct {
	Name      string
	Query     string
	KeepQuery bool // of a change: the view keeps the query that it has
	Shared    bool
}

// Service reads and changes saved views. It is safe for concurrent use.
type Service struct{ store *store.Store }

// New returns a service that uses the given store.
func New(st *store.Store) *Service { return &Service{st} }

func limits() store.ViewLimits { return store.ViewLimits{Own: MaxOwn, Shared: MaxShared} }

// Views returns the actor's personal views and all shared ones, in this order, each by
// name.
func (s *Service) Views(ctx context.Context) ([]View, error) {
	actor, err := reader(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := s.store.Views(ctx, actor.ID)
	views := make([]View, len(rows))
	for i, row := range rows {
		views[i] = fromStore(row, actor)
	}
	return views, err
}

// View returns one view. A personal view of somebody else is CodeNotFound, as one that
// does not exist.
func (s *Service) View(ctx context.Context, id int64) (View, error) {
	actor, err := reader(ctx)
	if err != nil {
		return View{}, err
	}
	row, err := s.store.View(ctx, id)
	if err == nil {
		err = visible(row, actor)
	}
	if err != nil {
		return View{}, err
	}
	return fromStore(row, actor), nil
}

// Save stores a new view of the actor. With replace, it takes the place of their view of
// the same name and kind, if there is one.
//
// Errors: CodeForbidden to share a view; CodeInvalid names the wrong field.
func (s *Service) Save(ctx context.Context, d Draft, replace bool) (View, error) {
	actor, err := writer(ctx, d.Shared)
	if err != nil {
		return View{}, err
	}
	d, err = d.checked()
	if err != nil {
		return View{}, err
	}
	old, err := s.same(ctx, actor, d)
	if err != nil {
		return View{}, err
	}
	if replace && old != 0 {
		return s.Update(ctx, old, d)
	}
	row := store.View{UserID: actor.ID, Owner: actor.Name, Name: d.Name, Query: d.Query, Shared: d.Shared}
	made, err := s.store.InsertView(ctx, row, limits())
	return fromStore(made, actor), err
}

// same returns the id of the view that has the name of a draft already, or 0.
func (s *Service) same(ctx context.Context, actor services.Actor, d Draft) (int64, error) {
	rows, err := s.store.Views(ctx, actor.ID)
	for _, row := range rows {
		if row.Shared == d.Shared && strings.EqualFold(row.Name, d.Name) {
			return row.ID, err
		}
	}
	return 0, err
}

// Update changes a view.
//
// Errors: CodeForbidden for another user's shared view, or to share one; CodeNotFound;
// CodeInvalid names the wrong field.
func (s *Service) Update(ctx context.Context, id int64, d Draft) (View, error) {
	actor, err := writer(ctx, d.Shared)
	if err != nil {
		return View{}, err
	}
	if d.KeepQuery {
		old, err := s.View(ctx, id)
		if err != nil {
			return View{}, err
		}
		d.Query = old.Query
	}
	d, err = d.checked()
	if err != nil {
		return View{}, err
	}
	row := store.View{ID: id, Name: d.Name, Query: d.Query, Shared: d.Shared}
	changed, err := s.store.UpdateView(ctx, row, limits(), func(old store.View) error {
		if old.UserID == 0 && !d.Shared { // nobody would have it
			return services.Invalid("shared", "error_view_ownerless", "Owner", old.Owner)
		}
		return changeable(old, actor)
	})
	return fromStore(changed, actor), err
}

// Delete deletes a view and returns it as it was. The errors are those of Update.
func (s *Service) Delete(ctx context.Context, id int64) (View, error) {
	actor, err := writer(ctx, false)
	if err != nil {
		return View{}, err
	}
	gone, err := s.store.DeleteView(ctx, id, func(v store.View) error { return changeable(v, actor) })
	return fromStore(gone, actor), err
}

// Searches returns the recent searches of the actor, the latest first.
func (s *Service) Searches(ctx context.Context) ([]string, error) {
	actor, err := reader(ctx)
	if err != nil {
		return nil, err
	}
	return s.store.Searches(ctx, actor.ID)
}

// KeepSearch adds a search to the recent ones of the actor. One that is empty or long, such
// as a pasted list of names, is not kept.
func (s *Service) KeepSearch(ctx context.Context, text string) error {
	actor, err := writer(ctx, false)
	if err != nil {
		return err
	}
	text = strings.TrimSpace(text)
	if text == "" || utf8.RuneCountInString(text) > MaxSearch || !plain(text) {
		return nil
	}
	return s.store.KeepSearch(ctx, actor.ID, text, MaxSearches)
}

// ForgetSearches forgets one recent search of the actor, or all of them with "".
func (s *Service) ForgetSearches(ctx context.Context, text string) error {
	actor, err := writer(ctx, false)
	if err != nil {
		return err
	}
	return s.store.ForgetSearches(ctx, actor.ID, text)
}

// reader returns the actor, who has to see a cluster.
func reader(ctx context.Context) (services.Actor, error) {
	actor := services.ActorFrom(ctx)
	return actor, actor.Require(services.PermitSee)
}

// writer is reader for a change. Whoever shares a view needs the right to change things
// for others. So does a token for anything: one without it is read-only.
func writer(ctx context.Context, shares bool) (services.Actor, error) {
	actor, err := reader(ctx)
	if err == nil && (shares || actor.Token) {
		err = actor.Require(services.PermitChange)
	}
	return actor, err
}

// visible returns CodeNotFound for a personal view of somebody else.
func visible(v store.View, actor services.Actor) error {
	if v.Shared || v.UserID == actor.ID {
		return nil
	}
	return services.NewError(services.CodeNotFound, "error_view_none")
}

// changeable returns an error unless the actor may change a view. A shared view belongs to
// whoever has shared it, as long as they may, and to administrators.
func changeable(v store.View, actor services.Actor) error {
	if err := visible(v, actor); err != nil {
		return err
	}
	if !mayChange(v, actor) {
		return services.NewError(services.CodeForbidden, "error_view_foreign", "Name", v.Name, "Owner", v.Owner)
	}
	return nil
}

func mayChange(v store.View, actor services.Actor) bool {
	may, own := actor.May(services.PermitChange), v.UserID == actor.ID
	if !v.Shared {
		return own && (may || !actor.Token)
	}
	return own && may || actor.May(services.PermitUsers)
}

func fromStore(v store.View, actor services.Actor) View {
	return View{
		ID: v.ID, Name: v.Name, Query: v.Query, Shared: v.Shared, Owner: v.Owner,
		Own: v.UserID == actor.ID, MayChange: mayChange(v, actor), UpdatedAt: v.UpdatedAt,
	}
}

// checked returns the draft without spaces around its name, or an error that names the
// wrong fields.
func (d Draft) checked() (Draft, error) {
	var wrong services.FieldErrors
	d.Name = strings.TrimSpace(d.Name)
	switch {
	case d.Name == "" || utf8.RuneCountInString(d.Name) > MaxName:
		wrong.Add("name", "error_view_name", "Max", MaxName)
	case !plain(d.Name):
		wrong.Add("name", "error_text")
	}
	switch {
	case !plain(d.Query):
		wrong.Add("query", "error_text")
	case utf8.RuneCountInString(d.Query) > MaxQuery:
		wrong.Add("query", "error_view_query", "Max", MaxQuery)
	}
	return d, wrong.Err()
}

// plain reports whether a text is valid UTF-8 without control characters and other
// invisible characters.
func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) })
}
