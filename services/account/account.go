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
	dummy string // a hash that no password fits

	line      *line
	near, far *backOff // of a name from one network, and from everywhere
	refusals  *refusals
	uses      *uses
}

// New returns the service over a store. Who serves sign-ins calls Run beside.
func New(st *store.Store, log *slog.Logger, now func() time.Time) *Service {
	return &Service{
		store: st, log: log, now: now, dummy: dummyHash(), line: newLine(),
		near: newBackOff(nearPolicy()), far: newBackOff(farPolicy()), refusals: newRefusals(), uses: newUses(),
	}
}

// HasUsers reports whether anybody can sign in.
func (s *Service) HasUsers(ctx context.Context) (bool, error) { return s.store.HasUsers(ctx) }

// HasAdmin reports whether an administrator can sign in; before that, set-up is due.
func (s *Service) HasAdmin(ctx context.Context) (bool, error) { return s.store.HasAdmin(ctx) }

// AddUser makes a user. Wrong fields are CodeInvalid and named; a name in use
// is CodeInvalid for the field "name" too.
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

// prepare checks what makes a user and hashes the password.
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

// checkFree refuses a name that is another user's but for the case of its letters.
// The database knows only the case of ASCII.
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

// SetPassword returns a user another password and ends all their logins and tokens;
// it returns how many tokens that were. An unknown name is CodeNotFound, a poor
// password CodeInvalid.
func (s *Service) SetPassword(ctx context.Context, name, password string) (tokens int, err error) {
	if err := checkPassword(normalName(name), password); err != nil {
		return 0, services.InvalidFields(*err)
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

// ByID gives a user who may use the product. One who is gone or disabled is
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

// byName returns the user of that name, or CodeNotFound in words.
func (s *Service) byName(ctx context.Context, name string) (store.User, error) {
	u, err := s.find(ctx, name)
	if services.CodeOf(err) == services.CodeNotFound {
		return store.User{}, services.Wrap(err, services.CodeNotFound, "error_no_user", "Name", name)
	}
	return u, err
}

// find returns the user of that name, however its letters are put together. An
// earlier version may have stored it in another way.
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
