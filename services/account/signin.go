package account

import (
	"cmp"
	"context"
	"slices"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// maxTyped is how many bytes of a typed name are used. No name is that long, so
// a name that was cut off is never that of a user.
const maxTyped = 1024

// Authenticate returns the user with that name and password.
//
// Errors: CodeUnauthenticated, the same after the same time for an unknown name,
// a disabled user and a wrong password; CodeThrottled after several failures, with
// the seconds to wait in the argument Seconds. The wait grows with each failure,
// and is the same for unknown names; CodeForbidden if nobody checks passwords. With a
// directory, those of SignInAs and CodeUnavailable too; *CodeNeeded for a user with a
// second factor.
func (s *Service) Authenticate(ctx context.Context, name, password string) (User, error) {
	if s.noPasswords && s.directory == nil {
		return User{}, errNoPasswords()
	}
	name = name[:min(len(name), maxTyped)]
	u, err := s.find(ctx, name)
	if err != nil && services.CodeOf(err) != services.CodeNotFound {
		return User{}, err
	}
	t := s.newTry(ctx, name)
	if err := s.begin(ctx, u, t); err != nil {
		return User{}, err
	}
	if s.isElsewhere(u) {
		return s.authenticateElsewhere(ctx, t, name, password)
	}
	ok, outdated, err := s.check(ctx, u, password)
	if err != nil {
		s.cancel(t)
		return User{}, err
	}
	if !ok || u.Disabled {
		return User{}, s.reject(ctx, u, ok)
	}
	if outdated {
		s.rehash(ctx, u, password)
	}
	return s.letIn(ctx, u, t)
}

// letIn ends the sign-in of somebody whose password was right. With a second factor, it
// has not ended, and the tries before it still count: those with codes are counted too.
func (s *Service) letIn(ctx context.Context, u store.User, t try) (User, error) {
	if u.Factor {
		s.cancel(t)
		return User{}, &CodeNeeded{User: s.asUser(u)}
	}
	s.accept(t)
	if err := s.store.EndSignIn(ctx, u.ID, s.now(), u.Issuer); err != nil {
		return User{}, err
	}
	return s.asUser(u), nil
}

// accept forgets the failed tries before one that was right.
func (s *Service) accept(t try) {
	s.far.forgive(t.far)
	s.near.forget(t.near)
}

// try is one try to sign in, with its keys in the two back-offs.
type try struct{ near, far, network string }

func (s *Service) newTry(ctx context.Context, name string) try {
	network := networkOf(services.ActorFrom(ctx).Address)
	folded := foldName(name)
	return try{near: s.near.key(folded, network), far: s.far.key(folded), network: network}
}

// begin counts a try before its password is checked, or returns the error of one that
// must wait. The zero User stands for an unknown name.
func (s *Service) begin(ctx context.Context, u store.User, t try) error {
	now := s.now()
	if wait := s.far.begin(t.far, now); wait > 0 {
		familiar, err := s.hasSignedInFrom(ctx, u, t.network)
		if err != nil {
			return err
		}
		if !familiar {
			return s.makeWait(ctx, u, wait)
		}
	}
	if wait := s.near.begin(t.near, now); wait > 0 {
		s.far.forgive(t.far)
		return s.makeWait(ctx, u, wait)
	}
	return nil
}

// cancel takes back the count of a try whose password could not be checked.
func (s *Service) cancel(t try) {
	s.far.forgive(t.far)
	s.near.forgive(t.near)
}

// hasSignedInFrom reports whether the user has signed in from the network recently. Such
// a network is exempt from the far back-off: an attacker who tries a name from many
// networks must not lock out its owner.
func (s *Service) hasSignedInFrom(ctx context.Context, u store.User, network string) (bool, error) {
	addresses, err := s.store.SignInAddresses(ctx, u.ID) // for an unknown name too: it takes the same time
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(addresses, func(address string) bool { return networkOf(address) == network }), nil
}

// makeWait records a try that came too early, and returns its error.
func (s *Service) makeWait(ctx context.Context, u store.User, wait time.Duration) error {
	s.log.WarnContext(ctx, "Refused a sign-in", "user", u.Name, "why", "too many tries")
	seconds := int((wait + time.Second - 1) / time.Second)
	return cmp.Or(s.refuse(ctx, u, store.RefusedWait),
		error(services.NewError(services.CodeThrottled, "error_login_wait", "Seconds", seconds)))
}

// check reports whether the password is the user's, and whether its hash is outdated.
// It takes as long for an unknown name.
func (s *Service) check(ctx context.Context, u store.User, password string) (ok, outdated bool, err error) {
	const longest = 4 * MaxPassword                      // bytes; hashing longer ones would waste time
	if u.PasswordHash == "" || len(password) > longest { // an unknown name, or a user of an identity provider
		_, _, err := s.matches(ctx, password[:min(len(password), longest)], s.dummy)
		return false, false, err
	}
	return s.matches(ctx, password, u.PasswordHash)
}

// reject records a try with a wrong password, or with the right password of a disabled
// user, and returns its error. It does not log an unknown name: people type
// passwords into the wrong field.
func (s *Service) reject(ctx context.Context, u store.User, rightPassword bool) error {
	why := store.RefusedPassword
	switch {
	case u.ID == 0:
		why = store.RefusedUnknown
	case rightPassword:
		why = store.RefusedDisabled
	}
	s.log.WarnContext(ctx, "Refused a sign-in", "user", u.Name, "why", string(why))
	return cmp.Or(s.refuse(ctx, u, why), error(services.NewError(services.CodeUnauthenticated, "error_login")))
}

// SignOut records that the actor signs out. Call it before the login session ends, so
// that no session ends unrecorded. Without a signed-in actor it does nothing.
func (s *Service) SignOut(ctx context.Context) error {
	actor := services.ActorFrom(ctx)
	if actor.ID == 0 {
		return nil
	}
	return s.store.Note(ctx, store.Entry{Action: store.ActionLogout, Object: actor.Name})
}

// rehash replaces a hash that was made with other parameters. A failure is only logged,
// because the user has signed in already; the next sign-in tries again.
func (s *Service) rehash(ctx context.Context, u store.User, password string) {
	hash, err := s.hash(ctx, password)
	if err == nil {
		err = s.store.Rehash(ctx, u.ID, u.PasswordHash, hash)
	}
	if err != nil {
		s.log.WarnContext(ctx, "Could not renew the hash of a password", "user", u.Name, "error", err)
	}
}
