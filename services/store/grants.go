package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"kube-node-manager/services"
)

// SetAccess sets the role and the grants of a user, from their next request on. It
// writes an audit entry for each of the two that changes.
//
// Errors: CodeNotFound; CodeConflict for a user who has that access already, and for
// the last administrator.
func (s *Store) SetAccess(
	ctx context.Context, id int64, role services.Role, grants []services.Grant,
) (held Held, err error) {
	err = s.changeUser(ctx, id, func(tx *sql.Tx, u User) error {
		if u.Role == role && slices.Equal(u.Grants, grants) {
			return services.NewError(services.CodeConflict, "error_user_has_access", "Name", u.Name)
		}
		if err := s.setAccess(ctx, tx, u, role, grants); err != nil {
			return err
		}
		held, err = heldBy(ctx, tx, id)
		return err
	})
	return held, err
}

// setAccess replaces the role and the grants of a user as far as they differ.
func (s *Store) setAccess(ctx context.Context, tx *sql.Tx, u User, role services.Role, grants []services.Grant) error {
	if u.Role != role {
		if _, err := tx.ExecContext(ctx, `UPDATE users SET role = $2 WHERE id = $1`, u.ID, role); err != nil {
			return err
		}
		err := s.note(ctx, tx, Entry{
			Action: ActionUserRole, Object: u.Name, Before: facts("role", u.Role), After: facts("role", role),
		})
		if err != nil {
			return err
		}
	}
	if slices.Equal(u.Grants, grants) {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM grants WHERE user_id = $1`, u.ID); err != nil {
		return err
	}
	if err := insertGrants(ctx, tx, u.ID, grants); err != nil {
		return err
	}
	return s.note(ctx, tx, Entry{
		Action: ActionUserGrants, Object: u.Name,
		Before: facts("grants", grantFact(u.Grants)), After: facts("grants", grantFact(grants)),
	})
}

// What separates the parts of a grant, and grants, in a list that a query returns. Names
// and labels cannot contain these characters.
const (
	unitSeparator   = "\x1f"
	recordSeparator = "\x1e"
)

// splitGrants returns the grants of such a list.
func splitGrants(list string) (grants []services.Grant) {
	if list == "" {
		return nil
	}
	for record := range strings.SplitSeq(list, recordSeparator) {
		cluster, rest, _ := strings.Cut(record, unitSeparator)
		label, role, _ := strings.Cut(rest, unitSeparator)
		grants = append(grants, services.Grant{Cluster: cluster, Label: label, Role: services.Role(role)})
	}
	return grants
}

func insertGrants(ctx context.Context, tx *sql.Tx, user int64, grants []services.Grant) error {
	for _, g := range grants {
		_, err := tx.ExecContext(ctx, `INSERT INTO grants (user_id, cluster, label, role) VALUES ($1, $2, $3, $4)`,
			user, g.Cluster, g.Label, string(g.Role))
		if err != nil {
			return fmt.Errorf("insert a grant: %w", err)
		}
	}
	return nil
}

// grantFact returns grants as a value for facts; nil, which is left out there, for
// none.
func grantFact(grants []services.Grant) any {
	if len(grants) == 0 {
		return nil
	}
	lines := make([]string, len(grants))
	for i, g := range grants {
		lines[i] = g.String()
	}
	return lines
}

// SetGroups stores the groups that a user has at their identity provider.
func (s *Store) SetGroups(ctx context.Context, id int64, groups []string) error {
	raw, err := json.Marshal(slices.Concat([]string{}, groups)) // [], not null, for none
	if err != nil {
		return fmt.Errorf("encode the groups of a user: %w", err)
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE users SET groups = $2 WHERE id = $1`, id, string(raw))
		return err
	})
}
