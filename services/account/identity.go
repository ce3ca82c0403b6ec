package account

import (
	"cmp"
	"context"
	"slices"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// Identity is a person whom an identity provider has vouched for.
type Identity struct {
	Issuer  string           // of OpenID Connect, or the URL of the directory
	Subject string           // the permanent id of the person there
	Name    string           // the preferred user name
	Groups  []string         // all of them, for the clusters in which changes are made in the user's name
	Role    services.Role    // from the groups; RoleNone when they give access to single clusters only
	Grants  []services.Grant // roles in single clusters, from the groups
}

// SignInAs returns the user of an identity, who is added at the first sign-in. Role
// and grants become those of the identity: they are kept at the provider.
//
// Errors: CodeUnauthenticated for a disabled user, and for an identity without any
// access; CodeConflict for a name that belongs to another user.
func (s *Service) SignInAs(ctx context.Context, id Identity) (User, error) {
	u, err := s.identify(ctx, id)
	if err != nil {
		return User{}, err
	}
	if err := s.store.EndSignIn(ctx, u.ID, s.now(), id.Issuer); err != nil {
		return User{}, err
	}
	return s.asUser(u), nil
}

// identify returns the user of an identity with the access that it has now.
func (s *Service) identify(ctx context.Context, id Identity) (store.User, error) {
	id.Role, id.Grants = cmp.Or(id.Role, services.RoleNone), sortGrants(id.Grants)
	if id.Role == services.RoleNone && len(id.Grants) == 0 {
		return store.User{}, s.refuseIdentity(ctx, store.User{}, store.RefusedNoAccess, "error_signon_access")
	}
	u, err := s.store.UserByIdentity(ctx, id.Issuer, id.Subject)
	switch {
	case services.CodeOf(err) == services.CodeNotFound:
		u, err = s.addIdentity(ctx, id)
	case err == nil && u.Disabled:
		return store.User{}, s.refuseIdentity(ctx, u, store.RefusedDisabled, "error_signon_disabled")
	case err == nil:
		u, err = s.renewAccess(ctx, u, id)
	}
	if err != nil {
		return store.User{}, err
	}
	if !slices.Equal(u.Groups, id.Groups) {
		u.Groups = id.Groups
		if err := s.store.SetGroups(ctx, u.ID, id.Groups); err != nil {
			return store.User{}, err
		}
	}
	return u, nil
}

// addIdentity adds the user of an identity that signs in for the first time.
func (s *Service) addIdentity(ctx context.Context, id Identity) (store.User, error) {
	u := store.User{
		Name: normalName(id.Name), Issuer: id.Issuer, Subject: id.Subject, Role: id.Role, Grants: id.Grants,
		CreatedAt: s.now(),
	}
	var wrong services.FieldErrors
	checkName(&wrong, u.Name)
	if wrong.Err() != nil {
		return store.User{}, services.NewError(services.CodeInvalid, "error_signon_name", "Name", services.Clip(id.Name))
	}
	taken := services.NewError(services.CodeConflict, "error_signon_taken", "Name", u.Name)
	if s.checkFree(ctx, u.Name) != nil {
		return store.User{}, taken
	}
	var err error
	u.ID, err = s.store.InsertUser(ctx, u)
	if services.CodeOf(err) == services.CodeConflict {
		return store.User{}, taken
	}
	if err != nil {
		return store.User{}, err
	}
	s.log.InfoContext(ctx, "Added a user at the first sign-in", "user", u.Name, "role", u.Role)
	return s.store.UserByID(ctx, u.ID)
}

// renewAccess sets the access of a user to that of their identity, and returns the user.
// The last administrator stays one: somebody has to be able to change the users.
func (s *Service) renewAccess(ctx context.Context, u store.User, id Identity) (store.User, error) {
	if u.Role == id.Role && slices.Equal(u.Grants, id.Grants) {
		return u, nil
	}
	_, err := s.store.SetAccess(ctx, u.ID, id.Role, id.Grants)
	if services.CodeOf(err) == services.CodeConflict {
		s.log.WarnContext(ctx, "Kept the role of the last administrator", "user", u.Name, "provider", id.Role)
		return u, nil
	}
	if err != nil {
		return store.User{}, err
	}
	s.log.InfoContext(ctx, "Changed the access of a user at sign-in", "user", u.Name, "role", id.Role)
	s.changed()
	return s.store.UserByID(ctx, u.ID)
}
