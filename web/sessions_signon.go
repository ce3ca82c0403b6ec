package web

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"

	"kube-node-manager/services/account"
	"kube-node-manager/services/oidc"
)

// The keys of what single sign-on keeps in a session. Both values are sealed.
const (
	keyAttempts = "attempts" // of a browser that is not signed in: []attempt
	keyIDToken  = "id_token"
)

const (
	// maxAttempts is how many attempts a browser may have open at the same time, in
	// several tabs.
	maxAttempts = 5
	// maxIDToken is the longest id_token that is kept, in bytes. It becomes part of an
	// address at the sign-out.
	maxIDToken = 8 << 10
)

// attempt is an attempt to sign in at an identity provider, with the page to go to.
type attempt struct {
	oidc.Attempt
	Next string
}

// Keep adds an attempt to the session of a browser that is not signed in. If it has no
// session, one begins that ends with the attempt.
func (s *sessions) Keep(ctx context.Context, a oidc.Attempt, next string) error {
	begins := s.manager.Token(ctx) == ""
	if begins {
		if err := s.manager.RenewToken(ctx); err != nil {
			return fmt.Errorf("begin a session: %w", err)
		}
	}
	kept := append(s.attempts(ctx), attempt{a, next})
	kept = kept[max(0, len(kept)-maxAttempts):]
	s.manager.SetDeadline(ctx, s.now().Add(oidc.MaxAttempt).UTC())
	if err := s.putAttempts(ctx, kept); err != nil {
		return err
	}
	if !begins {
		return nil // the middleware stores it
	}
	if _, _, err := s.manager.Commit(beginning(ctx)); err != nil {
		return fmt.Errorf("store the attempt to sign in: %w", err)
	}
	return nil
}

// Take removes the attempt with that state from the session and returns it. It is stored
// at once: the same answer must not be accepted again.
func (s *sessions) Take(ctx context.Context, state string) (a oidc.Attempt, next string, found bool, err error) {
	var others []attempt
	for _, one := range s.attempts(ctx) {
		if subtle.ConstantTimeCompare([]byte(one.State), []byte(state)) == 1 {
			a, next, found = one.Attempt, one.Next, true
			continue
		}
		others = append(others, one)
	}
	if !found {
		return oidc.Attempt{}, "", false, nil
	}
	if err := s.putAttempts(ctx, others); err != nil {
		return oidc.Attempt{}, "", false, err
	}
	if _, _, err := s.manager.Commit(ctx); err != nil {
		return oidc.Attempt{}, "", false, fmt.Errorf("store the attempts to sign in: %w", err)
	}
	return a, next, true, nil
}

// attempts returns the attempts of the session. What cannot be read does not count.
func (s *sessions) attempts(ctx context.Context) []attempt {
	var kept []attempt
	if !s.unsealValue(ctx, keyAttempts, &kept) {
		return nil
	}
	return kept
}

func (s *sessions) putAttempts(ctx context.Context, kept []attempt) error {
	return s.sealValue(ctx, keyAttempts, kept)
}

// SignInWith is SignIn for somebody who has signed in at an identity provider.
func (s *sessions) SignInWith(ctx context.Context, u account.User, idToken string) error {
	return s.begin(ctx, u, func() error {
		if len(idToken) > maxIDToken {
			return nil // the sign-out is a local one then
		}
		return s.seal(ctx, keyIDToken, []byte(idToken))
	})
}

// IDToken returns the id_token with which the session began, or "".
func (s *sessions) IDToken(ctx context.Context) string { return string(s.unseal(ctx, keyIDToken)) }

// forgetSignOn removes what the sign-in has kept in the session: a new token cannot read
// it.
func (s *sessions) forgetSignOn(ctx context.Context) {
	for _, key := range []string{keyAttempts, keyIDToken, keyHalfway, keyEnrolment} {
		s.manager.Remove(ctx, key)
	}
}

// seal encrypts a value of the session with a key that is derived from the token of the
// session. The token is only in the browser: a copy of the database does not reveal the
// value.
func (s *sessions) seal(ctx context.Context, key string, plain []byte) error {
	box, err := sealer(s.manager.Token(ctx), key)
	if err != nil {
		return err
	}
	nonce := make([]byte, box.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	s.manager.Put(ctx, key, box.Seal(nonce, nonce, plain, []byte(key)))
	return nil
}

// unseal returns a value of the session, or nil if there is none, and if it was sealed
// for another token.
func (s *sessions) unseal(ctx context.Context, key string) []byte {
	sealed := s.manager.GetBytes(ctx, key)
	box, err := sealer(s.manager.Token(ctx), key)
	if err != nil || len(sealed) < box.NonceSize() {
		return nil
	}
	nonce, rest := sealed[:box.NonceSize()], sealed[box.NonceSize():]
	plain, err := box.Open(nil, nonce, rest, []byte(key))
	if err != nil {
		return nil
	}
	return plain
}

func sealer(token, key string) (cipher.AEAD, error) {
	if token == "" {
		return nil, errors.New("a session without a token cannot keep a secret")
	}
	const bits = 256
	derived, err := hkdf.Key(sha256.New, []byte(token), nil, "kube-node-manager session "+key, bits/8)
	if err != nil {
		return nil, fmt.Errorf("derive a key from the session: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("derive a key from the session: %w", err)
	}
	return cipher.NewGCM(block)
}
