package store

import (
	"context"
	"database/sql"
	"time"
)

// Refusal says why a sign-in was refused.
type Refusal string

// The refusals.
const (
	RefusedUnknown  Refusal = "unknown" // no such user
	RefusedPassword Refusal = "password"
	RefusedCode     Refusal = "code" // of the second factor
	RefusedDisabled Refusal = "disabled"
	RefusedWait     Refusal = "wait"     // too many attempts
	RefusedNoAccess Refusal = "access"   // the identity provider gives them none
	RefusedProvider Refusal = "provider" // the sign-in failed there, or on the way back
	// RefusedSeveral means that a group of refusals has more than one reason.
	RefusedSeveral Refusal = "several"
)

// RefuseSignIn records in the audit log that a sign-in was refused. For a name
// that no user has, u is the zero User: the name is not recorded, because people
// type passwords into the wrong field.
func (s *Store) RefuseSignIn(ctx context.Context, u User, why Refusal) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		return s.noteAs(ctx, tx, u.ID, u.Name, Entry{
			Action: ActionLoginFailed, Object: u.Name, Result: ResultRefused, After: facts("why", why),
		})
	})
}

// Refusals is a group of refused sign-ins from one client as one user.
type Refusals struct {
	UserID  int64  // 0 for names that no user has
	User    string // "" for names that no user has
	Address string // of the client or its network; "" if there were too many clients to count separately
	Last    time.Time
	Why     map[Refusal]int // number of refusals by reason
}

// RefuseSignIns records each group of refused sign-ins as one entry of the audit
// log.
func (s *Store) RefuseSignIns(ctx context.Context, groups []Refusals) error {
	if len(groups) == 0 {
		return nil
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, g := range groups {
			if err := s.note(ctx, tx, g.entry()); err != nil {
				return err
			}
		}
		return nil
	})
}

// entry returns the audit entry of a group. It has the reason and the number of
// refusals; if there are several reasons, the number of each.
func (g Refusals) entry() Entry {
	count, why := 0, RefusedSeveral
	for reason, n := range g.Why {
		count += n
		if len(g.Why) == 1 {
			why = reason
		}
	}
	after := facts("why", why, "count", count)
	if len(g.Why) > 1 {
		after = facts("why", why, "count", count, "reasons", g.Why)
	}
	return Entry{
		At: g.Last, ActorID: g.UserID, Actor: g.User, Address: g.Address,
		Action: ActionLoginFailed, Object: g.User, Result: ResultRefused, After: after,
	}
}
