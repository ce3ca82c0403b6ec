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
	"kube-node-manager/services/seal"
	"kube-node-manager/services/store"
)

// User is a user who is signed in.
type User struct {
	ID       int64
	Name     string
	Groups   []string // at the identity provider
	Role     services.Role
	Clusters map[string]services.Role // where the role is another one, by cluster
	Epoch    int64                    // a login session with another epoch is void
	Language string                   // of the pages; "" as the browser says
	Theme    string                   // "" as the browser says
	Factor   bool                     // has a second factor
	Local    bool                     // has a password that is kept here
	Provider bool                     // signs in at an identity provider, which may ask for one itself
	Token    int64                    // id of the bearer token of the request; 0 without one
}

// Actor returns the user as the actor of a request that came from address.
func (u User) Actor(address, requestID string) services.Actor {
	return services.Actor{
		ID: u.ID, Name: u.Name, Groups: u.Groups, Role: u.Role, Clusters: u.Clusters, Address: address,
		RequestID: requestID, Token: u.Token != 0, TokenID: u.Token,
	}
}

// ClusterLabels returns the labels of every cluster, by its name.
type ClusterLabels func() map[string]map[string]string

// Service manages the accounts. It is safe for concurrent use.
type Service struct {
	store *store.Store
	log   *slog.Logger
	now   func() time.Time
	dummy string // a hash that matches no password

	clusters ClusterLabels
	changed  func() // called when the access of a user has changed

	queue     *hashQueue
	near, far *backOff // of a name from one network, and of a name from everywhere
	refusals  *refusals
	uses      *uses
	terminals terminals

	directory   Directory // nil without one
	key         seal.Key  // of the secrets of second factors
	noPasswords bool      // see RefusePasswords
}

// New returns a Service over a store. A program that lets people sign in must also
// call Run. clusters is for the grants that are about labels.
func New(st *store.Store, log *slog.Logger, now func() time.Time, clusters ClusterLabels) *Service {
	return &Service{
		store: st, log: log, now: now, dummy: dummyHash(), queue: newHashQueue(), clusters: clusters, changed: func() {},
		near: newBackOff(nearPolicy()), far: newBackOff(farPolicy()), refusals: newRefusals(), uses: newUses(),
	}
}

// OnChange makes the service call fn whenever the access of a user has changed: what
// runs in the name of the user may have to end. Call it before the service is used.
func (s *Service) OnChange(fn func()) { s.changed = fn }

// HasUsers reports whether there is a user who can sign in.
func (s *Service) HasUsers(ctx context.Context) (bool, error) { return s.store.HasUsers(ctx) }

// HasAdmin reports whether there is an administrator who can sign in. Without one,
// the program must be set up; see SetupCode.
func (s *Service) HasAdmin(ctx context.Context) (bool, error) { return s.store.HasAdmin(ctx) }

// AddUser adds a user.
//
// Errors: CodeForbidden; CodeInvalid names the wrong fields ("name", "password", "role",
// "grants"); a name
// that is taken is a wrong field too.
func (s *Service) AddUser(
	ctx context.Context, name, password string, role services.Role, grants ...services.Grant,
) (User, error) {
	if err := services.ActorFrom(ctx).Require(services.PermitUsers); err != nil {
		return User{}, err
	}
	u, err := s.prepare(ctx, name, password, role, grants...)
	if err != nil {
		return User{}, err
	}
	u.ID, err = s.store.InsertUser(ctx, u)
	if services.CodeOf(err) == services.CodeConflict {
		return User{}, nameTaken(u.Name)
	}
	if err != nil {
		return User{}, err
	}
	s.log.InfoContext(ctx, "Added a user", "user", u.Name, "role", role)
	u.AuthEpoch = 1
	return s.asUser(u), nil
}

// prepare checks the fields of a new user and hashes the password.
func (s *Service) prepare(
	ctx context.Context, name, password string, role services.Role, grants ...services.Grant,
) (store.User, error) {
	name, grants = normalName(name), sortGrants(grants)
	if err := check(name, password, role, grants); err != nil {
		return store.User{}, err
	}
	if err := s.checkFree(ctx, name); err != nil {
		return store.User{}, err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return store.User{}, err
	}
	return store.User{Name: name, PasswordHash: hash, Role: role, Grants: grants, CreatedAt: s.now()}, nil
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

// SetPassword sets the password of a user who has forgotten it, or whose password
// somebody else may know. It ends all login sessions of the user, revokes all tokens and
// interrupts all batches. It returns the number of revoked tokens.
//
// Errors: CodeForbidden; CodeNotFound; CodeConflict for a user of an identity provider;
// CodeInvalid for a password that is not good enough.
func (s *Service) SetPassword(ctx context.Context, name, password string) (tokens int, err error) {
	if err := services.ActorFrom(ctx).Require(services.PermitUsers); err != nil {
		return 0, err
	}
	var wrong services.FieldErrors
	checkPassword(&wrong, normalName(name), password)
	if err := wrong.Err(); err != nil {
		return 0, err
	}
	u, err := s.byName(ctx, name)
	if err != nil {
		return 0, err
	}
	if u.Issuer != "" {
		return 0, elsewhere(u)
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return 0, err
	}
	now := s.now()
	tokens, err = s.store.SetPassword(ctx, u.ID, hash, &now)
	if err != nil {
		return 0, err
	}
	s.log.InfoContext(ctx, "Changed a password", "user", u.Name, "tokens", tokens)
	s.changed()
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
	return s.asUser(u), nil
}

// Standing returns what a user may do now.
//
// Errors: CodeNotFound.
func (s *Service) Standing(ctx context.Context, id int64) (services.Standing, error) {
	u, err := s.store.UserByID(ctx, id)
	if err != nil {
		return services.Standing{}, err
	}
	standing := services.Standing{Actor: s.asUser(u).Actor("", ""), Disabled: u.Disabled}
	if u.ResetAt != nil {
		standing.ResetAt = *u.ResetAt
	}
	return standing, nil
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

// asUser returns a stored user with the roles that their grants give now. An
// administrator has no grants: they could give themselves others.
func (s *Service) asUser(u store.User) User {
	user := User{
		ID: u.ID, Name: u.Name, Groups: u.Groups, Role: u.Role, Epoch: u.AuthEpoch, Language: u.Language, Theme: u.Theme,
		Factor: u.Factor, Local: u.Issuer == "", Provider: AtProvider(u),
	}
	if u.Role != services.RoleAdmin && len(u.Grants) > 0 {
		user.Clusters = services.RolesIn(u.Grants, s.clusters())
	}
	return user
}
