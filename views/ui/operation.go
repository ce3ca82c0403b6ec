package ui

import (
	"context"
	"strings"
)

// OperationName returns the translated name of an operation, or its own name when
// there is no message for it.
func OperationName(ctx context.Context, operation string) string {
	id := "op_" + OperationID(operation)
	if !HasMessage(ctx, id) {
		return operation
	}
	return T(ctx, id)
}

// BatchTitle returns a batch in one line: "Cordon · 240 nodes".
func BatchTitle(ctx context.Context, operation string, nodes int) string {
	return OperationName(ctx, operation) + " · " + N(ctx, "nodes_count", nodes)
}

// OperationID returns an operation's name in the form that message ids use.
func OperationID(operation string) string { return strings.ReplaceAll(operation, "-", "_") }
