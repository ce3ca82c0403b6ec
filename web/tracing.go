package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"kube-node-manager/services/trace"
)

// startTracing returns a context in which spans are recorded and sent to the collector, or
// ctx without one. What is sent is collected in memory, and dropped if the collector is too
// slow: nothing waits for it. The standard variables of OpenTelemetry hold for sampling,
// limits, names, headers and certificates.
func (a *App) startTracing(ctx context.Context) (context.Context, error) {
	if a.options.OTLPEndpoint == "" {
		return ctx, nil
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(tracesURL(a.options.OTLPEndpoint)))
	if err != nil {
		return ctx, fmt.Errorf("--otlp-endpoint: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(
			attribute.String("service.name", "kube-node-manager"),
			attribute.String("service.version", a.options.Version)),
		resource.WithFromEnv())
	if err != nil {
		return ctx, fmt.Errorf("read the variables of OpenTelemetry: %w", err)
	}
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(&reportedExporter{SpanExporter: exporter, log: a.log}), sdk.WithResource(about))
	a.cleanups.push("send the last traces", stopRest, func(ctx context.Context) error {
		if err := provider.Shutdown(ctx); err != nil {
			a.log.Warn("The last traces could not be sent", "error", err)
			return exporter.Shutdown(context.WithoutCancel(ctx)) // ends the request that hangs
		}
		return nil
	})
	a.log.Info("Sending traces", "to", a.options.OTLPEndpoint)
	return trace.With(ctx, provider.Tracer("kube-node-manager")), nil
}

// tracesURL returns where a collector takes traces.
func tracesURL(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return endpoint // cannot be: checkOTLP has parsed it
	}
	return u.JoinPath("v1", "traces").String()
}

// checkOTLP returns an error for what is not the address of a collector. Credentials belong
// into OTEL_EXPORTER_OTLP_HEADERS, because the address is logged.
func checkOTLP(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return fmt.Errorf("--otlp-endpoint: %q is not like http://127.0.0.1:4318", address)
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return fmt.Errorf("--otlp-endpoint: %s must end after the path; credentials belong into OTEL_EXPORTER_OTLP_HEADERS",
			u.Redacted())
	default:
		return nil
	}
}

// reportedExporter logs when traces cannot be sent, and when they can again.
type reportedExporter struct {
	sdk.SpanExporter
	log    *slog.Logger
	failed atomic.Bool
}

// ExportSpans implements sdk.SpanExporter.
func (e *reportedExporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	if e.failed.Swap(err != nil) != (err != nil) {
		if err != nil {
			e.log.Warn("Traces cannot be sent, and are dropped", "error", err)
		} else {
			e.log.Info("Traces can be sent again")
		}
	}
	return nil
}

// untraced are the routes that somebody calls all the time, and the stream, which lasts as
// long as its page is open.
var untraced = []string{"/healthz", "/readyz", "/metrics", eventsRoute}

// traceRequest begins the span of a request. end ends it with what the handler has returned.
func traceRequest(r *http.Request) (_ *http.Request, end func(error)) {
	route := routeOf(r)
	if slices.Contains(untraced, route) {
		return r, func(error) {}
	}
	ctx, span := trace.Begin(r.Context(), methodOf(r)+" "+route, trace.Method, methodOf(r), trace.Route, route)
	if ctx == r.Context() {
		return r, func(error) {}
	}
	return r.WithContext(ctx), func(err error) {
		if i := infoFrom(ctx); i != nil {
			span.Set(trace.Status, i.response.Status(), trace.Request, i.id)
		}
		if err != nil && statusOf(err) < http.StatusInternalServerError {
			err = nil // the client's mistake
		}
		span.End(err)
	}
}
