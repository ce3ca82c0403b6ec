package account

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"kube-node-manager/services"
	"kube-node-manager/services/seal"
	"kube-node-manager/services/store"
)

// The second factor is a code of an authenticator app: TOTP of RFC 6238 with the
// parameters that every app knows.
const (
	factorIssuer = "Kube Node Manager" // what the app shows
	factorPeriod = 30                  // seconds that a code is shown
	factorDigits = otp.DigitsSix
	// factorSkew is how many codes before and after the present one are accepted: clocks
	// differ, and people type slowly. RFC 6238, section 5.2, allows one.
	factorSkew = 1
	// recoveryCodes is how many codes replace one of the app, if it is lost.
	recoveryCodes = 10
	// recoverySize is the length of a recovery code in characters of 5 bits: ASVS 5.0,
	// V6.5.2, wants at least 112 bits for codes that are stored as a plain hash.
	recoverySize = 24
)

// CodeNeeded is the error of Authenticate for a user with a second factor whose password
// was right. AuthenticateCode ends the sign-in.
type CodeNeeded struct{ User User }

// Error implements error.
func (e *CodeNeeded) Error() string { return "the second factor of " + e.User.Name + " is missing" }

// Enrolment is the secret that an authenticator app needs.
type Enrolment struct {
	Secret string // in base32
	URL    string // with the secret, for a QR code
}

// Factor says what second factor a user has.
type Factor struct {
	Since    time.Time // zero without one
	Recovery int       // recovery codes that are left
}

// UseKey makes the service encrypt the secrets of second factors with a key. Without
// one, nobody can have a second factor. Call it before the service is used.
func (s *Service) UseKey(key seal.Key) { s.key = key }

// AtProvider reports whether a user signs in at a provider of OpenID Connect. Those of
// a directory type their password here.
func AtProvider(u Listed) bool {
	return u.Issuer != "" && !strings.HasPrefix(u.Issuer, "ldap://") && !strings.HasPrefix(u.Issuer, "ldaps://")
}

// NewFactor returns a second factor for the actor, who proves once more that they know
// their password. It takes effect with AddFactor. host tells several installations apart
// in the app.
//
// Errors: CodeForbidden for a request with a token; CodeConflict for a user who has one,
// and for one of an identity provider; CodeUnavailable without a key; CodeInvalid for the
// field "current"; CodeThrottled as Authenticate.
func (s *Service) NewFactor(ctx context.Context, password, host string) (Enrolment, error) {
	u, err := s.inSession(ctx)
	if err != nil {
		return Enrolment{}, err
	}
	if err := s.mayAddFactor(u); err != nil {
		return Enrolment{}, err
	}
	if err := s.confirm(ctx, u, password); err != nil {
		return Enrolment{}, err
	}
	key, err := totp.Generate(totp.GenerateOpts{
		Issuer: factorIssuer, AccountName: u.Name + " (" + host + ")", Period: factorPeriod, Digits: factorDigits,
	})
	if err != nil {
		return Enrolment{}, fmt.Errorf("make the secret of a second factor: %w", err)
	}
	return Enrolment{Secret: key.Secret(), URL: key.URL()}, nil
}

func (s *Service) mayAddFactor(u store.User) error {
	switch {
	case AtProvider(u):
		return services.NewError(services.CodeConflict, "error_factor_elsewhere", "Name", u.Name)
	case u.Factor:
		return services.NewError(services.CodeConflict, "error_factor_exists", "Name", u.Name)
	case s.key.ID() == "":
		return services.NewError(services.CodeUnavailable, "error_seal_none")
	default:
		return nil
	}
}

// ParseEnrolment returns the enrolment with a URL that NewFactor has returned, and none
// for "".
func ParseEnrolment(address string) (Enrolment, error) {
	if address == "" {
		return Enrolment{}, nil
	}
	key, err := otp.NewKeyFromURL(address)
	if err != nil || key.Secret() == "" {
		return Enrolment{}, fmt.Errorf("read an enrolment: %w", cmp.Or(err, otp.ErrValidateSecretInvalidBase32))
	}
	return Enrolment{Secret: key.Secret(), URL: key.URL()}, nil
}

// AddFactor adds the second factor of an enrolment to the actor, if code is one of it. It
// ends all their login sessions. It returns the user, for a new login session, and the
// recovery codes.
//
// Errors: as of NewFactor but CodeThrottled; CodeInvalid is for the field "code";
// CodeConflict without an enrolment too.
func (s *Service) AddFactor(ctx context.Context, e Enrolment, code string) (u User, codes []string, err error) {
	row, err := s.inSession(ctx)
	if err != nil {
		return User{}, nil, err
	}
	if err := s.mayAddFactor(row); err != nil {
		return User{}, nil, err
	}
	if e.Secret == "" {
		return User{}, nil, services.NewError(services.CodeConflict, "error_factor_begin")
	}
	step := stepOf(e.Secret, plainCode(code), s.now())
	if step == 0 {
		return User{}, nil, services.Invalid("code", "error_factor_code")
	}
	since := s.now().Truncate(time.Millisecond) // as it is stored
	sealed, err := s.key.Seal(factorSubject(row.ID, since), []byte(e.Secret))
	if err != nil {
		return User{}, nil, err
	}
	codes, hashes := newRecoveryCodes(e.Secret)
	err = s.store.InsertFactor(ctx, store.Factor{
		UserID: row.ID, CreatedAt: since, LastStep: step, FactorSecret: store.FactorSecret(sealed),
	}, hashes)
	if err != nil {
		return User{}, nil, err
	}
	s.log.InfoContext(ctx, "Added a second factor", "user", row.Name)
	s.changed()
	u, err = s.ByID(ctx, row.ID)
	return u, codes, err
}

func factorSubject(user int64, since time.Time) seal.Subject {
	return seal.OfUser(user, since.UnixMilli())
}

// RewrapFactor returns a function that encrypts the secret of a second factor under
// another key.
func RewrapFactor(from, to seal.Key) func(store.Factor) (store.FactorSecret, error) {
	return func(f store.Factor) (store.FactorSecret, error) {
		s, err := from.Rewrap(factorSubject(f.UserID, f.CreatedAt), seal.Sealed(f.FactorSecret), to)
		return store.FactorSecret(s), err
	}
}

// AuthenticateCode ends a sign-in whose password was right at that epoch of the user,
// with a code of the app or a recovery code. Each works once.
//
// Errors: CodeUnauthenticated for a wrong code; CodeConflict if the account has changed
// since, and the user has to begin anew; CodeThrottled as Authenticate; CodeUnavailable without the key.
func (s *Service) AuthenticateCode(ctx context.Context, user, epoch int64, code string) (User, error) {
	u, err := s.store.UserByID(ctx, user)
	gone := services.CodeOf(err) == services.CodeNotFound
	if gone || err == nil && (u.Disabled || !u.Factor || u.AuthEpoch != epoch) {
		return User{}, services.NewError(services.CodeConflict, "error_factor_late")
	}
	if err != nil {
		return User{}, err
	}
	ok, err := s.tryCode(ctx, u, code)
	if err != nil {
		return User{}, err
	}
	if !ok {
		s.log.WarnContext(ctx, "Refused a sign-in", "user", u.Name, "why", string(store.RefusedCode))
		return User{}, cmp.Or(s.refuse(ctx, u, store.RefusedCode),
			error(services.NewError(services.CodeUnauthenticated, "error_factor_code")))
	}
	if err := s.store.EndSignIn(ctx, u.ID, s.now(), u.Issuer); err != nil {
		return User{}, err
	}
	return s.asUser(u), nil
}

// tryCode reports whether a code is one of a user and was not used before. Wrong ones
// slow down the next, like wrong passwords.
func (s *Service) tryCode(ctx context.Context, u store.User, code string) (bool, error) {
	t := s.newTry(ctx, u.Name)
	if err := s.begin(ctx, u, t); err != nil {
		return false, err
	}
	ok, err := s.useCode(ctx, u, plainCode(code))
	switch {
	case err != nil:
		s.cancel(t)
	case ok:
		s.accept(t)
	}
	return ok, err
}

// useCode uses up a code, or reports that it is wrong.
func (s *Service) useCode(ctx context.Context, u store.User, code string) (bool, error) {
	f, secret, err := s.openFactor(ctx, u)
	if err != nil {
		return false, err
	}
	if len(code) == factorDigits.Length() {
		step := stepOf(secret, code, s.now())
		if step <= f.LastStep {
			return false, nil
		}
		err = s.store.UseStep(ctx, u.ID, step)
	} else {
		err = s.store.UseRecovery(ctx, u.ID, recoveryHash(secret, code))
	}
	if services.CodeOf(err) == services.CodeNotFound {
		return false, nil
	}
	return err == nil, err
}

// openFactor returns the second factor of a user and its secret.
func (s *Service) openFactor(ctx context.Context, u store.User) (f store.Factor, secret string, err error) {
	f, err = s.store.Factor(ctx, u.ID)
	if err != nil {
		return store.Factor{}, "", err
	}
	plain, err := s.key.Open(factorSubject(f.UserID, f.CreatedAt), seal.Sealed(f.FactorSecret))
	if err != nil {
		return store.Factor{}, "", services.Wrap(err, services.CodeUnavailable, "error_factor_key")
	}
	return f, string(plain), nil
}

// plainCode returns a code without the spaces and dashes that make it readable.
func plainCode(code string) string {
	if len(code) > maxTyped {
		return ""
	}
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(code))
}

// stepOf returns the time step for which a code is right, near the present one, or 0.
func stepOf(secret, code string, now time.Time) int64 {
	found := int64(0)
	present := now.Unix() / factorPeriod
	for step := present - factorSkew; step <= present+factorSkew; step++ {
		want, err := hotp.GenerateCode(secret, uint64(step)) //nolint:gosec // after 1970
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			found = step
		}
	}
	return found
}

// newRecoveryCodes returns recovery codes, as people read them, and their hashes.
func newRecoveryCodes(secret string) (codes []string, hashes [][]byte) {
	for range recoveryCodes {
		code := strings.ToLower(rand.Text()[:recoverySize])
		hashes = append(hashes, recoveryHash(secret, code))
		codes = append(codes, strings.Join(InFours(code), "-"))
	}
	return codes, hashes
}

// InFours returns a text in groups of four, as people type it.
func InFours(text string) (groups []string) {
	for group := range slices.Chunk([]byte(text), 4) {
		groups = append(groups, string(group))
	}
	return groups
}

// recoveryHash is keyed with the secret of the app, which is stored encrypted: a copy of
// the database is not enough to try codes.
func recoveryHash(secret, code string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("recovery code " + code))
	return mac.Sum(nil)
}

// OwnFactor returns the second factor of the actor.
func (s *Service) OwnFactor(ctx context.Context) (Factor, error) {
	f, err := s.store.Factor(ctx, services.ActorFrom(ctx).ID)
	if services.CodeOf(err) == services.CodeNotFound {
		return Factor{}, nil
	}
	return Factor{Since: f.CreatedAt, Recovery: f.Recovery}, err
}

// NewRecoveryCodes replaces the recovery codes of the actor and returns the new ones.
//
// Errors: CodeForbidden for a request with a token; CodeInvalid for the field "code";
// CodeConflict for a user without a second factor; CodeThrottled as Authenticate.
func (s *Service) NewRecoveryCodes(ctx context.Context, code string) ([]string, error) {
	u, err := s.withCode(ctx, code)
	if err != nil {
		return nil, err
	}
	_, secret, err := s.openFactor(ctx, u)
	if err != nil {
		return nil, err
	}
	codes, hashes := newRecoveryCodes(secret)
	if err := s.store.ReplaceRecovery(ctx, u.ID, hashes); err != nil {
		return nil, err
	}
	s.log.InfoContext(ctx, "Made new recovery codes", "user", u.Name)
	return codes, nil
}

// RemoveOwnFactor removes the second factor of the actor and ends all their login
// sessions. It returns the user, for a new login session.
//
// Errors: as of NewRecoveryCodes.
func (s *Service) RemoveOwnFactor(ctx context.Context, code string) (User, error) {
	u, err := s.withCode(ctx, code)
	if err != nil {
		return User{}, err
	}
	if err := s.removeFactor(ctx, u); err != nil {
		return User{}, err
	}
	return s.ByID(ctx, u.ID)
}

// withCode returns the actor's own account, if code is one of its second factor.
func (s *Service) withCode(ctx context.Context, code string) (store.User, error) {
	u, err := s.inSession(ctx)
	if err != nil {
		return store.User{}, err
	}
	if !u.Factor {
		return store.User{}, noFactor(u)
	}
	ok, err := s.tryCode(ctx, u, code)
	if err == nil && !ok {
		err = services.Invalid("code", "error_factor_code")
	}
	return u, err
}

// RemoveFactor removes the second factor of a user who has lost it, and ends all their
// login sessions.
//
// Errors: CodeForbidden; CodeNotFound; CodeConflict for a user without one.
func (s *Service) RemoveFactor(ctx context.Context, name string) error {
	if err := services.ActorFrom(ctx).Require(services.PermitUsers); err != nil {
		return err
	}
	u, err := s.byName(ctx, name)
	if err != nil {
		return err
	}
	return s.removeFactor(ctx, u)
}

func (s *Service) removeFactor(ctx context.Context, u store.User) error {
	err := s.store.DeleteFactor(ctx, u.ID)
	if services.CodeOf(err) == services.CodeNotFound {
		return noFactor(u)
	}
	if err != nil {
		return err
	}
	s.log.InfoContext(ctx, "Removed a second factor", "user", u.Name, "by", services.ActorFrom(ctx).Name)
	s.changed()
	return nil
}

func noFactor(u store.User) error {
	return services.NewError(services.CodeConflict, "error_factor_none", "Name", u.Name)
}
