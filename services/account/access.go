package account

import (
	"context"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// Listed is a user as an administrator sees them.
type Listed = store.User

// Held is what a user has when their access changes: tokens, and batches that have not
// ended.
type Held = store.Held

// Users returns every user, oldest first.
//
// Errors: CodeForbidden.
func (s *Service) Users(ctx context.Context) ([]Listed, error) {
	if err := services.ActorFrom(ctx).Require(services.PermitUsers); err != nil {
		return nil, err
	}
	return s.store.Users(ctx)
}

// Disable blocks a user until Enable: login sessions end, and tokens do not work.
//
// Errors: CodeForbidden; CodeNotFound; CodeConflict for a user who is disabled
// already, and for the last administrator.
func (s *Service) Disable(ctx context.Context, name string) (Held, error) {
	return s.change(ctx, name, "Disabled a user", func(id int64) (Held, error) {
		return s.store.SetDisabled(ctx, id, true)
	})
}

// Enable lets a disabled user sign in again. The user's tokens work again, too.
//
// Errors: CodeForbidden; CodeNotFound; CodeConflict for a user who is not disabled.
func (s *Service) Enable(ctx context.Context, name string) (Held, error) {
	return s.change(ctx, name, "Enabled a user", func(id int64) (Held, error) {
		return s.store.SetDisabled(ctx, id, false)
	})
}

// SetRole changes the role of a user, from their next request on.
//
// Errors: CodeForbidden; CodeInvalid names the role; CodeNotFound; CodeConflict for
// a user who has the role already, and for the last administrator.
func (s *Service) SetRole(ctx context.Context, name string, role services.Role) (Held, error) {
	if !role.Valid() {
		return Held{}, services.Invalid("role", "error_no_role")
	}
	return s.change(ctx, name, "Changed a role", func(id int64) (Held, error) {
		return s.store.SetRole(ctx, id, role)
	})
}

// SetAccess changes the role and the grants of a user, from their next request on.
// Of an administrator the grants do not count.
//
// Errors: CodeForbidden; CodeInvalid names the wrong fields ("role", "grants");
// CodeNotFound; CodeConflict for a user who has that access already, and for the last
// administrator.
func (s *Service) SetAccess(
	ctx context.Context, name string, role services.Role, grants []services.Grant,
) (Held, error) {
	var wrong services.FieldErrors
	if !role.Valid() {
		wrong.Add("role", "error_no_role")
	}
	grants = sortGrants(grants)
	checkGrants(&wrong, grants)
	if err := wrong.Err(); err != nil {
		return Held{}, err
	}
	return s.change(ctx, name, "Changed the access of a user", func(id int64) (Held, error) {
		return s.store.SetAccess(ctx, id, role, grants)
	})
}

// EndLogins ends every login session of a user; their tokens stay valid.
//
// Errors: CodeForbidden for somebody else's, but to administrators; CodeNotFound.
func (s *Service) EndLogins(ctx context.Context, name string) error {
	u, err := s.ownToChange(ctx, name)
	if err != nil {
		return err
	}
	if err := s.store.EndLogins(ctx, u.ID); err != nil {
		return err
	}
	s.log.InfoContext(ctx, "Ended all login sessions of a user", "user", u.Name, "by", services.ActorFrom(ctx).Name)
	s.changed()
	return nil
}

// own returns the named user to themselves and to administrators.
func (s *Service) own(ctx context.Context, name string) (store.User, error) {
	actor := services.ActorFrom(ctx)
	u, err := s.byName(ctx, name)
	if actor.May(services.PermitUsers) || err == nil && u.ID == actor.ID {
		return u, err
	}
	return store.User{}, actor.Require(services.PermitUsers) // whether the name exists is not their business
}

// ownToChange is own for what opens or closes a way into the account. A bearer token is
// not enough for its own user: it could be made into one that may do more.
func (s *Service) ownToChange(ctx context.Context, name string) (store.User, error) {
	actor := services.ActorFrom(ctx)
	if actor.Token && !actor.May(services.PermitUsers) {
		return store.User{}, services.NewError(services.CodeForbidden, "error_needs_session")
	}
	return s.own(ctx, name)
}

// Get returns a user as an administrator, or the user, sees them.
//
// Errors: CodeForbidden; CodeNotFound.
func (s *Service) Get(ctx context.Context, name string) (Listed, error) { return s.own(ctx, name) }

// Delete deletes a user and their tokens, and returns the id of the user. It keeps their
// batches and the audit log.
//
// Errors: CodeForbidden; CodeNotFound; CodeConflict for the last administrator.
func (s *Service) Delete(ctx context.Context, name string) (id int64, held Held, err error) {
	held, err = s.change(ctx, name, "Deleted a user", func(found int64) (Held, error) {
		id = found
		return s.store.DeleteUser(ctx, found)
	})
	return id, held, err
}

// change calls fn with the id of the named user, if the actor may change users, and
// logs the message when fn has succeeded.
func (s *Service) change(ctx context.Context, name, message string, fn func(id int64) (Held, error)) (Held, error) {
	actor := services.ActorFrom(ctx)
	if err := actor.Require(services.PermitUsers); err != nil {
		return Held{}, err
	}
	u, err := s.byName(ctx, name)
	if err != nil {
		return Held{}, err
	}
	held, err := fn(u.ID)
	if err != nil {
		return Held{}, err
	}
	s.log.InfoContext(ctx, message, "user", u.Name, "by", actor.Name)
	s.changed()
	return held, nil
}
