package web

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"time"

	"kube-node-manager/services/store"
)

// cleanEvery is how often expired login sessions are deleted.
const cleanEvery = 5 * time.Minute

// sessionRows is the store of the session manager. Unlike those of the library, it does not
// insert a row for a token without one, unless the context says that a session begins.
// So a request that ends after a sign-out cannot bring the session back.
type sessionRows struct{ store *store.Store }

type beginsKey struct{}

// beginning returns a context that lets CommitCtx insert the row of a login session.
func beginning(ctx context.Context) context.Context {
	return context.WithValue(ctx, beginsKey{}, true)
}

// hashed returns the hash under which the session of a token is stored.
func hashed(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// FindCtx returns the data of a login session.
func (s sessionRows) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	return s.store.FindSession(ctx, hashed(token))
}

// CommitCtx updates a login session, or inserts it if it begins; see sessionRows.
func (s sessionRows) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	if begins, _ := ctx.Value(beginsKey{}).(bool); begins {
		return s.store.InsertSession(ctx, hashed(token), data, expiry)
	}
	return s.store.UpdateSession(ctx, hashed(token), data, expiry)
}

// DeleteCtx deletes a login session.
func (s sessionRows) DeleteCtx(ctx context.Context, token string) error {
	return s.store.DeleteSession(ctx, hashed(token))
}

// errNoContext is the error of the methods without a context. The interface requires them,
// but the session manager does not call them.
var errNoContext = errors.New("login sessions are stored with a context only")

// Find is not used; see FindCtx.
func (sessionRows) Find(string) (data []byte, found bool, err error) { return nil, false, errNoContext }

// Commit is not used; see CommitCtx.
func (sessionRows) Commit(string, []byte, time.Time) error { return errNoContext }

// Delete is not used; see DeleteCtx.
func (sessionRows) Delete(string) error { return errNoContext }

// clean deletes expired login sessions regularly until ctx ends.
func (s sessionRows) clean(ctx context.Context, log *slog.Logger) {
	every := time.NewTicker(cleanEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if err := s.store.DeleteExpiredSessions(ctx); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "Could not delete expired login sessions", "error", err)
		}
	}
}
