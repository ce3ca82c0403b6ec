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

// sessionRows is the session manager's store. Unlike the library's own it never
// makes a row that is not asked for: what is stored under a token that has no
// row is dropped, unless the context says that a login session begins.
type sessionRows struct{ store *store.Store }

type beginsKey struct{}

// beginning returns a context in which storing a login session makes its row.
func beginning(ctx context.Context) context.Context {
	return context.WithValue(ctx, beginsKey{}, true)
}

// hashed returns what is stored of a browser's token.
func hashed(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// FindCtx returns the data of a login session.
func (s sessionRows) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	return s.store.FindSession(ctx, hashed(token))
}

// CommitCtx stores the data of a login session; see sessionRows.
func (s sessionRows) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	if begins, _ := ctx.Value(beginsKey{}).(bool); begins {
		return s.store.InsertSession(ctx, hashed(token), data, expiry)
	}
	return s.store.UpdateSession(ctx, hashed(token), data, expiry)
}

// DeleteCtx ends a login session.
func (s sessionRows) DeleteCtx(ctx context.Context, token string) error {
	return s.store.DeleteSession(ctx, hashed(token))
}

// errNoContext answers the methods that the session manager's interface has for
// stores without contexts. It calls none of them.
var errNoContext = errors.New("login sessions are stored with a context only")

// Find is not used: there is FindCtx.
func (sessionRows) Find(string) (data []byte, found bool, err error) { return nil, false, errNoContext }

// Commit is not used: there is CommitCtx.
func (sessionRows) Commit(string, []byte, time.Time) error { return errNoContext }

// Delete is not used: there is DeleteCtx.
func (sessionRows) Delete(string) error { return errNoContext }

// clean deletes expired login sessions until the context ends.
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
