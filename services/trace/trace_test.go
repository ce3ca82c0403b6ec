package trace

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"kube-node-manager/services"
)

// Without a tracer the context stays as it is, and nothing is recorded.
func TestBegin_withoutATracer(t *testing.T) {
	ctx, span := Begin(t.Context(), "request", Node, "node-1", Nodes, 2)
	require.Equal(t, t.Context(), ctx)
	require.Equal(t, Span{}, span)
	require.Equal(t, t.Context(), span.In(t.Context()))
	span.Set(State, "done")
	span.End(errors.New("none"))
}

// recorded returns a context with a tracer, and what has ended.
func recorded(t *testing.T) (context.Context, *tracetest.SpanRecorder) {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder))
	return With(t.Context(), provider.Tracer("test")), recorder
}

func TestBegin(t *testing.T) {
	ctx, recorder := recorded(t)
	_, none := Below(ctx, "call")
	require.Equal(t, Span{}, none, "what belongs to nothing is not recorded")
	above, request := Begin(ctx, "request", Method, "POST")
	_, batch := Begin(above, "batch", Nodes, 2)
	request.End(nil)
	_, call := Below(batch.In(ctx), "call")
	call.End(services.NewError(services.CodeConflict, "error_x", "Value", "typed"))
	batch.End(nil)

	ended := recorder.Ended()
	require.Len(t, ended, 3)
	for i, name := range []string{"request", "call", "batch"} {
		require.Equal(t, name, ended[i].Name())
		require.Equal(t, ended[0].SpanContext().TraceID(), ended[i].SpanContext().TraceID())
	}
	require.Equal(t, ended[2].SpanContext().SpanID(), ended[1].Parent().SpanID())
	require.Equal(t, ended[0].SpanContext().SpanID(), ended[2].Parent().SpanID())
	require.Equal(t, codes.Error, ended[1].Status().Code)
	require.Equal(t, "conflict", ended[1].Status().Description)
	require.Empty(t, ended[1].Events(), "the text of an error may be what somebody has typed")
	require.EqualValues(t, 2, ended[2].Attributes()[0].Value.AsInt64())
}
