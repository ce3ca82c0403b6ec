package cluster

import (
	"context"
	"sync"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

// Need is something that the program does in a cluster, and the call that it makes
// for it.
type Need struct {
	ID    string // of the message
	Call  kube.Call
	Write bool // only operators need it
	// Optional says that it is done only where it is allowed.
	Optional bool
}

// Needs returns what the program needs in a cluster, the most important first.
func Needs() []Need {
	return []Need{
		{ID: "nodes", Call: kube.Call{Verb: "list", Resource: "nodes"}},
		{ID: "watch", Call: kube.Call{Verb: "watch", Resource: "nodes"}},
		{ID: "pods", Call: kube.Call{Verb: "list", Resource: "pods"}},
		{ID: "daemonsets", Call: kube.Call{Verb: "list", Group: "apps", Resource: "daemonsets"}},
		{ID: "budgets", Call: kube.Call{Verb: "list", Group: "policy", Resource: "poddisruptionbudgets"}},
		{ID: "events", Call: kube.Call{Verb: "list", Resource: "events"}},
		{ID: "leases", Call: kube.Call{Verb: "get", Group: "coordination.k8s.io", Resource: "leases"}},
		{ID: "maintenances", Call: kube.ListMaintenances(), Optional: true},
		{ID: "change", Call: kube.Call{Verb: "patch", Resource: "nodes"}, Write: true},
		{ID: "evict", Call: kube.Call{Verb: "create", Resource: "pods", Subresource: "eviction"}, Write: true},
		{ID: "delete", Call: kube.Call{Verb: "delete", Resource: "pods"}, Write: true},
		{
			ID: "conditions", Call: kube.Call{Verb: "patch", Resource: "nodes", Subresource: "status"},
			Write: true, Optional: true,
		},
		{ID: "hold", Call: kube.LeaseCall("create", kube.LeaseNamespace), Write: true, Optional: true},
		{ID: "report", Call: kube.CreateEvents(), Write: true, Optional: true},
		{ID: "restart_read", Call: kube.Call{Verb: "list", Group: "apps", Resource: "deployments"}, Optional: true},
		{ID: "restart_sets", Call: kube.Call{Verb: "list", Group: "apps", Resource: "replicasets"}, Optional: true},
		{
			ID: "restart", Call: kube.Call{Verb: "patch", Group: "apps", Resource: "deployments"},
			Write: true, Optional: true,
		},
	}
}

// Permission says whether a cluster allows what is needed.
type Permission struct {
	Need
	Allowed bool
	Err     error // why it is not known, or nil
}

// Test is the result of a connection test.
type Test struct {
	Version     string
	Latency     time.Duration // of the request for the version
	Err         error         // why the cluster cannot be reached; nil if it can
	Permissions []Permission  // unless Err is set
}

// Refused returns the needed permissions that the cluster denies.
func (t Test) Refused() (refused []Permission) {
	for _, p := range t.Permissions {
		if !p.Allowed && p.Err == nil && !p.Optional {
			refused = append(refused, p)
		}
	}
	return refused
}

// Test asks a cluster for its version and for what it allows. A cluster that cannot be
// reached is no error of Test.
//
// Errors: CodeForbidden; CodeNotFound; CodeConflict for a disabled cluster.
func (r *Registry) Test(ctx context.Context, name string) (Test, error) {
	if err := services.RequireIn(ctx, name, services.PermitSee); err != nil {
		return Test{}, err
	}
	c, err := r.Get(name)
	if err != nil {
		return Test{}, err
	}
	if c.Disabled {
		return Test{}, services.NewError(services.CodeConflict, "error_cluster_disabled", "Cluster", name)
	}
	status, err := r.Check(ctx, name)
	if err != nil || status.Err != nil {
		return Test{Err: status.Err}, err
	}
	t := Test{Version: status.Version, Latency: status.Latency}
	client, err := r.Client(name)
	if err != nil {
		return Test{Err: err}, nil
	}
	t.Permissions = permissions(ctx, client)
	return t, nil
}

// Try is Test for a kubeconfig that is not imported yet. It stores nothing.
//
// Errors: as of Import.
func (r *Registry) Try(ctx context.Context, u Upload) (Test, error) {
	if err := services.ActorFrom(ctx).Require(services.PermitClusters); err != nil {
		return Test{}, err
	}
	_, access, err := r.access(u)
	if err != nil {
		return Test{}, err
	}
	client, err := kube.New(access.Config(r.guard), r.source.UserAgent, nil)
	if err != nil {
		return Test{}, services.Wrap(err, services.CodeInvalid, "error_cluster_config", "Cluster", access.Server)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	began := r.now()
	version, err := client.Version(ctx)
	if services.CodeOf(err) == services.CodeInternal {
		err = services.Wrap(err, services.CodeUnavailable, "error_cluster_stranger")
	}
	if err != nil {
		return Test{Err: err}, nil
	}
	return Test{Version: version, Latency: r.now().Sub(began), Permissions: permissions(ctx, client)}, nil
}

// permissions asks for everything that is needed, at the same time.
func permissions(ctx context.Context, client *kube.Client) []Permission {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	all := make([]Permission, len(Needs()))
	var running sync.WaitGroup
	for i, need := range Needs() {
		running.Go(func() {
			allowed, err := client.May(ctx, need.Call)
			all[i] = Permission{Need: need, Allowed: allowed, Err: err}
		})
	}
	running.Wait()
	return all
}
