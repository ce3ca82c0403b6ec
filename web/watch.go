package web

import (
	"net/http"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
)

// countBatches counts the batches that end, has the state of their clusters read
// again, and lets the hub tell of both.
type countBatches struct {
	batch.Watcher
	metrics  *metrics
	clusters interface{ ProbeSoon(cluster string) }
}

// NodesChanged is batch.Watcher's.
func (c countBatches) NodesChanged(cluster string) {
	c.clusters.ProbeSoon(cluster)
	c.Watcher.NodesChanged(cluster)
}

// BatchEnded is batch.Watcher's.
func (c countBatches) BatchEnded(cluster, id, operation string, state store.State, counts batch.Counts) {
	c.metrics.batchEnded(operation, state, counts)
	c.Watcher.BatchEnded(cluster, id, operation, state, counts)
}

// countStreams counts the event streams that are open.
func (e *edge) countStreams(next handlerFunc) handlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		e.metrics.sseConnections.Inc()
		defer e.metrics.sseConnections.Dec()
		return next(w, r)
	}
}
