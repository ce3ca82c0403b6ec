// Package trace records what the program does as spans of OpenTelemetry: a request, the
// batch that it starts, each node of it, and each call of a cluster. Only package web knows
// where spans go. The tracer is in the context; without one nothing is recorded.
//
// Spans have names and numbers of things. They never have what people type, such as reasons
// and queries, nor texts of errors, headers or bodies.
package trace

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"kube-node-manager/services"
)

// The names of attributes. Those that OpenTelemetry defines have its names.
const (
	Method    = "http.request.method"
	Route     = "http.route"
	Status    = "http.response.status_code"
	Path      = "url.path"
	Cluster   = "k8s.cluster.name"
	Node      = "k8s.node.name"
	Operation = "knm.operation"
	Batch     = "knm.batch.id"
	Nodes     = "knm.batch.nodes"
	State     = "knm.state"
	Request   = "knm.request.id"
)

// With returns a context below which spans are recorded by t.
func With(ctx context.Context, t trace.Tracer) context.Context {
	return context.WithValue(ctx, tracerKey{}, t)
}

type tracerKey struct{}

// Span is a span that has begun. The zero Span records nothing.
type Span struct{ span trace.Span }

// Begin begins a span below that of the context, or a trace if the context has none. The
// caller must end it. pairs are names of attributes and their values, strings and numbers.
func Begin(ctx context.Context, name string, pairs ...any) (context.Context, Span) {
	tracer, ok := ctx.Value(tracerKey{}).(trace.Tracer)
	if !ok {
		return ctx, Span{}
	}
	ctx, span := tracer.Start(ctx, name, trace.WithAttributes(attributes(pairs)...))
	return ctx, Span{span}
}

// Below is like Begin, but begins no trace: nothing is recorded if the context has no span.
func Below(ctx context.Context, name string, pairs ...any) (context.Context, Span) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, Span{}
	}
	return Begin(ctx, name, pairs...)
}

// In returns a context in which the span is the one above further spans. Everything else of
// the context stays.
func (s Span) In(ctx context.Context) context.Context {
	if s.span == nil {
		return ctx
	}
	return trace.ContextWithSpan(ctx, s.span)
}

// Set adds attributes.
func (s Span) Set(pairs ...any) {
	if s.span != nil {
		s.span.SetAttributes(attributes(pairs)...)
	}
}

// End ends the span. Of an error it has only the code, because a text may have what
// somebody has typed.
func (s Span) End(err error) {
	if s.span == nil {
		return
	}
	if err != nil {
		s.span.SetStatus(codes.Error, string(services.CodeOf(err)))
	}
	s.span.End()
}

func attributes(pairs []any) []attribute.KeyValue {
	all := make([]attribute.KeyValue, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		switch value := pairs[i+1].(type) {
		case int:
			all = append(all, attribute.Int(name, value))
		case string:
			all = append(all, attribute.String(name, value))
		}
	}
	return all
}
