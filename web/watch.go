package web

import (
	"net/http"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
)

// countBatches counts the batches that end, and lets the hub tell of them.
type countBatches struct {
	batch.Watcher
	metrics *metrics
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
