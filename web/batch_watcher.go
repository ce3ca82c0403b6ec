package web

import (
	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
)

// batchWatcher counts the batches that end in the metrics, has clusters probed after
// a change, and passes everything on to the hub.
type batchWatcher struct {
	batch.Watcher
	metrics  *metrics
	clusters interface{ ProbeSoon(cluster string) }
}

// NodesChanged implements batch.Watcher.
func (w batchWatcher) NodesChanged(cluster string) {
	w.clusters.ProbeSoon(cluster)
	w.Watcher.NodesChanged(cluster)
}

// BatchEnded implements batch.Watcher.
func (w batchWatcher) BatchEnded(cluster, id, operation string, state store.State, counts batch.Counts) {
	w.metrics.batchEnded(operation, state, counts)
	w.Watcher.BatchEnded(cluster, id, operation, state, counts)
}
