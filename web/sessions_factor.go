package web

import (
	"bytes"
	"context"
	"encoding/gob"
	"fmt"
	"time"

	"kube-node-manager/handlers"
	"kube-node-manager/services/account"
)

// The keys of what the second factor keeps in a session. Both values are sealed.
const (
	keyHalfway   = "halfway"   // of a browser whose password was right: halfway
	keyEnrolment = "enrolment" // of a signed-in user: enrolment
)

const (
	maxHalfway   = 5 * time.Minute  // between the password and the code
	maxEnrolment = 10 * time.Minute // between the secret and its first code
)

// halfway is a sign-in that lacks the second factor.
type halfway struct {
	handlers.Halfway
	Since time.Time
}

// enrolment is a secret that is not in use yet.
type enrolment struct {
	URL   string
	Since time.Time
}

// KeepHalfway keeps a sign-in whose password was right in the session of a browser, which
// gets a new token.
func (s *sessions) KeepHalfway(ctx context.Context, u account.User, next string) error {
	s.forgetSignOn(ctx)
	if err := s.manager.RenewToken(ctx); err != nil {
		return fmt.Errorf("begin a session: %w", err)
	}
	s.manager.SetDeadline(ctx, s.now().Add(maxHalfway).UTC())
	half := halfway{handlers.Halfway{User: u.ID, Epoch: u.Epoch, Name: u.Name, Next: next}, s.now()}
	if err := s.sealValue(ctx, keyHalfway, half); err != nil {
		return err
	}
	if _, _, err := s.manager.Commit(beginning(ctx)); err != nil {
		return fmt.Errorf("store the sign-in: %w", err)
	}
	return nil
}

// Halfway returns the sign-in of the session that lacks the second factor.
func (s *sessions) Halfway(ctx context.Context) (half handlers.Halfway, ok bool) {
	var kept halfway
	if !s.unsealValue(ctx, keyHalfway, &kept) || s.now().Sub(kept.Since) > maxHalfway {
		return handlers.Halfway{}, false
	}
	return kept.Halfway, true
}

// KeepEnrolment keeps the secret of a second factor in the login session until its first
// code is typed.
func (s *sessions) KeepEnrolment(ctx context.Context, url string) error {
	return s.sealValue(ctx, keyEnrolment, enrolment{url, s.now()})
}

// Enrolment returns what KeepEnrolment has kept, or "".
func (s *sessions) Enrolment(ctx context.Context) (url string) {
	var kept enrolment
	if !s.unsealValue(ctx, keyEnrolment, &kept) || s.now().Sub(kept.Since) > maxEnrolment {
		return ""
	}
	return kept.URL
}

// sealValue encrypts a value of the session; see seal.
func (s *sessions) sealValue(ctx context.Context, key string, value any) error {
	var plain bytes.Buffer
	if err := gob.NewEncoder(&plain).Encode(value); err != nil {
		return fmt.Errorf("encode %s of the session: %w", key, err)
	}
	return s.seal(ctx, key, plain.Bytes())
}

// unsealValue reports whether the session has a value that it can read, into value.
func (s *sessions) unsealValue(ctx context.Context, key string, value any) bool {
	return gob.NewDecoder(bytes.NewReader(s.unseal(ctx, key))).Decode(value) == nil
}
