package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"k8s.io/client-go/rest"

	"kube-node-manager/services"
	"kube-node-manager/services/kubeconfig"
	"kube-node-manager/services/seal"
	"kube-node-manager/services/store"
)

// Storage is what a registry needs to have imported clusters.
type Storage struct {
	Store *store.Store
	Log   *slog.Logger
	// Key encrypts the credentials. Without a key there are no imports, and the imported
	// clusters show why they cannot be reached.
	Key seal.Key
	// Networks are those in which imported clusters may be; see kubeconfig.Guard.
	Networks []netip.Prefix
	// ActAs are the clusters in which changes are made in the name of their user, besides
	// those for which an administrator has chosen it: names, or AllClusters.
	ActAs []string
	// Changed is called with the name of a cluster whose configuration has changed or is
	// gone, and with the old name of a renamed one. What is cached of it is out of date.
	Changed func(name string)
}

// manager is the part of a Registry that reads and changes where clusters come from.
type manager struct {
	source  Source
	seen    []byte // the digest of the files that were read last
	store   *store.Store
	log     *slog.Logger
	key     seal.Key
	guard   kubeconfig.Guard
	actAs   []string
	changed func(name string)
}

// AllClusters in Storage.ActAs stands for every cluster.
const AllClusters = "*"

func (m *manager) isSetToActAs(name string) bool {
	return slices.Contains(m.actAs, name) || slices.Contains(m.actAs, AllClusters)
}

// ActsAsUser reports whether changes of a cluster are made in the name of their user.
func (r *Registry) ActsAsUser(name string) bool {
	e := r.current.Load().byName[name]
	return e != nil && e.ActAs
}

// Use adds the clusters of the database to the registry. It must be called before the
// registry is shared.
func (r *Registry) Use(ctx context.Context, s Storage) error {
	r.store, r.log, r.key, r.changed = s.Store, s.Log, s.Key, s.Changed
	r.guard, r.actAs = kubeconfig.Guard{Networks: s.Networks}, s.ActAs
	return r.readStored(ctx)
}

// readStored reads the clusters of the database again.
func (r *Registry) readStored(ctx context.Context) error {
	rows, err := r.store.Clusters(ctx)
	if err != nil {
		return err
	}
	stored := make([]spec, len(rows))
	for i, row := range rows {
		stored[i] = r.storedSpec(row)
	}
	r.setStored(stored)
	return nil
}

func (r *Registry) storedSpec(row store.Cluster) spec {
	s := spec{
		Cluster: Cluster{
			Name: row.Name, Server: row.Server, Source: FromImport, Labels: row.Labels, Colour: row.Colour,
			Position: row.Position, ActAs: row.ActAs, Imported: Imported{
				Credentials: row.Kind, Insecure: row.Insecure, UpdatedBy: row.UpdatedBy, UpdatedAt: row.UpdatedAt,
			},
		},
		key: fmt.Sprintf("%s %d %d", FromImport, row.ID, row.Version), agent: r.source.UserAgent, settings: !row.Imported,
	}
	s.disable(row.Disabled)
	s.config = func() (*rest.Config, error) {
		access, err := r.open(row)
		if err != nil {
			return nil, err
		}
		return access.Config(r.guard), nil
	}
	return s
}

// open decrypts the credentials of a row.
func (r *Registry) open(row store.Cluster) (kubeconfig.Access, error) {
	raw, err := r.key.Open(seal.OfCluster(row.ID, row.Version), sealed(row.ClusterAccess))
	if err != nil {
		return kubeconfig.Access{}, err
	}
	var access kubeconfig.Access
	if err := json.Unmarshal(raw, &access); err != nil {
		return kubeconfig.Access{}, services.Wrap(err, services.CodeUnavailable, "error_seal_damaged")
	}
	return access, nil
}

func sealed(a store.ClusterAccess) seal.Sealed {
	return seal.Sealed{KeyID: a.KeyID, DataKey: a.DataKey, Secret: a.Secret}
}

// sealing returns the function that encrypts credentials for the store.
func (r *Registry) sealing(access kubeconfig.Access) store.SealFunc {
	return func(id, version int64) (store.ClusterAccess, error) {
		raw, err := json.Marshal(access)
		if err != nil {
			return store.ClusterAccess{}, fmt.Errorf("encode the credentials of a cluster: %w", err)
		}
		s, err := r.key.Seal(seal.OfCluster(id, version), raw)
		if err != nil {
			return store.ClusterAccess{}, err
		}
		return store.ClusterAccess{
			Server: access.Server, Kind: access.Kind(), Insecure: access.Insecure, Version: version,
			KeyID: s.KeyID, DataKey: s.DataKey, Secret: s.Secret,
		}, nil
	}
}

// Rewrap returns a function that encrypts the credentials of a cluster under another key.
func Rewrap(from, to seal.Key) func(store.Cluster) (store.ClusterAccess, error) {
	return func(row store.Cluster) (store.ClusterAccess, error) {
		s, err := from.Rewrap(seal.OfCluster(row.ID, row.Version), sealed(row.ClusterAccess), to)
		return store.ClusterAccess{KeyID: s.KeyID, DataKey: s.DataKey, Secret: s.Secret}, err
	}
}

// Upload is a kubeconfig that somebody wants to import.
type Upload struct {
	Text     string
	Context  string // "" means the only one
	Insecure bool   // the certificate of the server need not be verified
}

// access returns what is used of an upload.
func (r *Registry) access(u Upload) (kubeconfig.Context, kubeconfig.Access, error) {
	file, err := kubeconfig.Read(u.Text)
	if err != nil {
		return kubeconfig.Context{}, kubeconfig.Access{}, err
	}
	chosen, err := file.Choose(u.Context)
	if err != nil {
		return kubeconfig.Context{}, kubeconfig.Access{}, err
	}
	access, err := file.Access(chosen, kubeconfig.Terms{Insecure: u.Insecure, Guard: r.guard})
	return chosen, access, err
}

// Contexts returns the names of the contexts of an upload, so that a form can offer
// them.
//
// Errors: CodeForbidden; CodeInvalid names every wrong part.
func (r *Registry) Contexts(ctx context.Context, text string) ([]string, error) {
	if err := services.ActorFrom(ctx).Require(services.PermitClusters); err != nil {
		return nil, err
	}
	file, err := kubeconfig.Read(text)
	if err != nil {
		return nil, err
	}
	return file.Names(), nil
}

// Import adds a cluster. Without a name, it gets that of the context.
//
// Errors: CodeForbidden; CodeInvalid names every wrong field; CodeUnavailable without
// a key.
func (r *Registry) Import(ctx context.Context, u Upload, p Properties) (Cluster, error) {
	actor := services.ActorFrom(ctx)
	if err := actor.Require(services.PermitClusters); err != nil {
		return Cluster{}, err
	}
	chosen, access, err := r.access(u)
	if err != nil {
		return Cluster{}, err
	}
	if p.Name == "" {
		p.Name = chosen.Name
	}
	if err := r.checkNew(p, ""); err != nil {
		return Cluster{}, err
	}
	if r.key.ID() == "" {
		return Cluster{}, services.NewError(services.CodeUnavailable, "error_seal_none")
	}
	row := store.Cluster{
		Name: p.Name, Labels: p.Labels, Colour: p.Colour, Position: p.Position, ActAs: p.ActAs,
		CreatedBy: actor.Name, CreatedAt: r.now(),
	}
	_, err = r.store.InsertCluster(ctx, row, r.sealing(access))
	return r.done(ctx, p.Name, "Imported a cluster", err)
}

// done reads the stored clusters after a change, and returns the cluster as it is now.
func (r *Registry) done(ctx context.Context, name, what string, err error) (Cluster, error) {
	if err != nil {
		return Cluster{}, err
	}
	r.log.InfoContext(ctx, what, "cluster", name, "user", services.ActorFrom(ctx).Name)
	// The change is stored: the end of the request must not keep it from being used.
	if err := r.readStored(context.WithoutCancel(ctx)); err != nil {
		return Cluster{}, err
	}
	return r.Get(name)
}

// Replace replaces the credentials of an imported cluster, and perhaps its address.
//
// Errors: as of Import; CodeConflict for a context of the kubeconfig files.
func (r *Registry) Replace(ctx context.Context, name string, u Upload) (Cluster, error) {
	if _, err := r.changeable(ctx, name, true); err != nil {
		return Cluster{}, err
	}
	_, access, err := r.access(u)
	if err != nil {
		return Cluster{}, err
	}
	if r.key.ID() == "" {
		return Cluster{}, services.NewError(services.CodeUnavailable, "error_seal_none")
	}
	change := r.change(ctx, name, func(*store.Cluster) {})
	change.Open, change.Seal = true, r.sealing(access)
	_, err = r.store.UpdateCluster(ctx, change)
	return r.done(ctx, name, "Changed the credentials of a cluster", err)
}

// changeable returns the cluster if the actor may change it. With imported, a context
// of the kubeconfig files is refused.
func (r *Registry) changeable(ctx context.Context, name string, imported bool) (Cluster, error) {
	if err := services.ActorFrom(ctx).Require(services.PermitClusters); err != nil {
		return Cluster{}, err
	}
	c, err := r.Get(name)
	if err == nil && imported && c.Source != FromImport {
		err = services.NewError(services.CodeConflict, "error_cluster_not_imported", "Cluster", name)
	}
	return c, err
}

func (r *Registry) change(ctx context.Context, name string, set func(*store.Cluster)) store.ClusterChange {
	return store.ClusterChange{Name: name, By: services.ActorFrom(ctx).Name, At: r.now().Round(time.Millisecond), Set: set}
}

// Edit changes the properties of a cluster. A context of the kubeconfig files keeps
// its name.
//
// Errors: CodeForbidden; CodeNotFound; CodeInvalid names every wrong field;
// CodeConflict for a new name while a batch of the cluster has not ended.
func (r *Registry) Edit(ctx context.Context, name string, p Properties) (Cluster, error) {
	c, err := r.changeable(ctx, name, false)
	if err != nil {
		return Cluster{}, err
	}
	if p.Name == "" {
		p.Name = name
	}
	if p.Name != name && c.Source != FromImport {
		return Cluster{}, services.Invalid("name", "error_cluster_context_name")
	}
	if err := r.checkNew(p, name); err != nil {
		return Cluster{}, err
	}
	change := r.change(ctx, name, func(row *store.Cluster) {
		row.Name, row.Labels, row.Colour, row.Position = p.Name, p.Labels, p.Colour, p.Position
		row.ActAs = p.ActAs || c.ActAsSet && row.ActAs
	})
	change.Open, change.Make = true, c.Source != FromImport
	_, err = r.store.UpdateCluster(ctx, change)
	return r.done(ctx, p.Name, "Changed a cluster", err)
}

// SetDisabled disables a cluster, so that nobody calls it, or enables it again.
//
// Errors: CodeForbidden; CodeNotFound; CodeConflict while a batch has not ended.
func (r *Registry) SetDisabled(ctx context.Context, name string, disabled bool) (Cluster, error) {
	c, err := r.changeable(ctx, name, false)
	if err != nil {
		return Cluster{}, err
	}
	what := "Enabled a cluster"
	if disabled {
		what = "Disabled a cluster"
	}
	if c.Disabled == disabled {
		return c, nil
	}
	change := r.change(ctx, name, func(row *store.Cluster) { row.Disabled = disabled })
	change.Open, change.Make = !disabled, c.Source != FromImport
	_, err = r.store.UpdateCluster(ctx, change)
	return r.done(ctx, name, what, err)
}

// Delete removes an imported cluster and its credentials. Its history stays.
//
// Errors: CodeForbidden; CodeNotFound; CodeConflict while a batch has not ended, and
// for a context of the kubeconfig files.
func (r *Registry) Delete(ctx context.Context, name string) (Cluster, error) {
	c, err := r.changeable(ctx, name, true)
	if err != nil {
		return Cluster{}, err
	}
	if _, err := r.store.DeleteCluster(ctx, name); err != nil {
		return Cluster{}, err
	}
	r.log.InfoContext(ctx, "Deleted a cluster", "cluster", name, "user", services.ActorFrom(ctx).Name)
	return c, r.readStored(context.WithoutCancel(ctx))
}
