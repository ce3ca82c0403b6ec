package web

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kube-node-manager/services/cluster"
	"kube-node-manager/services/store"
)

// nowTimeout limits how long a request for the metrics waits for the database.
const nowTimeout = 5 * time.Second

// nowMetrics describe what is at the time of a request for the metrics. They name no
// cluster: not everybody who may read the metrics may see all of them.
type nowMetrics struct {
	ctx      context.Context
	log      *slog.Logger
	clusters interface {
		List() []cluster.Cluster
		Status(name string) cluster.Status
	}
	batches interface {
		OpenBatches(ctx context.Context) ([]store.Batch, error)
	}
	known, open *prometheus.Desc
}

// watchNow adds the metrics of clusters and batches.
func (m *metrics) watchNow(ctx context.Context, log *slog.Logger, clusters *cluster.Registry, st *store.Store) {
	m.registry.MustRegister(&nowMetrics{
		ctx: ctx, log: log, clusters: clusters, batches: st,
		known: prometheus.NewDesc("knm_clusters", "Clusters by the outcome of the last call.", []string{"state"}, nil),
		open:  prometheus.NewDesc("knm_batches_open", "Batches that have begun and not ended.", []string{"state"}, nil),
	})
}

// Describe implements prometheus.Collector.
func (n *nowMetrics) Describe(out chan<- *prometheus.Desc) {
	out <- n.known
	out <- n.open
}

// Collect implements prometheus.Collector.
func (n *nowMetrics) Collect(out chan<- prometheus.Metric) {
	states := map[string]int{"reachable": 0, "unreachable": 0, "unknown": 0, "disabled": 0}
	for _, c := range n.clusters.List() {
		states[n.stateOf(c)]++
	}
	send(out, n.known, states)
	open, err := n.countOpen()
	if err != nil {
		n.log.Warn("Open batches cannot be counted", "error", err)
		return
	}
	send(out, n.open, open)
}

func (n *nowMetrics) stateOf(c cluster.Cluster) string {
	status := n.clusters.Status(c.Name)
	switch {
	case c.Disabled:
		return "disabled"
	case status.At.IsZero():
		return "unknown"
	case status.Err != nil:
		return "unreachable"
	default:
		return "reachable"
	}
}

func (n *nowMetrics) countOpen() (map[string]int, error) {
	ctx, cancel := context.WithTimeout(n.ctx, nowTimeout)
	defer cancel()
	batches, err := n.batches.OpenBatches(ctx)
	counts := map[string]int{string(store.StateRunning): 0, string(store.StateInterrupted): 0}
	for _, b := range batches {
		counts[string(b.State)]++
	}
	return counts, err
}

func send(out chan<- prometheus.Metric, desc *prometheus.Desc, counts map[string]int) {
	for label, n := range counts {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n), label)
	}
}
