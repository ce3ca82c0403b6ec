package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"time"
	"unicode/utf8"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

const (
	// TokenPrefix begins every bearer token, so that scanners for secrets that
	// were committed by mistake can find it.
	TokenPrefix = "knm_"

	maxTokenName = 64
	// seenEvery bounds how often the use of a token is written down.
	seenEvery = time.Minute
)

// NewToken makes a bearer token for the user of that name; label is the owner's
// word for it. The token is given once and kept nowhere. An unknown user is
// CodeNotFound, a wrong label CodeInvalid.
func (s *Service) NewToken(ctx context.Context, user, label string) (token string, err error) {
	if label == "" || utf8.RuneCountInString(label) > maxTokenName {
		return "", services.Invalid("label", "error_token_name", "Max", maxTokenName)
	}
	u, err := s.byName(ctx, user)
	if err != nil {
		return "", err
	}
	token = TokenPrefix + rand.Text()
	_, err = s.store.InsertToken(ctx, store.Token{UserID: u.ID, Name: label, Hash: hashToken(token), CreatedAt: s.now()})
	if err != nil {
		return "", err
	}
	s.log.InfoContext(ctx, "made a token", "user", u.Name, "token", label)
	return token, nil
}

// ByToken gives the user whose bearer token this is, or CodeUnauthenticated.
func (s *Service) ByToken(ctx context.Context, token string) (User, error) {
	if !strings.HasPrefix(token, TokenPrefix) {
		return User{}, services.Errorf(services.CodeUnauthenticated, "error_token")
	}
	// 130 random bits need no slow hash, and a lookup by hash leaks no timing
	// that could be used.
	t, err := s.store.TokenByHash(ctx, hashToken(token))
	if services.CodeOf(err) == services.CodeNotFound {
		return User{}, services.Errorf(services.CodeUnauthenticated, "error_token")
	}
	if err != nil {
		return User{}, err
	}
	u, err := s.ByID(ctx, t.UserID)
	if err != nil {
		return User{}, err
	}
	s.noteUse(ctx, t)
	return u, nil
}

// noteUse writes down that a token was used, at most once a minute. It serves
// the owner's overview only, so a request never fails with it.
func (s *Service) noteUse(ctx context.Context, t store.Token) {
	now := s.now()
	if t.LastUsedAt != nil && now.Sub(*t.LastUsedAt) < seenEvery {
		return
	}
	if err := s.store.UseToken(ctx, t.ID, now); err != nil {
		s.log.WarnContext(ctx, "could not note a token's use", "token", t.Name, "error", err)
	}
}

func hashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
