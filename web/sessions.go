package web

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/alexedwards/scs/sqlite3store"
	"github.com/alexedwards/scs/v2"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/services/store"
)

// The keys of a login session's data.
const (
	keyUser  = "user"  // int64, the user's id
	keyEpoch = "epoch" // int64, the user's epoch at sign-in
	keySeen  = "seen"  // int64, Unix seconds of the last request, a minute exact
)

// seenEvery bounds how often a login session is written: scs's own idle timeout
// would write it with every request.
const seenEvery = time.Minute

// sessions keeps who is signed in in which browser. The browser has a random
// token, the database its hash.
type sessions struct {
	manager *scs.SessionManager
	rows    *sqlite3store.SQLite3Store
	idle    time.Duration
	now     func() time.Time
}

// newSessions starts a goroutine that deletes old rows; stop ends it. refuse
// answers a request whose login session cannot be read or stored.
func newSessions(st *store.Store, o *Options, refuse func(http.ResponseWriter, *http.Request, error)) *sessions {
	rows := sqlite3store.NewWithConfig(st.Writer(), sqlite3store.Config{CleanUpInterval: 5 * time.Minute})
	s := &sessions{rows: rows, idle: o.SessionIdle, now: time.Now}
	if o.now != nil {
		s.now = o.now
	}
	// Not scs.New: it begins with a store in memory, whose goroutine stays.
	s.manager = &scs.SessionManager{
		Store:            rows,
		Codec:            scs.GobCodec{},
		Lifetime:         o.SessionLifetime,
		HashTokenInStore: true,
		ErrorFunc:        refuse,
		// It has no end of its own: the cookie goes with the browser.
		Cookie: scs.SessionCookie{Name: "knm", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode},
	}
	if o.https() {
		// The prefix makes browsers refuse the cookie from anybody but us.
		s.manager.Cookie.Name = "__Host-knm"
		s.manager.Cookie.Secure = true
	}
	return s
}

// stop ends the cleaning. It must be called once: a second call would block.
func (s *sessions) stop(context.Context) error {
	s.rows.StopCleanup()
	return nil
}

// SignIn binds the request's login session to the user, under a new token: one
// that somebody else has planted is worth nothing.
func (s *sessions) SignIn(ctx context.Context, u account.User) error {
	if err := s.manager.RenewToken(ctx); err != nil {
		return fmt.Errorf("renew the login session: %w", err)
	}
	s.manager.Put(ctx, keyUser, u.ID)
	s.manager.Put(ctx, keyEpoch, u.Epoch)
	s.manager.Put(ctx, keySeen, s.now().Unix())
	return nil
}

// SignOut ends the request's login session.
func (s *sessions) SignOut(ctx context.Context) error {
	if err := s.manager.Destroy(ctx); err != nil {
		return fmt.Errorf("end the login session: %w", err)
	}
	return nil
}

// sessionUser returns the id of the user of a stored login session, 0 when it
// cannot be read.
func sessionUser(data []byte) int64 {
	_, values, err := scs.GobCodec{}.Decode(data)
	if err != nil {
		return 0
	}
	id, _ := values[keyUser].(int64)
	return id
}

// userReader is what sessions needs of account.Service.
type userReader interface {
	ByID(ctx context.Context, id int64) (account.User, error)
}

// user gives who is signed in, or the zero User. A session that has been idle
// for too long, or is of an older epoch, or whose user is gone, is ended. touch
// says whether this request shows that a person is there.
func (s *sessions) user(ctx context.Context, users userReader, touch bool) (account.User, error) {
	id := s.manager.GetInt64(ctx, keyUser)
	if id == 0 {
		return account.User{}, nil
	}
	seen := time.Unix(s.manager.GetInt64(ctx, keySeen), 0)
	if s.now().Sub(seen) > s.idle {
		return account.User{}, s.SignOut(ctx)
	}
	u, err := users.ByID(ctx, id)
	if services.CodeOf(err) == services.CodeUnauthenticated || (err == nil && u.Epoch != s.manager.GetInt64(ctx, keyEpoch)) {
		return account.User{}, s.SignOut(ctx)
	}
	if err != nil {
		return account.User{}, err
	}
	if touch && s.now().Sub(seen) > min(seenEvery, s.idle/2) {
		s.manager.Put(ctx, keySeen, s.now().Unix())
	}
	return u, nil
}
