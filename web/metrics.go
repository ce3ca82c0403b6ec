package web

import (
	"database/sql"
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// metrics are the metrics of one App. They have their own registry, because two Apps in
// one process must not share them.
type metrics struct {
	registry *prometheus.Registry

	requests *prometheus.CounterVec   // by method, route and status
	duration *prometheus.HistogramVec // by route, in seconds; without event streams
	errors   *prometheus.CounterVec   // by error code
	logins   *prometheus.CounterVec   // by result

	sseConnections prometheus.Gauge
	sseDropped     prometheus.Counter

	batches    *prometheus.CounterVec // by operation and result
	batchItems *prometheus.CounterVec // by operation and state
}

func newMetrics(version string) *metrics {
	m := &metrics{
		registry:   prometheus.NewRegistry(),
		requests:   newCounters("http_requests_total", "Requests answered.", "method", "route", "code"),
		errors:     newCounters("knm_errors_total", "Requests that ended with an error.", "code"),
		logins:     newCounters("login_total", "Tries to sign in.", "result"),
		batches:    newCounters("knm_batches_total", "Batches ended.", "operation", "result"),
		batchItems: newCounters("knm_batch_items_total", "Nodes of ended batches.", "operation", "state"),
		sseConnections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sse_connections", Help: "Event streams open now.",
		}),
		sseDropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sse_dropped_total", Help: "Event streams cut because their reader was too slow.",
		}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time to answer a request.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route"}),
	}
	m.errors.WithLabelValues(string(services.CodeInternal)) // so that the first one is an increase, for alerts
	m.registry.MustRegister(
		m.requests, m.duration, m.errors, m.logins, m.sseConnections, m.sseDropped, m.batches, m.batchItems,
		newBuildInfo(version),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func newCounters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func newBuildInfo(version string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "knm_build_info", Help: "Always 1; the labels describe the build.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	}, func() float64 { return 1 })
}

// watchStore adds the metrics of the database's connection pools.
func (m *metrics) watchStore(st *store.Store) {
	m.watchPool("writer", func() sql.DBStats {
		writer, _ := st.Stats()
		return writer
	})
	m.watchPool("reader", func() sql.DBStats {
		_, reader := st.Stats()
		return reader
	})
}

func (m *metrics) watchPool(name string, stats func() sql.DBStats) {
	label := prometheus.Labels{"pool": name}
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "db_connections_in_use", Help: "Database connections in use.", ConstLabels: label,
		}, func() float64 { return float64(stats().InUse) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "db_wait_total", Help: "Waits for a database connection.", ConstLabels: label,
		}, func() float64 { return float64(stats().WaitCount) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "db_wait_seconds_total", Help: "Time spent waiting for a connection.", ConstLabels: label,
		}, func() float64 { return stats().WaitDuration.Seconds() }),
	)
}

// batchEnded counts a batch that has ended.
func (m *metrics) batchEnded(operation string, state store.State, c store.Counts) {
	m.batches.WithLabelValues(operation, string(state)).Inc()
	for itemState, n := range map[store.ItemState]int{
		store.ItemSucceeded: c.Succeeded, store.ItemUnchanged: c.Unchanged, store.ItemFailed: c.Failed,
		store.ItemSkipped: c.Skipped, store.ItemCancelled: c.Cancelled,
	} {
		m.batchItems.WithLabelValues(operation, string(itemState)).Add(float64(n))
	}
}

// countStreams counts the event streams that are open.
func (m *metrics) countStreams(next handlerFunc) handlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		m.sseConnections.Inc()
		defer m.sseConnections.Dec()
		return next(w, r)
	}
}

// handler serves the metrics in the format of Prometheus.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}
