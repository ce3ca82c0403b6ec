package prometheus_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"kube-node-manager/services"
	"kube-node-manager/services/prometheus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func loopback() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

// answering returns the address of a server that always answers the same.
func answering(t *testing.T, code int, text string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/prefix/api/v1/query" || r.FormValue("query") != "sum(errors)" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = fmt.Fprint(w, text)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/prefix"
}

func vector(values ...string) string {
	samples := make([]string, len(values))
	for i, value := range values {
		samples[i] = fmt.Sprintf(`{"metric":{"pod":"p%d"},"value":[1795000000.5,%q]}`, i, value)
	}
	return `{"status":"success","data":{"resultType":"vector","result":[` + strings.Join(samples, ",") + `]}}`
}

func TestHighest(t *testing.T) {
	for name, tt := range map[string]struct {
		answer string
		want   float64
	}{
		"one value":   {vector("0.25"), 0.25},
		"the highest": {vector("-3", "7.5", "2"), 7.5},
		"no number":   {vector("1", "NaN"), math.Inf(1)},
		"infinite":    {vector("+Inf"), math.Inf(1)},
		"a scalar":    {`{"status":"success","data":{"resultType":"scalar","result":[1795000000,"4"]}}`, 4},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := prometheus.New(loopback()).Highest(t.Context(), answering(t, http.StatusOK, tt.answer), "sum(errors)")
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestHighest_errors(t *testing.T) {
	for name, tt := range map[string]struct {
		code   int
		answer string
		want   string
	}{
		"no values": {200, vector(), "error_prometheus_empty"},
		"a text": {
			200, `{"status":"success","data":{"resultType":"string","result":[1795000000,"a"]}}`, "error_prometheus_answer",
		},
		"a range": {
			200, `{"status":"success","data":{"resultType":"matrix","result":[]}}`, "error_prometheus_type",
		},
		"a wrong query": {
			400, `{"status":"error","errorType":"bad_data","error":"parse error: unexpected end"}`, "error_prometheus_query",
		},
		"too slow": {
			503, `{"status":"error","errorType":"timeout","error":"query timed out"}`, "error_prometheus_answer",
		},
		"not Prometheus":    {200, `<html>`, "error_prometheus_answer"},
		"broken":            {500, `oops`, "error_prometheus_answer"},
		"too long":          {200, strings.Repeat(" ", 2<<20) + vector("1"), "error_prometheus_long"},
		"an error too long": {500, strings.Repeat("x", 2<<20), "error_prometheus_long"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := prometheus.New(loopback()).Highest(t.Context(), answering(t, tt.code, tt.answer), "sum(errors)")
			require.Equal(t, tt.want, services.AsError(err).Text, "%v", err)
		})
	}
}

// A server that was allowed must not send the program elsewhere, and others are not called.
func TestHighest_staysWhereItMay(t *testing.T) {
	var asked atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	t.Setenv("HTTP_PROXY", other.URL)

	_, err := prometheus.New(loopback()).Highest(t.Context(), server.URL, "up")
	require.Equal(t, "error_prometheus_answer", services.AsError(err).Text)
	_, err = prometheus.New(nil).Highest(t.Context(), other.URL, "up")
	require.Equal(t, "error_prometheus_guard", services.AsError(err).Text)
	require.Equal(t, "127.0.0.1", services.AsError(err).Args["Address"])
	_, err = prometheus.New(nil).Highest(t.Context(), "http://169.254.169.254", "up")
	require.Equal(t, "error_prometheus_guard", services.AsError(err).Text)
	require.Zero(t, asked.Load())
}

func TestHighest_unreachable(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	address := server.URL
	server.Close()
	_, err := prometheus.New(loopback()).Highest(t.Context(), address, "up")
	require.Equal(t, "error_prometheus_unreachable", services.AsError(err).Text)
	require.NotContains(t, err.Error(), address)
}
