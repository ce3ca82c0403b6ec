package account

import (
	"cmp"
	"context"
	"slices"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// maxTyped bounds what is looked at of a name that was typed, in bytes. It is more
// than a name can have, so that what is cut off is nobody's.
const maxTyped = 1024

// Authenticate returns the user whose name and password these are. Unknown,
// disabled and wrong are the same CodeUnauthenticated error and take the same
// time. After some failures a name has to wait between tries, longer with each,
// whether anybody has it or not: CodeThrottled, with the seconds to wait as its
// argument Seconds.
func (s *Service) Authenticate(ctx context.Context, name, password string) (User, error) {
	name = name[:min(len(name), maxTyped)]
	u, err := s.find(ctx, name)
	if err != nil && services.CodeOf(err) != services.CodeNotFound {
		return User{}, err
	}
	t := s.newTry(ctx, name)
	if err := s.begin(ctx, u, t); err != nil {
		return User{}, err
	}
	fits, old, err := s.check(ctx, u, password)
	if err != nil {
		s.far.forgive(t.far) // nothing was tried
		s.near.forgive(t.near)
		return User{}, err
	}
	if !fits || u.Disabled {
		return User{}, s.turnAway(ctx, u, fits)
	}
	s.far.forgive(t.far)
	s.near.forget(t.near)
	if err := s.store.EndSignIn(ctx, u.ID, s.now()); err != nil {
		return User{}, err
	}
	if old {
		s.rehash(ctx, u, password)
	}
	return asUser(u), nil
}

// try is one try to sign in, as the back-offs know it.
type try struct{ near, far, network string }

func (s *Service) newTry(ctx context.Context, name string) try {
	network := networkOf(services.ActorFrom(ctx).Address)
	folded := foldName(name)
	return try{near: s.near.key(folded, network), far: s.far.key(folded), network: network}
}

// begin counts a try before the password is looked at, or refuses it. The zero
// User stands for a name that nobody has.
func (s *Service) begin(ctx context.Context, u store.User, t try) error {
	now := s.now()
	if wait := s.far.begin(t.far, now); wait > 0 {
		known, err := s.knows(ctx, u, t.network)
		if err != nil {
			return err
		}
		if !known {
			return s.makeWait(ctx, u, wait)
		}
	}
	wait := s.near.begin(t.near, now)
	if wait > 0 {
		s.far.forgive(t.far)
		return s.makeWait(ctx, u, wait)
	}
	return nil
}

// knows reports whether the user has signed in from the network of late: whoever
// tries a name from many networks must not keep its owner out.
func (s *Service) knows(ctx context.Context, u store.User, network string) (bool, error) {
	addresses, err := s.store.SignInAddresses(ctx, u.ID) // for nobody as well, which takes its time
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(addresses, func(address string) bool { return networkOf(address) == network }), nil
}

func (s *Service) makeWait(ctx context.Context, u store.User, wait time.Duration) error {
	s.log.WarnContext(ctx, "Refused a sign-in", "user", u.Name, "why", "too many tries")
	seconds := int((wait + time.Second - 1) / time.Second)
	return cmp.Or(s.refuse(ctx, u, store.RefusedWait),
		error(services.NewError(services.CodeThrottled, "error_login_wait", "Seconds", seconds)))
}

// check reports whether the password is the user's, after the same time for one
// that cannot be anybody's.
func (s *Service) check(ctx context.Context, u store.User, password string) (fits, old bool, err error) {
	const longest = 4 * MaxPassword // in bytes; what is longer is not worth hashing in full
	if u.ID == 0 || len(password) > longest {
		_, _, err := s.fits(ctx, password[:min(len(password), longest)], s.dummy)
		return false, false, err
	}
	return s.fits(ctx, password, u.PasswordHash)
}

// turnAway answers who had the wrong password, or had the right one and may not
// sign in any more. The name that nobody has is not logged: people type passwords
// into the wrong field.
func (s *Service) turnAway(ctx context.Context, u store.User, fits bool) error {
	why := store.RefusedPassword
	switch {
	case u.ID == 0:
		why = store.RefusedUnknown
	case fits:
		why = store.RefusedDisabled
	}
	s.log.WarnContext(ctx, "Refused a sign-in", "user", u.Name, "why", string(why))
	return cmp.Or(s.refuse(ctx, u, why), error(services.NewError(services.CodeUnauthenticated, "error_login")))
}

// SignOut notes that the actor ends a login session. It is called before the
// session ends, so that none ends unnoticed.
func (s *Service) SignOut(ctx context.Context) error {
	actor := services.ActorFrom(ctx)
	if actor.ID == 0 {
		return nil // nobody is signed in
	}
	return s.store.Note(ctx, store.Entry{Action: store.ActionLogout, Object: actor.Name})
}

// rehash brings a hash up to today's parameters. The sign-in has succeeded
// already; when this fails the next one tries again.
func (s *Service) rehash(ctx context.Context, u store.User, password string) {
	hash, err := s.hash(ctx, password)
	if err == nil {
		err = s.store.Rehash(ctx, u.ID, u.PasswordHash, hash)
	}
	if err != nil {
		s.log.WarnContext(ctx, "Could not renew the hash of a password", "user", u.Name, "error", err)
	}
}
