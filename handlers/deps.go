package handlers

import (
	"context"
	"time"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/cluster"
	"kube-node-manager/services/node"
)

// clusterRegistry is what the handlers need of cluster.Registry.
type clusterRegistry interface {
	List() []cluster.Cluster
	Get(name string) (cluster.Cluster, error)
	Check(ctx context.Context, name string) (cluster.Status, error)
	Status(name string) cluster.Status
}

// nodeReader is what the handlers need of node.Service.
type nodeReader interface {
	List(ctx context.Context, cluster string, q node.Query, withUsage bool) (node.Page, error)
	Match(ctx context.Context, cluster string, q node.Query) ([]*node.Node, error)
	Get(ctx context.Context, cluster, name string, fresh bool) (node.Found, error)
	All(ctx context.Context, cluster string, fresh bool) (node.Inventory, error)
	Known(cluster string) (node.Inventory, bool)
}

// batchEngine is what the handlers need of batch.Engine.
type batchEngine interface {
	Submit(ctx context.Context, q batch.Request) (batch.View, error)
	Preview(ctx context.Context, q batch.Request) (batch.Preview, error)
	Wait(ctx context.Context, id string, d time.Duration) (batch.View, error)
	SyncWait(v batch.View) time.Duration
	View(ctx context.Context, id string) (batch.View, error)
	Items(ctx context.Context, id string) ([]batch.Item, error)
	List(ctx context.Context, before string, limit int) ([]batch.View, error)
	Running() []batch.View
	Interrupted(ctx context.Context) []batch.View
	Cancel(ctx context.Context, id string) (batch.View, error)
	Pause(ctx context.Context, id string) (batch.View, error)
	Resume(ctx context.Context, id string) (batch.View, error)
}

// generations tells how often a cluster's cache was cleared; a page's event
// stream carries the number, so that a clearing between the page and its stream
// is not missed.
type generations interface {
	Generation(cluster string) uint64
}

// Deps are the services that Handlers call.
type Deps struct {
	Clusters clusterRegistry
	Nodes    nodeReader
	Batches  batchEngine
	Cache    generations
	Version  string
}

// Handlers answers the routes of clusters, nodes and batches.
type Handlers struct {
	Deps
	now func() time.Time
}

// New returns the handlers over the given services.
func New(d Deps) *Handlers { return &Handlers{Deps: d, now: time.Now} }
