package account

import (
	"context"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// ChangePassword changes the actor's own password. It ends all their login sessions and
// revokes all their tokens. It returns the user, for a new login session, and the
// number of revoked tokens. Wrong passwords are counted as at a sign-in.
//
// Errors: CodeInvalid names the wrong field ("current", "password"); CodeThrottled as
// Authenticate; CodeConflict for a user of an identity provider.
func (s *Service) ChangePassword(ctx context.Context, current, password string) (u User, tokens int, err error) {
	row, err := s.inSession(ctx)
	if err != nil {
		return User{}, 0, err
	}
	if row.Issuer != "" {
		return User{}, 0, elsewhere(row)
	}
	if err := s.confirm(ctx, row, current); err != nil {
		return User{}, 0, err
	}
	if err := checkNew(row.Name, current, password); err != nil {
		return User{}, 0, err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return User{}, 0, err
	}
	tokens, err = s.store.SetPassword(ctx, row.ID, hash, nil)
	if err != nil {
		return User{}, 0, err
	}
	s.log.InfoContext(ctx, "Changed their own password", "user", row.Name, "tokens", tokens)
	s.changed()
	u, err = s.ByID(ctx, row.ID)
	return u, tokens, err
}

// inSession returns the actor's own account, for what a bearer token is not enough for.
//
// Errors: CodeForbidden for a request with a token; CodeUnauthenticated for a user who
// is gone.
func (s *Service) inSession(ctx context.Context) (store.User, error) {
	actor := services.ActorFrom(ctx)
	if actor.Token {
		return store.User{}, services.NewError(services.CodeForbidden, "error_needs_session")
	}
	u, err := s.store.UserByID(ctx, actor.ID)
	if services.CodeOf(err) == services.CodeNotFound {
		return store.User{}, services.NewError(services.CodeUnauthenticated, "error_unauthenticated")
	}
	return u, err
}

// elsewhere is the error of a password that an identity provider keeps.
func elsewhere(u store.User) error {
	return services.NewError(services.CodeConflict, "error_password_elsewhere", "Name", u.Name)
}

// confirm checks that a person who is signed in knows their password.
//
// Errors: CodeInvalid for the field "current"; CodeThrottled as Authenticate;
// CodeUnavailable if the directory cannot be asked.
func (s *Service) confirm(ctx context.Context, u store.User, password string) error {
	t := s.newTry(ctx, u.Name)
	if err := s.begin(ctx, u, t); err != nil {
		return err
	}
	ok, err := s.knows(ctx, u, password)
	if err != nil {
		s.cancel(t)
		return err
	}
	if !ok {
		return services.Invalid("current", "error_password_current")
	}
	s.accept(t)
	return nil
}

// knows reports whether a password is that of a user, here or in the directory.
func (s *Service) knows(ctx context.Context, u store.User, password string) (bool, error) {
	if !s.isElsewhere(u) {
		ok, _, err := s.check(ctx, u, password)
		return ok, err
	}
	if password == "" {
		return false, nil
	}
	id, err := s.directory.SignIn(ctx, u.Name, password)
	if services.CodeOf(err) == services.CodeUnauthenticated {
		return false, nil
	}
	return err == nil && id.Issuer == u.Issuer && id.Subject == u.Subject, err
}

// checkNew refuses a password that is easy to guess, or the present one.
func checkNew(name, current, password string) error {
	var wrong services.FieldErrors
	checkPassword(&wrong, name, password)
	if wrong.Err() == nil && password == current {
		wrong.Add("password", "error_password_same")
	}
	return wrong.Err()
}

// SetTaste stores the language and the theme of the actor's pages; "" is what the
// browser says. The caller has checked them.
func (s *Service) SetTaste(ctx context.Context, language, theme string) error {
	return s.store.SetTaste(ctx, services.ActorFrom(ctx).ID, language, theme)
}
