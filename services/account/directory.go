package account

import (
	"cmp"
	"context"
	"errors"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// Directory checks the names and passwords of people whose password is not kept here.
type Directory interface {
	// SignIn returns who has the name and the password.
	//
	// Errors: CodeUnauthenticated for an unknown name or a wrong password;
	// CodeUnavailable if that cannot be found out.
	SignIn(ctx context.Context, name, password string) (Identity, error)
}

// UseDirectory makes Authenticate ask d about everybody without a password of their own.
// Call it before the service is used.
func (s *Service) UseDirectory(d Directory) { s.directory = d }

// RefusePasswords makes Authenticate ignore the passwords that are kept here: only
// the directory decides, if there is one. Call it before the service is used.
func (s *Service) RefusePasswords() { s.noPasswords = true }

// isElsewhere reports whether the directory checks the password of a user. The zero User
// stands for an unknown name.
func (s *Service) isElsewhere(u store.User) bool {
	return s.directory != nil && (s.noPasswords || u.PasswordHash == "")
}

// authenticateElsewhere is Authenticate for somebody in the directory. Only who is
// unknown or has a wrong password is slowed down: the others have proved who they are.
func (s *Service) authenticateElsewhere(ctx context.Context, t try, name, password string) (User, error) {
	if password == "" {
		return User{}, s.rejectElsewhere(ctx, errors.New("no password"))
	}
	id, err := s.directory.SignIn(ctx, name, password)
	if services.CodeOf(err) == services.CodeUnauthenticated {
		return User{}, s.rejectElsewhere(ctx, err)
	}
	if err != nil {
		s.cancel(t)
		return User{}, err
	}
	u, err := s.identify(ctx, id)
	if err != nil {
		s.accept(t)
		return User{}, err
	}
	return s.letIn(ctx, u, t)
}

// rejectElsewhere records that the directory did not accept a name and password, and
// returns the same error as for a wrong password.
func (s *Service) rejectElsewhere(ctx context.Context, cause error) error {
	s.log.WarnContext(ctx, "Refused a sign-in", "why", string(store.RefusedPassword))
	s.log.DebugContext(ctx, "The directory refused a sign-in", "error", cause)
	return cmp.Or(s.refuse(ctx, store.User{}, store.RefusedPassword),
		error(services.NewError(services.CodeUnauthenticated, "error_login")))
}

// errNoPasswords is the error of everybody who types a password that nobody checks.
func errNoPasswords() error { return services.NewError(services.CodeForbidden, "error_login_off") }
