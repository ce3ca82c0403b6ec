package rule

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
)

func TestHealth_none(t *testing.T) {
	require.True(t, Default().Health.None())
	require.Equal(t, []int{120, 1800}, []int{Default().Health.For, Default().Health.Timeout})
	zero := 0
	for _, o := range []Health{{Nodes: true}, {Pending: &zero}, {Workloads: 1}, {Prometheus: "http://p"}} {
		require.False(t, o.None())
	}
}

func TestHealth_read(t *testing.T) {
	set, err := Default().Revise(form.Fields{
		"health_nodes": {"1"}, "health_pending": {"0"}, "health_workloads": {"100"}, "health_below": {"1e-3"},
		"health_prometheus": {" https://prometheus.example/mimir/ "}, "health_query": {"sum(up)"}, "health_for": {"90s"},
		"health_timeout": {"1h"},
	})
	require.NoError(t, err)
	none := 0
	require.Equal(t, Health{
		Nodes: true, Pending: &none, Workloads: 100, Prometheus: "https://prometheus.example/mimir", Query: "sum(up)",
		Below: 0.001, For: 90, Timeout: 3600,
	}, set.Health)
	require.Equal(t, "1h", set.Fields().Text("health_timeout"))
	require.Equal(t, "90s", set.Fields().Text("health_for"))

	empty, err := set.Revise(form.Fields{
		"options": {"1"}, "health_pending": {""}, "health_workloads": {""}, "health_prometheus": {""}, "health_query": {""},
		"health_below": {""},
	})
	require.NoError(t, err)
	require.True(t, empty.Health.None(), "an empty field demands nothing")
}

func TestHealth_refused(t *testing.T) {
	for name, f := range map[string]struct{ field, value, text string }{
		"no number":         {"health_pending", "some", "error_number"},
		"negative":          {"health_pending", "-1", "error_range"},
		"more than all":     {"health_workloads", "101", "error_range"},
		"no address":        {"health_prometheus", "prometheus:9090", "error_health_address"},
		"no host":           {"health_prometheus", "http:///x", "error_health_address"},
		"another scheme":    {"health_prometheus", "file:///etc/passwd", "error_health_address"},
		"a password":        {"health_prometheus", "http://ada:hunter2@prometheus:9090", "error_health_secret"},
		"a token":           {"health_prometheus", "http://prometheus:9090?token=x", "error_health_secret"},
		"an address so far": {"health_prometheus", "http://" + strings.Repeat("a", 2000), "error_health_long"},
		"a long query":      {"health_query", strings.Repeat("a", 4001), "error_health_long"},
		"no value":          {"health_below", "NaN", "error_health_below"},
		"no time":           {"health_for", "soon", "error_duration"},
		"too short":         {"health_timeout", "2m", "error_health_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Default().Revise(form.Fields{"health_query": {"up"}}.With(f.field, f.value))
			require.Equal(t, services.CodeInvalid, services.CodeOf(err))
			require.Equal(t, f.field, services.AsError(err).Fields[0].Field)
			require.Equal(t, f.text, services.AsError(err).Fields[0].Text)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
	_, err := Default().Revise(form.Fields{"health_prometheus": {"http://prometheus:9090"}})
	require.Equal(t, "health_query", services.AsError(err).Fields[0].Field, "a server has to be asked something")
}
