package acceptance

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// traces is a collector of OpenTelemetry that keeps what it gets.
type traces struct {
	URL string

	mu       sync.Mutex
	spans    []*spans.Span
	raw      []string
	headers  http.Header
	services []string
}

func collectTraces(t testing.TB) *traces {
	t.Helper()
	c := &traces{}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// ServeHTTP implements http.Handler.
func (c *traces) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	if err != nil || r.URL.Path != "/v1/traces" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.headers = r.Header
	c.raw = append(c.raw, string(body))
	for _, resource := range request.ResourceSpans {
		c.services = append(c.services, text(resource.Resource.Attributes, "service.name"))
		for _, scope := range resource.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// text returns an attribute, "" if there is none.
func text(attributes []*common.KeyValue, name string) string {
	for _, a := range attributes {
		if a.Key == name {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// named returns the spans whose attribute has a value, with a name.
func (c *traces) named(name, attribute, value string) (all []*spans.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if s.Name == name && (attribute == "" || text(s.Attributes, attribute) == value) {
			all = append(all, s)
		}
	}
	return all
}

// one returns the only such span.
func (c *traces) one(t testing.TB, name, attribute, value string) *spans.Span {
	t.Helper()
	all := c.named(name, attribute, value)
	require.Len(t, all, 1, "%s with %s", name, value)
	return all[0]
}

// A batch is one trace: the request, the batch, each node, and each call for it.
func TestTraces_chain(t *testing.T) {
	c := lease(t)
	names, ns := c.Nodes(t, 2), c.Namespace(t)
	c.Deployment(t, ns, "cart", 1)
	c.Nodes(t, 1)
	collected := collectTraces(t)
	p := newProgram(t, c.Kubeconfig, "--otlp-endpoint", collected.URL)
	p.env = append(p.env, "OTEL_SERVICE_NAME=knm-test", "OTEL_EXPORTER_OTLP_HEADERS=x-tenant=ops",
		"OTEL_RESOURCE_ATTRIBUTES=deployment.environment=test")
	p.start(t)
	label := p.label(t, c.Name, map[string][]string{"label": {"tier=typed-value"}}, names...)
	require.Equal(t, "succeeded", label.State)
	drained, _ := p.submit(t, c.Name, "drain", names...)
	require.Equal(t, "succeeded", p.awaitBatch(t, drained.ID).State)
	p.nodes(t, c.Name, "q=typed-search")
	p.end(t, syscall.SIGTERM) // sends the rest

	for _, b := range []batchDoc{label, drained} {
		batch := collected.one(t, "batch "+b.Operation, "knm.batch.id", b.ID)
		require.Equal(t, c.Name, text(batch.Attributes, "k8s.cluster.name"))
		require.Equal(t, "succeeded", text(batch.Attributes, "knm.state"))
		requests := collected.named("POST /clusters/{cluster}/batches", "", "")
		require.True(t, below(batch, requests), "the batch belongs to the request")
		for _, name := range names {
			node := theirs(t, collected, b.ID, name)
			require.Equal(t, batch.SpanId, node.ParentSpanId)
			require.Equal(t, batch.TraceId, node.TraceId)
			require.Equal(t, b.Operation, text(node.Attributes, "knm.operation"))
			patches := collected.named("PATCH nodes", "url.path", "/api/v1/nodes/"+name)
			require.NotEmpty(t, patches)
			require.True(t, above(node, patches), "the call for a node belongs to it")
		}
	}
	evictions := collected.named("POST pods/eviction", "", "")
	require.NotEmpty(t, evictions)
	require.True(t, below(evictions[0], []*spans.Span{
		theirs(t, collected, drained.ID, names[0]), theirs(t, collected, drained.ID, names[1]),
	}))
	collected.requireNothingTyped(t, "typed-value", "typed-search", "kernel CVE", p.Token)
	require.Equal(t, "ops", collected.headers.Get("X-Tenant"))
	require.Equal(t, "knm-test", collected.services[0])
}

// theirs returns the span of a node of a batch.
func theirs(t testing.TB, c *traces, batch, node string) *spans.Span {
	t.Helper()
	for _, s := range c.named("node", "knm.batch.id", batch) {
		if text(s.Attributes, "k8s.node.name") == node {
			return s
		}
	}
	require.Fail(t, "no span", "%s of %s", node, batch)
	return nil
}

// below reports whether a span belongs to one of others.
func below(s *spans.Span, others []*spans.Span) bool {
	for _, o := range others {
		if string(s.ParentSpanId) == string(o.SpanId) && string(s.TraceId) == string(o.TraceId) {
			return true
		}
	}
	return false
}

// above reports whether one of others belongs to a span.
func above(s *spans.Span, others []*spans.Span) bool {
	for _, o := range others {
		if below(o, []*spans.Span{s}) {
			return true
		}
	}
	return false
}

// requireNothingTyped fails if anything that was sent contains one of the texts.
func (c *traces) requireNothingTyped(t testing.TB, texts ...string) {
	t.Helper()
	all := strings.Join(c.raw, "")
	for _, typed := range texts {
		require.NotContains(t, all, typed)
	}
}
