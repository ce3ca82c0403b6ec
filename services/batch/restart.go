package batch

import (
	"context"
	"sync"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/operation/drain"
)

// mayOffer reports whether the account may read which workloads can be restarted first.
func (e *Engine) mayOffer(ctx context.Context, c *kube.Client) bool {
	list := func(resource string) bool {
		return e.rights.may(ctx, c, kube.Call{Verb: "list", Group: "apps", Resource: resource})
	}
	return list("deployments") && list("replicasets")
}

// denyRestarts notes in the plan of a drain what the account lacks to restart the
// workloads that can be restarted first. Nothing is asked where there are none. known is
// false if nobody has read which there are.
func (e *Engine) denyRestarts(ctx context.Context, b Batch, p Preview, known bool) {
	if p.Drain == nil {
		return
	}
	can, _ := p.Drain.Restarted()
	unread := p.Drain.WorkloadsUnread || !known
	p.Drain.WorkloadsUnread = unread
	if len(can) == 0 && !unread {
		return
	}
	ctx = e.options.ActAs.context(ctx, b.Cluster, services.ActorFrom(ctx))
	chosen, _ := operation.ParamsOf[drain.Options](p.Params)
	may := e.mayNow
	if !chosen.RestartFirst && !e.options.ActAs.in(b.Cluster) {
		may = e.rights.may // it is only offered
	}
	p.Drain.Denied = denied(kube.RestartCalls(), func(call kube.Call) bool { return may(ctx, p.client, call) })
	if len(p.Drain.Denied) == 0 && unread { // the person may what the account may not
		p.Drain.Denied = []string{kube.Call{Verb: "list", Group: "apps", Resource: "deployments"}.String()}
	}
}

// mayNow asks a cluster whether it allows a call. If it cannot be asked, the first call
// will show it.
func (*Engine) mayNow(ctx context.Context, c *kube.Client, call kube.Call) bool {
	allowed, err := c.May(ctx, call)
	return allowed || err != nil
}

// denied returns the calls that are not allowed.
func denied(calls []kube.Call, may func(kube.Call) bool) []string {
	allowed := make([]bool, len(calls))
	var asking sync.WaitGroup
	for i, call := range calls {
		asking.Go(func() { allowed[i] = may(call) })
	}
	asking.Wait()
	var texts []string
	for i, call := range calls {
		if !allowed[i] {
			texts = append(texts, call.String())
		}
	}
	return texts
}
