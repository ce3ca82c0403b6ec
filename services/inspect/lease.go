package inspect

import (
	"context"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"

	"kube-node-manager/cache"
	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

// Lease is the heartbeat of a node: its kubelet renews it every few seconds. If it does
// not, the control plane takes the node for lost.
type Lease struct {
	Found    bool          `json:"found"` // false: there is none
	Holder   string        `json:"holder,omitempty"`
	Duration time.Duration `json:"-"` // for which it is valid after it was renewed
	Seconds  int           `json:"durationSeconds,omitempty"`
	Renewed  *time.Time    `json:"renewedAt,omitempty"`
	Acquired *time.Time    `json:"acquiredAt,omitempty"`
}

// Overdue reports whether the lease has not been renewed in time.
func (l Lease) Overdue(now time.Time) bool {
	return l.Found && (l.Renewed == nil || now.Sub(*l.Renewed) > l.Duration)
}

// Lease returns the lease of a node. It is read for each call: its age is all that is of
// interest.
//
// Errors: CodeForbidden, also if the account may not read leases.
func (s *Service) Lease(ctx context.Context, cluster, name string) (Part[Lease], error) {
	key := cache.Key{Cluster: cluster, Kind: kindLease, Name: name}
	return read(ctx, s.servedFor(leaseAge), key, false, func(ctx context.Context, c *kube.Client) (Lease, error) {
		lease, err := c.NodeLease(ctx, name)
		if services.CodeOf(err) == services.CodeNotFound {
			return Lease{}, nil
		}
		if err != nil {
			return Lease{}, err
		}
		return newLease(lease), nil
	})
}

// leaseAge is for how long a lease is served, so that a hundred readers are one call.
const leaseAge = time.Second

func newLease(l *coordinationv1.Lease) Lease {
	out := Lease{Found: true}
	if l.Spec.HolderIdentity != nil {
		out.Holder = *l.Spec.HolderIdentity
	}
	if l.Spec.LeaseDurationSeconds != nil {
		out.Seconds = int(*l.Spec.LeaseDurationSeconds)
		out.Duration = time.Duration(out.Seconds) * time.Second
	}
	if l.Spec.RenewTime != nil {
		out.Renewed = &l.Spec.RenewTime.Time
	}
	if l.Spec.AcquireTime != nil {
		out.Acquired = &l.Spec.AcquireTime.Time
	}
	return out
}
