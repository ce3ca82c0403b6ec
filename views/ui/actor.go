package ui

import (
	"context"

	"kube-node-manager/services/node"
)

// ActorText returns who else is at work on a node, and what they do.
func ActorText(ctx context.Context, a node.Actor) string {
	id, args := a.Text()
	return T(ctx, id, args...)
}

// ActorName returns the name of an actor.
func ActorName(ctx context.Context, a node.Actor) string {
	return T(ctx, "actor_name_"+OperationID(a.Kind))
}
