package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/alexedwards/scs/v2"

	"kube-node-manager/handlers"
	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// The keys of a login session's data.
const (
	keyUser  = "user"  // int64, id of the user
	keyEpoch = "epoch" // int64, epoch of the user at sign-in
	keySeen  = "seen"  // int64, Unix time in seconds of the last request; see touchEvery

	keyBegun   = "begun"   // int64, Unix time in seconds of the sign-in
	keyAddress = "address" // string, of the client at sign-in
	keyAgent   = "agent"   // string, User-Agent at sign-in
)

// touchEvery is how often keySeen is updated at most. The idle timeout of the library
// would write the session with every request.
const touchEvery = time.Minute

// sessions manages the login sessions. The browser has a random token, and the database
// has its hash.
type sessions struct {
	manager *scs.SessionManager
	rows    sessionRows
	idle    time.Duration
	now     func() time.Time
	ended   func() // called when a login session has ended
	log     *slog.Logger
	touches atomic.Int64 // Unix time before which no session is touched; see touch

	cancel  context.CancelFunc
	cleaned chan struct{}
}

// newSessions returns the login sessions in a store, and starts a goroutine that deletes
// expired ones until stop. A request whose session cannot be read or stored is handled
// by fail.
func newSessions(
	ctx context.Context, st *store.Store, o *Options, log *slog.Logger,
	fail func(http.ResponseWriter, *http.Request, error),
) *sessions {
	s := &sessions{
		rows: sessionRows{st}, idle: o.SessionIdle, now: o.clock(), ended: func() {}, log: log,
		cleaned: make(chan struct{}),
	}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(s.cleaned)
		s.rows.clean(ctx, log)
	}()
	// Not scs.New, which starts a goroutine for a store in memory.
	s.manager = &scs.SessionManager{
		Store:     s.rows, // hashes the tokens
		Codec:     scs.GobCodec{},
		Lifetime:  o.SessionLifetime,
		ErrorFunc: fail,
		Cookie:    sessionCookie(o.cookies()),
	}
	return s
}

// sessionCookie returns a cookie without an expiry date: closing the browser removes it.
// The name prefix makes browsers accept it only over HTTPS, and "__Host-" only from this
// host and for all of its paths. So below a path it is "__Secure-": the programs at other
// paths must not get the cookie.
func sessionCookie(like handlers.Cookies) scs.SessionCookie {
	c := scs.SessionCookie{
		Name: "knm", Path: like.Path, Secure: like.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	switch {
	case !like.Secure:
	case like.Path == ui.HomeURL:
		c.Name = "__Host-knm"
	default:
		c.Name = "__Secure-knm"
	}
	return c
}

// stop stops the deletion of expired sessions.
func (s *sessions) stop(context.Context) error {
	s.cancel()
	<-s.cleaned
	return nil
}

// SignIn makes the request's session the login session of the user. It gets a new token,
// which prevents session fixation.
func (s *sessions) SignIn(ctx context.Context, u account.User) error {
	return s.begin(ctx, u, func() error { return nil })
}

// begin begins the login session of a user, with what more adds to it.
func (s *sessions) begin(ctx context.Context, u account.User, more func() error) error {
	s.forgetSignOn(ctx)
	if err := s.manager.RenewToken(ctx); err != nil {
		return fmt.Errorf("renew the login session: %w", err)
	}
	s.manager.Put(ctx, keyUser, u.ID)
	s.manager.Put(ctx, keyEpoch, u.Epoch)
	s.manager.Put(ctx, keySeen, s.now().Unix())
	s.manager.Put(ctx, keyBegun, s.now().Unix())
	if i := infoFrom(ctx); i != nil {
		s.manager.Put(ctx, keyAddress, i.clientIP)
		s.manager.Put(ctx, keyAgent, i.agent)
	}
	if err := more(); err != nil {
		return err
	}
	if _, _, err := s.manager.Commit(beginning(ctx)); err != nil {
		return fmt.Errorf("store the login session: %w", err)
	}
	s.ended() // the session with the old token
	return nil
}

// SignOut ends the login session of the request.
func (s *sessions) SignOut(ctx context.Context) error {
	if err := s.manager.Destroy(ctx); err != nil {
		return fmt.Errorf("end the login session: %w", err)
	}
	s.ended()
	return nil
}

// sessionUser returns the user id in the data of a login session, or 0 if the data is
// invalid.
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

// user returns the user of the login session, or the zero User if there is none. It ends
// a session that is idle for too long or has an old epoch, and one whose user was
// deleted or disabled. If byPerson is set, it updates the time of the last request.
func (s *sessions) user(ctx context.Context, users userReader, byPerson bool) (account.User, error) {
	id := s.manager.GetInt64(ctx, keyUser)
	if id == 0 {
		return account.User{}, nil
	}
	seen := time.Unix(s.manager.GetInt64(ctx, keySeen), 0)
	if s.now().Sub(seen) > s.idle {
		return account.User{}, s.SignOut(ctx)
	}
	u, err := users.ByID(ctx, id)
	outdated := err == nil && u.Epoch != s.manager.GetInt64(ctx, keyEpoch)
	if outdated || services.CodeOf(err) == services.CodeUnauthenticated {
		return account.User{}, s.SignOut(ctx)
	}
	if err != nil {
		return account.User{}, err
	}
	if byPerson && s.now().Sub(seen) > min(touchEvery, s.idle/2) {
		return u, s.touch(ctx)
	}
	return u, nil
}

// touch updates the time of the last request. A database that cannot be written keeps nobody
// from reading: touch then leaves it alone for a while, because each try may wait for a lock.
func (s *sessions) touch(ctx context.Context) error {
	now := s.now()
	if now.Unix() < s.touches.Load() {
		return nil
	}
	err := s.storeSeen(ctx, now)
	if services.CodeOf(err) != services.CodeUnavailable || errors.Is(err, store.ErrNotLeading) {
		return err
	}
	s.touches.Store(now.Add(touchEvery).Unix())
	s.log.WarnContext(ctx, "Could not store that a login session is in use", "error", err)
	return nil
}

// storeSeen stores the time of the last request. It bypasses the manager, which would store
// the session at the end of the request and set the cookie again. By then, another
// request of the browser may have signed out or in.
func (s *sessions) storeSeen(ctx context.Context, now time.Time) error {
	values := map[string]any{}
	for _, key := range s.manager.Keys(ctx) {
		values[key] = s.manager.Get(ctx, key)
	}
	values[keySeen] = now.Unix()
	deadline := s.manager.Deadline(ctx)
	data, err := s.manager.Codec.Encode(deadline, values)
	if err != nil {
		return fmt.Errorf("encode the login session: %w", err)
	}
	return s.rows.CommitCtx(ctx, s.manager.Token(ctx), data, deadline)
}

// again returns a function that reads the login session of ctx again and returns its user,
// like user. It must not be called with the context of a request, which holds the
// session as it was.
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
