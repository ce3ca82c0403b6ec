package store

import (
	"context"
	"database/sql"
	"fmt"
)

// Rewrapped counts what RewrapSecrets has encrypted.
type Rewrapped struct {
	Clusters int // imported ones
	Factors  int
	Hooks    int
}

// RewrapSecrets encrypts the data keys of all stored secrets under another key, all of
// them or none. cluster, factor and hook do it for one of them.
func (s *Store) RewrapSecrets(
	ctx context.Context, cluster func(Cluster) (ClusterAccess, error), factor func(Factor) (FactorSecret, error),
	hook func(Hook) (HookSecret, error),
) (n Rewrapped, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		n.Clusters, err = rewrapClusters(ctx, tx, cluster)
		if err != nil {
			return err
		}
		n.Factors, err = rewrapFactors(ctx, tx, factor)
		if err != nil {
			return err
		}
		n.Hooks, err = rewrapHooks(ctx, tx, hook)
		if err != nil {
			return err
		}
		after := facts("clusters", n.Clusters, "factors", n.Factors, "hooks", n.Hooks)
		return s.note(ctx, tx, Entry{Action: ActionClusterRotate, After: after})
	})
	return n, err
}

func rewrapClusters(ctx context.Context, tx *sql.Tx, rewrap func(Cluster) (ClusterAccess, error)) (int, error) {
	all, err := list(ctx, tx, "read the clusters", scanCluster,
		`SELECT `+clusterColumns+` FROM clusters WHERE imported ORDER BY id`)
	if err != nil {
		return 0, err
	}
	for _, c := range all {
		to, err := rewrap(c)
		if err != nil {
			return 0, fmt.Errorf("cluster %q: %w", c.Name, err)
		}
		const update = `UPDATE clusters SET key_id = $1, data_key = $2, secret = $3 WHERE id = $4`
		if _, err := tx.ExecContext(ctx, update, to.KeyID, to.DataKey, to.Secret, c.ID); err != nil {
			return 0, fmt.Errorf("cluster %q: %w", c.Name, err)
		}
	}
	return len(all), nil
}

func rewrapFactors(ctx context.Context, tx *sql.Tx, rewrap func(Factor) (FactorSecret, error)) (int, error) {
	all, err := list(ctx, tx, "read the second factors", scanFactor,
		`SELECT `+factorColumns+` FROM factors ORDER BY user_id`)
	if err != nil {
		return 0, err
	}
	for _, f := range all {
		to, err := rewrap(f)
		if err != nil {
			return 0, fmt.Errorf("the second factor of user %d: %w", f.UserID, err)
		}
		const update = `UPDATE factors SET key_id = $1, data_key = $2, secret = $3 WHERE user_id = $4`
		if _, err := tx.ExecContext(ctx, update, to.KeyID, to.DataKey, to.Secret, f.UserID); err != nil {
			return 0, fmt.Errorf("the second factor of user %d: %w", f.UserID, err)
		}
	}
	return len(all), nil
}

func rewrapHooks(ctx context.Context, tx *sql.Tx, rewrap func(Hook) (HookSecret, error)) (int, error) {
	all, err := list(ctx, tx, "read the hooks", scanHook, `SELECT `+hookColumns+` FROM hooks ORDER BY id`)
	if err != nil {
		return 0, err
	}
	for _, h := range all {
		to, err := rewrap(h)
		if err != nil {
			return 0, fmt.Errorf("the hook %q: %w", h.Name, err)
		}
		if err := setHookSecret(ctx, tx, h.ID, to); err != nil {
			return 0, fmt.Errorf("the hook %q: %w", h.Name, err)
		}
	}
	return len(all), nil
}
