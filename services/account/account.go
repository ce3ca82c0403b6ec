// Package account keeps the users and checks who signs in: passwords, the one-time
// code for creating the first administrator, the waits after wrong passwords, and
// bearer tokens for scripts.
//
// It knows nothing of HTTP or of login sessions. Package web keeps the sessions,
// and looks up their user with ByID on every request.
package account

import (
	"context"
	"log/slog"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// User is a user who is signed in.
type User struct {
	ID    int64
	Name  string
	Role  services.Role
	Epoch int64 // a login session with another epoch is void
}

// Actor returns the user as the actor of a request that came from address.
func (u User) Actor(address, requestID string) services.Actor {
	return services.Actor{ID: u.ID, Name: u.Name, Role: u.Role, Address: address, RequestID: requestID}
}

// Service manages the accounts. It is safe for concurrent use.
type Service struct {
	store *store.Store
	log   *slog.Logger
	now   func() time.Time
	dummy string // a hash that matches no password

	queue     *hashQueue
	near, far *backOff // of a name from one network, and of a name from everywhere
	refusals  *refusals
	uses      *uses
}

// New returns a Service over a store. A program that lets people sign in must also
// call Run.
func New(st *store.Store, log *slog.Logger, now func() time.Time) *Service {
	return &Service{
		store: st, log: log, now: now, dummy: dummyHash(), queue: newHashQueue(),
		near: newBackOff(nearPolicy()), far: newBackOff(farPolicy()), refusals: newRefusals(), uses: newUses(),
	}
}

// HasUsers reports whether there is a user who can sign in.
func (s *Service) HasUsers(ctx context.Context) (bool, error) { return s.store.HasUsers(ctx) }

// HasAdmin reports whether there is an administrator who can sign in. Without one,
// the program must be set up; see SetupCode.
func (s *Service) HasAdmin(ctx context.Context) (bool, error) { return s.store.HasAdmin(ctx) }

// AddUser adds a user.
//
// Errors: CodeInvalid names the wrong fields ("name", "password", "role"); a name
// that is taken is a wrong field too.
func (s *Service) AddUser(ctx context.Context, name, password string, role services.Role) (User, error) {
	u, err := s.prepare(ctx, name, password, role)
	if err != nil {
		return User{}, err
	}
	id, err := s.store.InsertUser(ctx, u)
	if services.CodeOf(err) == services.CodeConflict {
		return User{}, nameTaken(u.Name)
	}
	if err != nil {
		return User{}, err
	}
	s.log.InfoContext(ctx, "Added a user", "user", u.Name, "role", role)
	return User{ID: id, Name: u.Name, Role: role, Epoch: 1}, nil
}

// prepare checks the fields of a new user and hashes the password.
func (s *Service) prepare(ctx context.Context, name, password string, role services.Role) (store.User, error) {
	name = normalName(name)
	if err := check(name, password, role); err != nil {
		return store.User{}, err
	}
	if err := s.checkFree(ctx, name); err != nil {
		return store.User{}, err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return store.User{}, err
	}
	return store.User{Name: name, PasswordHash: hash, Role: role, CreatedAt: s.now()}, nil
}

// checkFree refuses a name that differs from another user's only in upper and lower
// case. The database compares the case of ASCII letters only.
func (s *Service) checkFree(ctx context.Context, name string) error {
	users, err := s.store.Users(ctx)
	if err != nil {
		return err
	}
	for _, u := range users {
		if foldName(u.Name) == foldName(name) {
			return nameTaken(name)
		}
	}
	return nil
}

func nameTaken(name string) error { return services.Invalid("name", "error_name_taken", "Name", name) }

// SetPassword changes the password of a user, ends all login sessions of the user and
// revokes all tokens. It returns the number of revoked tokens.
//
// Errors: CodeNotFound; CodeInvalid for a password that is not good enough.
func (s *Service) SetPassword(ctx context.Context, name, password string) (tokens int, err error) {
	var wrong services.FieldErrors
	checkPassword(&wrong, normalName(name), password)
	if err := wrong.Err(); err != nil {
		return 0, err
	}
	u, err := s.byName(ctx, name)
	if err != nil {
		return 0, err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return 0, err
	}
	tokens, err = s.store.SetPassword(ctx, u.ID, hash)
	if err != nil {
		return 0, err
	}
	s.log.InfoContext(ctx, "Changed a password", "user", u.Name, "tokens", tokens)
	return tokens, nil
}

// ByID returns a user who can sign in. A deleted or disabled user is
// CodeUnauthenticated.
func (s *Service) ByID(ctx context.Context, id int64) (User, error) {
	u, err := s.store.UserByID(ctx, id)
	if services.CodeOf(err) == services.CodeNotFound || (err == nil && u.Disabled) {
		return User{}, services.NewError(services.CodeUnauthenticated, "error_unauthenticated")
	}
	if err != nil {
		return User{}, err
	}
	return asUser(u), nil
}

// byName returns the user with that name, or a CodeNotFound error that names it.
func (s *Service) byName(ctx context.Context, name string) (store.User, error) {
	u, err := s.find(ctx, name)
	if services.CodeOf(err) == services.CodeNotFound {
		return store.User{}, services.Wrap(err, services.CodeNotFound, "error_no_user", "Name", name)
	}
	return u, err
}

// find returns the user with that name, in whatever Unicode form it was typed. An
// earlier version may have stored a name in another form.
func (s *Service) find(ctx context.Context, name string) (store.User, error) {
	normal := normalName(name)
	u, err := s.store.UserByName(ctx, normal)
	if services.CodeOf(err) == services.CodeNotFound && normal != name {
		return s.store.UserByName(ctx, name)
	}
	return u, err
}

func asUser(u store.User) User {
	return User{ID: u.ID, Name: u.Name, Role: u.Role, Epoch: u.AuthEpoch}
}
