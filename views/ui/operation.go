package ui

import (
	"context"
	"strings"
)

// OperationName gives an operation's word; one without a message shows its own
// name.
func OperationName(ctx context.Context, operation string) string {
	id := "op_" + OperationID(operation)
	if !HasMessage(ctx, id) {
		return operation
	}
	return T(ctx, id)
}

// BatchTitle is a batch in one line: "Cordon · 240 nodes".
func BatchTitle(ctx context.Context, operation string, nodes int) string {
	return OperationName(ctx, operation) + " · " + N(ctx, "nodes_count", nodes)
}

// OperationID gives an operation's name as ids of messages have it.
func OperationID(operation string) string { return strings.ReplaceAll(operation, "-", "_") }
