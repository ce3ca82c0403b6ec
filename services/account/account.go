// Package account knows who may sign in: users and their passwords, the one-time
// code that makes the first administrator, the back-off after wrong passwords,
// and bearer tokens for scripts. It knows nothing of HTTP or of login sessions;
// the edge keeps those and asks ByID about their user on every request.
package account

import (
	"context"
	"log/slog"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// hashers bounds the passwords hashed at the same time: each takes 19 MiB, and
// a flood of sign-ins must not take all memory.
const hashers = 4

// User is who has signed in.
type User struct {
	ID    int64
	Name  string
	Role  services.Role
	Epoch int64 // a login of another epoch is void
}

// Actor gives the user as the one who asks from address.
func (u User) Actor(address, requestID string) services.Actor {
	return services.Actor{ID: u.ID, Name: u.Name, Role: u.Role, Address: address, RequestID: requestID}
}

// Service answers everything about accounts. It is safe for concurrent use.
type Service struct {
	store *store.Store
	log   *slog.Logger
	now   func() time.Time
	gate  chan struct{} // one place per hash being made
	dummy string        // a hash that no password fits
}

// New returns the service over a store.
func New(st *store.Store, log *slog.Logger) *Service {
	return &Service{store: st, log: log, now: time.Now, gate: make(chan struct{}, hashers), dummy: dummyHash()}
}

// HasUsers reports whether anybody can sign in; before that, setup is due.
func (s *Service) HasUsers(ctx context.Context) (bool, error) { return s.store.HasUsers(ctx) }

// AddUser makes a user. Wrong fields are CodeInvalid and named; a name in use
// is CodeInvalid for the field "name" too.
func (s *Service) AddUser(ctx context.Context, name, password string, role services.Role) (User, error) {
	u, err := s.prepare(ctx, name, password, role)
	if err != nil {
		return User{}, err
	}
	id, err := s.store.InsertUser(ctx, u)
	if services.CodeOf(err) == services.CodeConflict {
		return User{}, services.Invalid("name", "error_name_taken", "Name", name)
	}
	if err != nil {
		return User{}, err
	}
	s.log.InfoContext(ctx, "added a user", "user", name, "role", role)
	return User{ID: id, Name: name, Role: role, Epoch: 1}, nil
}

// prepare checks what makes a user and hashes the password.
func (s *Service) prepare(ctx context.Context, name, password string, role services.Role) (store.User, error) {
	if err := check(name, password, role); err != nil {
		return store.User{}, err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return store.User{}, err
	}
	return store.User{Name: name, PasswordHash: hash, Role: role, CreatedAt: s.now()}, nil
}

// SetPassword gives a user another password and ends all their logins. An
// unknown name is CodeNotFound, a poor password CodeInvalid.
func (s *Service) SetPassword(ctx context.Context, name, password string) error {
	if err := checkPassword(password); err != nil {
		return services.InvalidFields(*err)
	}
	u, err := s.byName(ctx, name)
	if err != nil {
		return err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return err
	}
	if err := s.store.SetPassword(ctx, u.ID, hash); err != nil {
		return err
	}
	s.log.InfoContext(ctx, "changed a password", "user", u.Name)
	return nil
}

// ByID gives a user who may use the product. One who is gone or disabled is
// CodeUnauthenticated.
func (s *Service) ByID(ctx context.Context, id int64) (User, error) {
	u, err := s.store.UserByID(ctx, id)
	if services.CodeOf(err) == services.CodeNotFound || (err == nil && u.Disabled) {
		return User{}, services.Errorf(services.CodeUnauthenticated, "error_unauthenticated")
	}
	if err != nil {
		return User{}, err
	}
	return asUser(u), nil
}

func (s *Service) byName(ctx context.Context, name string) (store.User, error) {
	u, err := s.store.UserByName(ctx, name)
	if services.CodeOf(err) == services.CodeNotFound {
		return store.User{}, services.Wrap(err, services.CodeNotFound, "error_no_user", "Name", name)
	}
	return u, err
}

func asUser(u store.User) User {
	return User{ID: u.ID, Name: u.Name, Role: u.Role, Epoch: u.AuthEpoch}
}
