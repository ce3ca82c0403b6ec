package batch

import (
	"context"
	"time"

	"kube-node-manager/services/fit"
)

// usageWait is how long a plan waits for what the pods of the cluster request. The read
// goes on without it, so that the next plan has it.
const usageWait = 3 * time.Second

// fit compares the pods that a drain evicts with the room on the other nodes; nil for any
// other operation.
func (e *Engine) fit(ctx context.Context, cluster string, p Preview) *fit.Fit {
	if p.Drain == nil {
		return nil
	}
	f := fit.Facts{Nodes: p.inventory.Nodes, Leaving: map[string]bool{}}
	for _, n := range p.Drain.Nodes {
		f.Leaving[n.Node] = true
		f.Pods = append(f.Pods, n.Leaving...)
	}
	ctx, cancel := context.WithTimeout(ctx, usageWait)
	defer cancel()
	usage, err := e.nodes.Usage(ctx, cluster)
	if err == nil {
		f.Usage = usage
	}
	found := fit.New(f)
	return &found
}
