package batches

import (
	"context"
	"slices"
	"strings"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/ui"
)

// restarting is a pod that is being replaced, with its node.
type restarting struct {
	drain.Restarting
	Node string
}

// restartingPods returns the pods that are being replaced, the longest wait first.
func restartingPods(d *batch.Drain) []restarting {
	var out []restarting
	for _, n := range d.Nodes {
		for _, r := range n.Restarts {
			out = append(out, restarting{r, n.Node})
		}
	}
	slices.SortStableFunc(out, func(a, b restarting) int { return a.Since.Compare(b.Since) })
	return out
}

// newPodsText says how far a restart is.
func newPodsText(ctx context.Context, r drain.Restarting) string {
	if r.New == 0 {
		return ui.T(ctx, "draining_new_pending")
	}
	return ui.N(ctx, "draining_new_pods", r.New, "Available", ui.Number(r.Available))
}

// restartingText says what a drain waits for that waits for new pods.
func restartingText(ctx context.Context, r drain.Restarting) string {
	return ui.T(ctx, "draining_now_restarting", "Deployment", r.Deployment, "Doing", newPodsText(ctx, r))
}

// restartedText names the Deployments that were restarted for a node, "" for none.
func restartedText(ctx context.Context, it batch.Item) string {
	names := stateOf(it.After).Restarted
	if len(names) == 0 {
		return ""
	}
	return ui.T(ctx, "item_restarted", "Names", strings.Join(names, ui.T(ctx, "list_comma")))
}
