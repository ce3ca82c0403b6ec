package web

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/alexedwards/scs/v2"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/views/people"
)

// Of returns the login sessions of a user that are still valid, the last used first.
func (s *sessions) Of(ctx context.Context, u account.Listed) ([]people.Session, error) {
	rows, err := s.rows.store.Sessions(ctx)
	if err != nil {
		return nil, err
	}
	present := sessionID(hashed(s.manager.Token(ctx)))
	var own []people.Session
	for _, row := range rows {
		_, values, err := scs.GobCodec{}.Decode(row.Data)
		if err != nil || values[keyUser] != u.ID || values[keyEpoch] != u.AuthEpoch {
			continue
		}
		one := people.Session{
			ID: sessionID(row.Token), Begun: unixTime(values[keyBegun]), Seen: unixTime(values[keySeen]),
		}
		one.Address, _ = values[keyAddress].(string)
		one.Agent, _ = values[keyAgent].(string)
		one.Present = one.ID == present
		if s.now().Sub(one.Seen) <= s.idle {
			own = append(own, one)
		}
	}
	slices.SortFunc(own, func(a, b people.Session) int { return cmp.Or(b.Seen.Compare(a.Seen), cmp.Compare(a.ID, b.ID)) })
	return own, nil
}

// End ends a login session of the actor.
//
// Errors: CodeForbidden for a request with a bearer token; CodeNotFound.
func (s *sessions) End(ctx context.Context, id string) error {
	actor := services.ActorFrom(ctx)
	if actor.ID == 0 || actor.Token {
		return services.NewError(services.CodeForbidden, "error_needs_session")
	}
	gone, err := s.rows.store.DeleteSessions(ctx, func(token string, data []byte) bool {
		return sessionUser(data) == actor.ID && sessionID(token) == id
	})
	if err != nil {
		return err
	}
	if gone == 0 {
		return services.NewError(services.CodeNotFound, "error_no_session")
	}
	s.ended()
	return nil
}

// sessionID returns the id of a stored session on pages. It does not tell the stored
// token, which is a hash itself.
func sessionID(token string) string { return hashed(token)[:16] }

// unixTime returns the time of a value of a session, the zero time for one of an
// earlier version.
func unixTime(value any) time.Time {
	seconds, ok := value.(int64)
	if !ok {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
