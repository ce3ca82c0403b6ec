package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"sync"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

const (
	// TokenPrefix begins every bearer token, so that scanners for secrets that
	// were committed by mistake can find it.
	TokenPrefix = "knm_"

	// TokenLife is how long a token works when nobody says otherwise.
	TokenLife = 90 * 24 * time.Hour
	// MaxTokenLife bounds what somebody may say, short of never.
	MaxTokenLife = 10 * 365 * 24 * time.Hour
	// seenEvery bounds how often the use of a token is written down.
	seenEvery = 5 * time.Minute
)

// Token is a bearer token as its owner sees it.
type Token = store.Token

// NewToken makes a bearer token for the user of that name; label is the owner's
// word for it, and life how long it works, 0 for ever. The token is returned once
// and kept nowhere. An unknown user is CodeNotFound, a wrong label or life
// CodeInvalid, a disabled user CodeConflict.
func (s *Service) NewToken(ctx context.Context, user, label string, life time.Duration) (token string, err error) {
	label, err = checkLabel(label)
	if err != nil {
		return "", err
	}
	if life < 0 || life > MaxTokenLife {
		return "", services.Invalid("expires", "error_token_life", "Days", int(MaxTokenLife.Hours()/24))
	}
	u, err := s.byName(ctx, user)
	if err != nil {
		return "", err
	}
	if u.Disabled {
		return "", services.NewError(services.CodeConflict, "error_user_disabled", "Name", u.Name)
	}
	token = TokenPrefix + rand.Text()
	row := store.Token{UserID: u.ID, Name: label, Hash: hashToken(token), CreatedAt: s.now()}
	if life > 0 {
		end := row.CreatedAt.Add(life)
		row.ExpiresAt = &end
	}
	if _, err = s.store.InsertToken(ctx, row); err != nil {
		return "", err
	}
	s.log.InfoContext(ctx, "Created a token", "user", u.Name, "token", label)
	return token, nil
}

// Tokens returns the tokens of the user of that name, or with "" those of everybody.
//
// Errors: CodeForbidden, CodeNotFound.
func (s *Service) Tokens(ctx context.Context, user string) ([]Token, error) {
	if err := services.ActorFrom(ctx).Require(services.PermitUsers); err != nil {
		return nil, err
	}
	if user == "" {
		return s.store.Tokens(ctx, 0)
	}
	u, err := s.byName(ctx, user)
	if err != nil {
		return nil, err
	}
	return s.store.Tokens(ctx, u.ID)
}

// RevokeTokens ends tokens, all of them or none, and returns what they were.
//
// Errors: CodeForbidden; CodeNotFound names the id that is no token's.
func (s *Service) RevokeTokens(ctx context.Context, ids ...int64) ([]Token, error) {
	if err := services.ActorFrom(ctx).Require(services.PermitUsers); err != nil {
		return nil, err
	}
	gone, err := s.store.RevokeTokens(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, t := range gone {
		s.log.InfoContext(ctx, "Revoked a token", "user", t.Owner, "token", t.Name)
	}
	return gone, nil
}

// ByToken returns the user whose bearer token this is, or CodeUnauthenticated,
// which says to the holder of a token that was right once why it is so no more.
func (s *Service) ByToken(ctx context.Context, token string) (User, error) {
	if !strings.HasPrefix(token, TokenPrefix) {
		return User{}, services.NewError(services.CodeUnauthenticated, "error_token")
	}
	// 130 random bits need no slow hash, and a lookup by hash leaks no timing
	// that could be used.
	t, err := s.store.TokenByHash(ctx, hashToken(token))
	if services.CodeOf(err) == services.CodeNotFound {
		return User{}, services.NewError(services.CodeUnauthenticated, "error_token")
	}
	if err != nil {
		return User{}, err
	}
	if t.Expired(s.now()) {
		day := t.ExpiresAt.Format(time.DateOnly)
		return User{}, services.NewError(services.CodeUnauthenticated, "error_token_expired", "Day", day)
	}
	u, err := s.ByID(ctx, t.UserID)
	if services.CodeOf(err) == services.CodeUnauthenticated {
		return User{}, services.Wrap(err, services.CodeUnauthenticated, "error_token_disabled")
	}
	if err != nil {
		return User{}, err
	}
	s.noteUse(ctx, t)
	return u, nil
}

// uses remembers when the use of a token was last written down, so that many
// requests at once write it once. It has at most as many entries as tokens that
// were used.
type uses struct {
	mu   sync.Mutex
	seen map[int64]time.Time
}

func newUses() *uses { return &uses{seen: map[int64]time.Time{}} }

// due reports whether the use of a token is to be written down now.
func (u *uses) due(t store.Token, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	last := u.seen[t.ID]
	if t.LastUsedAt != nil && t.LastUsedAt.After(last) {
		last = *t.LastUsedAt
	}
	if now.Sub(last) < seenEvery {
		return false
	}
	u.seen[t.ID] = now
	return true
}

// noteUse writes down that a token was used. It serves the owner's overview only,
// so a request never fails with it.
func (s *Service) noteUse(ctx context.Context, t store.Token) {
	now := s.now()
	if !s.uses.due(t, now) {
		return
	}
	if err := s.store.UseToken(ctx, t.ID, now); err != nil {
		s.log.WarnContext(ctx, "Could not record the use of a token", "token", t.Name, "error", err)
	}
}

func hashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
