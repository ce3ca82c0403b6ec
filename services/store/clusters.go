package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"kube-node-manager/services"
)

// Cluster is a row of the table of clusters: an imported cluster, or what was set
// for a context of the kubeconfig files.
type Cluster struct {
	ID       int64
	Name     string
	Imported bool
	Labels   map[string]string
	Colour   string
	Position int // 0 is after all others
	Disabled bool
	ActAs    bool // changes are made in the name of their user
	ClusterAccess
	CreatedBy string
	CreatedAt time.Time
	UpdatedBy string
	UpdatedAt time.Time
}

// ClusterAccess is the address and the encrypted credentials of an imported cluster.
// The audit log gets all of it but the encrypted parts.
type ClusterAccess struct {
	Server   string
	Kind     string // "token" or "certificate"
	Insecure bool
	Version  int64 // from 1; the credentials are encrypted for this version
	KeyID    string
	DataKey  []byte
	Secret   []byte
}

// SealFunc encrypts the credentials for a row and a version of it.
type SealFunc func(id, version int64) (ClusterAccess, error)

const clusterColumns = `id, name, imported, labels, colour, position, disabled, act_as, server, kind, insecure, version,
	key_id, data_key, secret, created_by, created_at, updated_by, updated_at`

func scanCluster(row scanner) (Cluster, error) {
	var c Cluster
	var labels string
	var created, updated int64
	err := row.Scan(&c.ID, &c.Name, &c.Imported, &labels, &c.Colour, &c.Position, &c.Disabled, &c.ActAs, &c.Server,
		&c.Kind, &c.Insecure, &c.Version, &c.KeyID, &c.DataKey, &c.Secret, &c.CreatedBy, &created, &c.UpdatedBy, &updated)
	if err != nil {
		return Cluster{}, mapErr(fmt.Errorf("read cluster: %w", err))
	}
	if err := json.Unmarshal([]byte(labels), &c.Labels); err != nil {
		return Cluster{}, fmt.Errorf("read cluster: decode its labels: %w", err)
	}
	c.CreatedAt, c.UpdatedAt = fromMillis(created), fromMillis(updated)
	return c, nil
}

// facts returns the cluster for an audit entry, without its credentials.
func (c Cluster) facts() json.RawMessage {
	pairs := []any{"name", c.Name, "server", c.Server, "credentials", c.Kind, "colour", c.Colour}
	if len(c.Labels) > 0 {
		pairs = append(pairs, "labels", c.Labels)
	}
	if c.Position > 0 {
		pairs = append(pairs, "position", c.Position)
	}
	if c.Disabled {
		pairs = append(pairs, "disabled", true)
	}
	if c.ActAs {
		pairs = append(pairs, "actAsUser", true)
	}
	if c.Insecure {
		pairs = append(pairs, "insecure", true)
	}
	return facts(pairs...)
}

// Clusters returns every row, by id.
func (s *Store) Clusters(ctx context.Context) ([]Cluster, error) {
	return list(ctx, s.r, "read the clusters", scanCluster, `SELECT `+clusterColumns+` FROM clusters ORDER BY id`)
}

func findCluster(ctx context.Context, q querier, name string) (Cluster, error) {
	return scanCluster(q.QueryRowContext(ctx, `SELECT `+clusterColumns+` FROM clusters WHERE name = $1`, name))
}

// InsertCluster adds an imported cluster and returns it as it is stored. Whatever was
// set for a context of that name is replaced.
//
// Errors: CodeInvalid for the field "name" if an imported cluster has the name.
func (s *Store) InsertCluster(ctx context.Context, c Cluster, seal SealFunc) (made Cluster, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM clusters WHERE name = $1 AND NOT imported`, c.Name); err != nil {
			return fmt.Errorf("replace the settings of a context: %w", err)
		}
		c.ID, err = s.nextCluster(ctx, tx)
		if err != nil {
			return err
		}
		c.ClusterAccess, err = seal(c.ID, 1)
		if err != nil {
			return err
		}
		c.Imported, c.UpdatedBy, c.UpdatedAt = true, c.CreatedBy, c.CreatedAt
		made, err = putCluster(ctx, tx, c)
		if err != nil {
			return clusterNameTaken(err, c.Name)
		}
		return s.note(ctx, tx, Entry{Action: ActionClusterImport, Cluster: c.Name, Object: c.Name, After: made.facts()})
	})
	return made, err
}

// nextCluster returns the id of the next new row. The transaction has the write lock.
func (s *Store) nextCluster(ctx context.Context, tx *sql.Tx) (id int64, err error) {
	err = tx.QueryRowContext(ctx, s.engine.nextCluster).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("find an id for a cluster: %w", err)
	}
	return id, nil
}

func clusterNameTaken(err error, name string) error {
	if services.CodeOf(mapErr(err)) == services.CodeConflict {
		return services.Invalid("name", "error_cluster_name_taken", "Name", name)
	}
	return err
}

// putCluster writes a whole row, which is new if there is none with its id.
func putCluster(ctx context.Context, tx *sql.Tx, c Cluster) (Cluster, error) {
	if c.Labels == nil {
		c.Labels = map[string]string{}
	}
	labels, err := json.Marshal(c.Labels)
	if err != nil {
		return Cluster{}, fmt.Errorf("encode the labels of a cluster: %w", err)
	}
	return scanCluster(tx.QueryRowContext(ctx, `INSERT INTO clusters (`+clusterColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, labels = excluded.labels, colour = excluded.colour,
			position = excluded.position, disabled = excluded.disabled, act_as = excluded.act_as,
			server = excluded.server, kind = excluded.kind, insecure = excluded.insecure, version = excluded.version,
			key_id = excluded.key_id, data_key = excluded.data_key, secret = excluded.secret,
			updated_by = excluded.updated_by, updated_at = excluded.updated_at
		RETURNING `+clusterColumns,
		c.ID, c.Name, c.Imported, string(labels), c.Colour, c.Position, c.Disabled, c.ActAs, c.Server, c.Kind, c.Insecure,
		c.Version, c.KeyID, c.DataKey, c.Secret, c.CreatedBy, toMillis(c.CreatedAt), c.UpdatedBy, toMillis(c.UpdatedAt)))
}

// ClusterChange is a change of a cluster.
type ClusterChange struct {
	Name string // of the cluster
	Make bool   // the cluster is a context: make a row if there is none
	By   string
	At   time.Time
	// Unless Open is true, the change is refused while a batch of the cluster has not
	// ended.
	Open bool
	// Set changes the row.
	Set func(*Cluster)
	// Seal, if not nil, makes new credentials for the row.
	Seal SealFunc
}

// UpdateCluster changes a cluster and returns it as it is stored. A new name becomes
// that of its batches and templates as well, so that its history stays with it. The
// audit log keeps the old name, and gets an entry with both.
//
// Errors: CodeNotFound; CodeConflict while a batch of the cluster has not ended;
// CodeInvalid for the field "name" if the new name is in use.
func (s *Store) UpdateCluster(ctx context.Context, change ClusterChange) (made Cluster, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		old, err := findCluster(ctx, tx, change.Name)
		switch {
		case services.CodeOf(err) == services.CodeNotFound && change.Make:
			old = Cluster{Name: change.Name, CreatedBy: change.By, CreatedAt: change.At}
		case err != nil:
			return err
		}
		made, err = s.updateCluster(ctx, tx, old, change)
		return err
	})
	return made, err
}

func (s *Store) updateCluster(ctx context.Context, tx *sql.Tx, old Cluster, change ClusterChange) (Cluster, error) {
	c := old
	change.Set(&c)
	c.UpdatedBy, c.UpdatedAt = change.By, change.At
	if !change.Open || c.Name != old.Name {
		if err := refuseOpenBatches(ctx, tx, old.Name); err != nil {
			return Cluster{}, err
		}
	}
	if change.Seal != nil {
		var err error
		c.ClusterAccess, err = change.Seal(c.ID, c.Version+1)
		if err != nil {
			return Cluster{}, err
		}
	}
	if c.ID == 0 {
		var err error
		c.ID, err = s.nextCluster(ctx, tx)
		if err != nil {
			return Cluster{}, err
		}
	}
	made, err := putCluster(ctx, tx, c)
	if err != nil {
		return Cluster{}, clusterNameTaken(err, c.Name)
	}
	if err := renameCluster(ctx, tx, old.Name, made.Name); err != nil {
		return Cluster{}, err
	}
	return made, s.note(ctx, tx, Entry{
		Action: clusterAction(old, made), Cluster: old.Name, Object: made.Name, Before: old.facts(), After: made.facts(),
	})
}

// clusterAction returns the action that describes a change best.
func clusterAction(old, made Cluster) Action {
	switch {
	case old.Name != made.Name:
		return ActionClusterRename
	case old.Version != made.Version:
		return ActionClusterCredentials
	case !old.Disabled && made.Disabled:
		return ActionClusterDisable
	case old.Disabled && !made.Disabled:
		return ActionClusterEnable
	default:
		return ActionClusterUpdate
	}
}

// refuseOpenBatches returns CodeConflict if a batch of the cluster has not ended.
func refuseOpenBatches(ctx context.Context, tx *sql.Tx, name string) error {
	var open int
	err := tx.QueryRowContext(ctx, `SELECT count(*) FROM batches
		WHERE cluster = $1 AND `+batchNotEnded, name).Scan(&open)
	if err != nil {
		return fmt.Errorf("count the open batches of a cluster: %w", err)
	}
	if open > 0 {
		return services.NewError(services.CodeConflict, "error_cluster_batches", "Cluster", name, "Count", open)
	}
	return nil
}

// renameCluster changes the name of a cluster wherever it is stored, except in the
// audit log, which says what was true when it was written.
func renameCluster(ctx context.Context, tx *sql.Tx, from, to string) error {
	if from == to {
		return nil
	}
	// What was set for a cluster that had the new name before must not come back to life.
	for _, table := range []string{"grants", "rules"} {
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE cluster = $1`, to); err != nil {
			return fmt.Errorf("rename cluster %q: %w", from, err)
		}
	}
	for _, table := range []string{"batches", "grants", "rules"} {
		_, err := tx.ExecContext(ctx, `UPDATE `+table+` SET cluster = $2 WHERE cluster = $1`, from, to)
		if err != nil {
			return fmt.Errorf("rename cluster %q: %w", from, err)
		}
	}
	rename := func(names []string) []string {
		names[slices.Index(names, from)] = to
		return names
	}
	err := errors.Join(
		editClusters(ctx, tx, "templates", from, rename), editClusters(ctx, tx, "tokens", from, rename))
	if err != nil {
		return fmt.Errorf("rename cluster %q: %w", from, err)
	}
	return nil
}

// clusterList is the column clusters of a row of templates or tokens.
type clusterList struct {
	id    int64
	names []string
}

func scanClusterList(row scanner) (l clusterList, err error) {
	var raw []byte
	if err := row.Scan(&l.id, &raw); err != nil {
		return clusterList{}, err
	}
	return l, json.Unmarshal(raw, &l.names)
}

// editClusters changes the column clusters in the rows of a table that name a cluster.
func editClusters(
	ctx context.Context, tx *sql.Tx, table, cluster string, edit func(names []string) []string,
) error {
	rows, err := list(ctx, tx, "read the clusters in "+table, scanClusterList,
		`SELECT id, clusters FROM `+table+` WHERE clusters <> '[]'`)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if !slices.Contains(row.names, cluster) {
			continue
		}
		raw, err := json.Marshal(edit(row.names))
		if err != nil {
			return fmt.Errorf("encode the clusters in %s: %w", table, err)
		}
		_, err = tx.ExecContext(ctx, `UPDATE `+table+` SET clusters = $1 WHERE id = $2`, string(raw), row.id)
		if err != nil {
			return err
		}
	}
	return nil
}

// DeleteCluster deletes an imported cluster and returns it as it was. Its batches,
// and the templates that name it, are kept. Grants that give rights in it are deleted, so
// that a later cluster of that name does not inherit them; those that hide it are kept.
//
// Errors: CodeNotFound; CodeConflict while a batch of the cluster has not ended.
func (s *Store) DeleteCluster(ctx context.Context, name string) (gone Cluster, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		if err := refuseOpenBatches(ctx, tx, name); err != nil {
			return err
		}
		gone, err = scanCluster(tx.QueryRowContext(ctx,
			`DELETE FROM clusters WHERE name = $1 AND imported RETURNING `+clusterColumns, name))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM grants WHERE cluster = $1 AND role <> 'none'`, name)
		if err != nil {
			return fmt.Errorf("delete the grants of cluster %q: %w", name, err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM rules WHERE cluster = $1`, name); err != nil {
			return fmt.Errorf("delete the rules of cluster %q: %w", name, err)
		}
		if err := limitTokens(ctx, tx, name); err != nil {
			return fmt.Errorf("limit the tokens for cluster %q: %w", name, err)
		}
		return s.note(ctx, tx, Entry{Action: ActionClusterDelete, Cluster: name, Object: name, Before: gone.facts()})
	})
	return gone, err
}

// limitTokens takes a deleted cluster from the tokens that are for it, so that a later
// cluster of that name is not theirs. A token without any other cluster would be one for
// all of them, so it is revoked.
func limitTokens(ctx context.Context, tx *sql.Tx, cluster string) error {
	only, err := json.Marshal([]string{cluster})
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM tokens WHERE clusters = $1`, string(only)); err != nil {
		return err
	}
	return editClusters(ctx, tx, "tokens", cluster, func(names []string) []string {
		return slices.DeleteFunc(names, func(name string) bool { return name == cluster })
	})
}
