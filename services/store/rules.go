package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"kube-node-manager/services"
)

// Rules is what holds for all maintenance of a cluster, encoded by package rule.
type Rules struct {
	Cluster   string
	Rules     json.RawMessage
	UpdatedBy string
	UpdatedAt time.Time
}

func scanRules(row scanner) (r Rules, err error) {
	var text string
	var updated int64
	err = row.Scan(&r.Cluster, &text, &r.UpdatedBy, &updated)
	r.Rules, r.UpdatedAt = json.RawMessage(text), fromMillis(updated)
	return r, err
}

const selectRules = `SELECT cluster, rules, updated_by, updated_at FROM rules WHERE cluster = $1`

// RulesOf returns the rules of a cluster, or CodeNotFound if they were never set.
func (s *Store) RulesOf(ctx context.Context, cluster string) (Rules, error) {
	r, err := scanRules(s.r.QueryRowContext(ctx, selectRules, cluster))
	if err != nil {
		return Rules{}, mapErr(fmt.Errorf("read the rules of a cluster: %w", err))
	}
	return r, nil
}

// PutRules replaces the rules of a cluster.
func (s *Store) PutRules(ctx context.Context, r Rules) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		old, err := scanRules(tx.QueryRowContext(ctx, selectRules, r.Cluster))
		err = mapErr(err)
		if err != nil && services.CodeOf(err) != services.CodeNotFound {
			return fmt.Errorf("read the rules of a cluster: %w", err)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO rules (cluster, rules, updated_by, updated_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (cluster) DO UPDATE SET rules = excluded.rules, updated_by = excluded.updated_by,
				updated_at = excluded.updated_at`,
			r.Cluster, string(r.Rules), r.UpdatedBy, toMillis(r.UpdatedAt))
		if err != nil {
			return fmt.Errorf("write the rules of a cluster: %w", err)
		}
		return s.note(ctx, tx, Entry{
			Action: ActionClusterRules, Cluster: r.Cluster, Object: r.Cluster, Before: old.Rules, After: r.Rules,
		})
	})
}
