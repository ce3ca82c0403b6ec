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
	RefusedDisabled Refusal = "disabled"
	RefusedWait     Refusal = "wait" // too many tries
	// RefusedSeveral stands for more than one of them.
	RefusedSeveral Refusal = "several"
)

// RefuseSignIn notes that a try to sign in was refused. The zero User stands for
// a name that nobody has; what was typed there is not kept, since people type
// passwords into the wrong field.
func (s *Store) RefuseSignIn(ctx context.Context, u User, why Refusal) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		return s.noteAs(ctx, tx, u.ID, u.Name, Entry{
			Action: ActionLoginFailed, Object: u.Name, Result: ResultRefused, After: facts("why", why),
		})
	})
}

// Refusals are tries of one client to sign in as one user that were refused.
type Refusals struct {
	UserID  int64  // 0 for names that nobody has
	User    string // "" for those
	Address string // of the client, or its network; "" for clients too many to tell apart
	Last    time.Time
	Why     map[Refusal]int // how many
}

// RefuseSignIns notes refused sign-ins, each group as one entry with its number.
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

// entry returns a group's one reason, or the number of each of several.
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
