package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

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
	rows    sessionRows
	idle    time.Duration
	now     func() time.Time
	ended   func() // told when a login session has ended

	cancel  context.CancelFunc
	cleaned chan struct{}
}

// newSessions starts a goroutine that deletes old rows; stop ends it. refuse
// answers a request whose login session cannot be read or stored.
func newSessions(
	ctx context.Context, st *store.Store, o *Options, log *slog.Logger,
	refuse func(http.ResponseWriter, *http.Request, error),
) *sessions {
	s := &sessions{
		rows: sessionRows{st}, idle: o.SessionIdle, now: o.clock(), ended: func() {}, cleaned: make(chan struct{}),
	}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(s.cleaned)
		s.rows.clean(ctx, log)
	}()
	// Not scs.New: it begins with a store in memory, whose goroutine stays.
	s.manager = &scs.SessionManager{
		Store:     s.rows, // it hashes the tokens
		Codec:     scs.GobCodec{},
		Lifetime:  o.SessionLifetime,
		ErrorFunc: refuse,
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

// stop ends the cleaning.
func (s *sessions) stop(context.Context) error {
	s.cancel()
	<-s.cleaned
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
	if _, _, err := s.manager.Commit(beginning(ctx)); err != nil {
		return fmt.Errorf("begin the login session: %w", err)
	}
	s.ended() // the one under the old token
	return nil
}

// SignOut ends the request's login session.
func (s *sessions) SignOut(ctx context.Context) error {
	if err := s.manager.Destroy(ctx); err != nil {
		return fmt.Errorf("end the login session: %w", err)
	}
	s.ended()
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
		return u, s.touch(ctx)
	}
	return u, nil
}

// touch stores that a person was there just now. It bypasses the manager, which
// would store the session as late as the request ends and set the cookie again:
// by then the browser may have signed out, or in anew.
func (s *sessions) touch(ctx context.Context) error {
	values := map[string]any{}
	for _, key := range s.manager.Keys(ctx) {
		values[key] = s.manager.Get(ctx, key)
	}
	values[keySeen] = s.now().Unix()
	deadline := s.manager.Deadline(ctx)
	data, err := s.manager.Codec.Encode(deadline, values)
	if err != nil {
		return fmt.Errorf("encode the login session: %w", err)
	}
	return s.rows.CommitCtx(ctx, s.manager.Token(ctx), data, deadline)
}

// again returns a function that finds out anew who is signed in by the login
// session of ctx, as user does. Its own context must not be one of a request,
// which knows the session as it was.
func (s *sessions) again(ctx context.Context, users userReader) func(context.Context) (account.User, error) {
	token := s.manager.Token(ctx)
	return func(ctx context.Context) (account.User, error) {
		ctx, err := s.manager.Load(ctx, token)
		if err != nil {
			return account.User{}, fmt.Errorf("read the login session: %w", err)
		}
		return s.user(ctx, users, false)
	}
}
