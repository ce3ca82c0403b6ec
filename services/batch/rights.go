package batch

import (
	"context"
	"sync"
	"time"

	"kube-node-manager/services/kube"
	"kube-node-manager/services/rule"
)

// rightsFor is how long the answer of a cluster counts that says what our account may do.
const rightsFor = 10 * time.Minute

// rights remembers what our account may do in clusters.
type rights struct {
	now func() time.Time

	mu    sync.Mutex
	known map[rightOf]right
}

// rightOf has the client, because other credentials have other rights.
type rightOf struct {
	client *kube.Client
	call   kube.Call
}

type right struct {
	allowed bool
	asked   time.Time
}

func newRights(now func() time.Time) *rights { return &rights{now: now, known: map[rightOf]right{}} }

// may reports whether a cluster allows a call. One that cannot be asked does not.
func (r *rights) may(ctx context.Context, c *kube.Client, call kube.Call) bool {
	of := rightOf{c, call}
	r.mu.Lock()
	known, ok := r.known[of]
	r.mu.Unlock()
	if ok && r.now().Sub(known.asked) < rightsFor {
		return known.allowed
	}
	allowed, err := c.May(ctx, call)
	if err != nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[of] = right{allowed, r.now()}
	return allowed
}

// forget drops answers that no longer count, so that clients that are gone are not kept.
func (r *rights) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for of, known := range r.known {
		if r.now().Sub(known.asked) >= rightsFor {
			delete(r.known, of)
		}
	}
}

// patchStatus is the call that sets the conditions of nodes.
func patchStatus() kube.Call {
	return kube.Call{Verb: "patch", Resource: "nodes", Subresource: "status"}
}

// mayTell returns what the rules of a cluster, and the rights of our account, allow.
func (e *Engine) mayTell(ctx context.Context, cluster string, c *kube.Client) permission {
	held, err := e.rules.Of(ctx, cluster)
	switch {
	case err != nil:
		return mayNot
	case held.Signals.Conditions == rule.Off:
		return mayClear
	case held.Signals.Conditions == rule.On || e.rights.may(ctx, c, patchStatus()):
		return mayTell
	default:
		return mayNot
	}
}
