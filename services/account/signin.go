package account

import (
	"cmp"
	"context"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

const (
	freeTries = 5               // wrong passwords before the first wait
	longest   = 5 * time.Minute // so that nobody can lock a user out for good
)

// delay says how long the next try waits after that many tries in a row.
func delay(tries int) time.Duration {
	if tries < freeTries {
		return 0
	}
	return min(longest, time.Second<<min(tries-freeTries+1, 30))
}

// Authenticate gives the user whose name and password these are. Unknown,
// disabled and wrong are the same CodeUnauthenticated error and take the same
// time. After five failures a user has to wait between tries, longer with each:
// CodeThrottled, with the seconds to wait as its argument Seconds.
func (s *Service) Authenticate(ctx context.Context, name, password string) (User, error) {
	u, err := s.store.UserByName(ctx, name)
	if services.CodeOf(err) == services.CodeNotFound || len(password) > 4*MaxPassword {
		return User{}, s.refuseUnknown(ctx, password)
	}
	if err != nil {
		return User{}, err
	}
	if err := s.begin(ctx, u); err != nil {
		return User{}, err
	}
	fits, old, err := s.fits(ctx, password, u.PasswordHash)
	if err != nil {
		return User{}, err
	}
	if !fits || u.Disabled {
		return User{}, s.refuse(ctx, u, fits)
	}
	if err := s.store.EndSignIn(ctx, u.ID, s.now()); err != nil {
		return User{}, err
	}
	if old {
		s.rehash(ctx, u, password)
	}
	return asUser(u), nil
}

// begin counts the try before the password is checked, so that many tries at
// the same time cannot slip past the count together.
func (s *Service) begin(ctx context.Context, u store.User) error {
	now := s.now()
	retryAt, err := s.store.BeginSignIn(ctx, u.ID, now, delay)
	if err != nil {
		return err
	}
	if retryAt == nil {
		return nil
	}
	s.log.WarnContext(ctx, "refused a sign-in", "user", u.Name, "why", "too many tries")
	seconds := int(retryAt.Sub(now)/time.Second) + 1
	return services.Errorf(services.CodeThrottled, "error_login_wait", "Seconds", seconds)
}

// refuse answers who had the wrong password, or had the right one and may not
// sign in any more.
func (s *Service) refuse(ctx context.Context, u store.User, fits bool) error {
	s.log.WarnContext(ctx, "refused a sign-in", "user", u.Name, "why", "wrong password or disabled")
	why := store.RefusedPassword
	if fits {
		why = store.RefusedDisabled
	}
	return cmp.Or(s.store.RefuseSignIn(ctx, u, why), refused())
}

func (s *Service) refuseUnknown(ctx context.Context, password string) error {
	// What is too long to be a password is not worth hashing in full.
	if _, _, err := s.fits(ctx, password[:min(len(password), 4*MaxPassword)], s.dummy); err != nil {
		return err
	}
	// The name is not logged: people type passwords into the wrong field.
	s.log.WarnContext(ctx, "refused a sign-in", "why", "no such user")
	return cmp.Or(s.store.RefuseSignIn(ctx, store.User{}, store.RefusedUnknown), refused())
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

func refused() error { return services.Errorf(services.CodeUnauthenticated, "error_login") }

// rehash brings a hash up to today's parameters. The sign-in has succeeded
// already; when this fails the next one tries again.
func (s *Service) rehash(ctx context.Context, u store.User, password string) {
	hash, err := s.hash(ctx, password)
	if err == nil {
		err = s.store.Rehash(ctx, u.ID, u.PasswordHash, hash)
	}
	if err != nil {
		s.log.WarnContext(ctx, "could not renew a password's hash", "user", u.Name, "error", err)
	}
}
