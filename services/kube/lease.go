package kube

import (
	"context"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/kubernetes/scheme"

	"kube-node-manager/services"
)

// LeaseNamespace is where node-maintenance-operator, and the other operators of medik8s,
// keep the leases of nodes, unless their LEASE_NAMESPACE says otherwise.
const LeaseNamespace = "medik8s-leases"

const (
	// leaseTries is how often a lease is read again because somebody else has written it.
	leaseTries = 5
	// clockSkew is how far ahead of ours the clock of another holder may be.
	clockSkew = time.Minute
)

// WorkLease is a lease with which somebody says that they work on a node. Its form is that
// of node-maintenance-operator; see pkg/lease of medik8s/common.
type WorkLease struct {
	Node   string
	Holder string
	Since  time.Time // when the holder took it; zero if it does not say
	Until  time.Time // when it expires, unless it is renewed
}

// IsNamespace reports whether a namespace can have that name.
func IsNamespace(name string) bool { return len(validation.IsDNS1123Label(name)) == 0 }

// LeaseHolder returns the holder of the leases of a batch.
func LeaseHolder(batch string) string { return FieldManager + "/" + batch }

// BatchOfHolder returns the batch of the holder of a lease. own is false if it is no
// installation of this program.
func BatchOfHolder(holder string) (batch string, own bool) {
	return strings.CutPrefix(holder, FieldManager+"/")
}

// leasePrefix is what the names of such leases begin with; the name of the node follows.
const leasePrefix = "node-"

// LeaseCall returns the call with a verb on the leases of a namespace.
func LeaseCall(verb, namespace string) Call {
	return Call{Verb: verb, Group: coordinationv1.GroupName, Resource: "leases", Namespace: namespace}
}

// LeaseRequest asks for the lease of a node.
type LeaseRequest struct {
	Namespace string
	Node      string
	UID       string // of the node, which becomes the owner of the lease
	Holder    string
	For       time.Duration // for how long, unless it is renewed
	// Ours reports whether another holder is of ours, whose lease may be taken over.
	Ours func(holder string) bool
}

// TakeLease takes the lease of a node, or renews it. An expired one is taken over. taken is
// false if somebody else has the lease, which is returned then. What somebody writes in
// between is never overwritten.
func (c *Client) TakeLease(ctx context.Context, q LeaseRequest, now time.Time) (l WorkLease, taken bool, err error) {
	if err := checkNodeName(q.Node); err != nil {
		return WorkLease{}, false, err
	}
	for range leaseTries {
		l, taken, err = c.tryLease(ctx, q, now)
		if services.CodeOf(err) != services.CodeConflict {
			return l, taken, err
		}
	}
	return l, taken, err
}

func (c *Client) tryLease(ctx context.Context, q LeaseRequest, now time.Time) (WorkLease, bool, error) {
	found, err := c.getLease(ctx, q.Namespace, q.Node)
	if services.CodeOf(err) == services.CodeNotFound {
		created := &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: leaseName(q.Node), Namespace: q.Namespace},
		}
		created.Spec.LeaseTransitions = new(int32)
		q.fill(created, now, true)
		return workLease(created), true, c.writeLease(ctx, "create", created)
	}
	if err != nil {
		return WorkLease{}, false, err
	}
	old := workLease(found)
	mine := old.Holder == q.Holder
	if !mine && valid(found, now) && (q.Ours == nil || !q.Ours(old.Holder)) {
		return old, false, nil
	}
	if !mine {
		transitions := int32(1)
		if found.Spec.LeaseTransitions != nil {
			transitions += *found.Spec.LeaseTransitions
		}
		found.Spec.LeaseTransitions = &transitions
	}
	q.fill(found, now, !mine || found.Spec.AcquireTime == nil)
	return workLease(found), true, c.writeLease(ctx, "update", found)
}

// fill makes a lease that of the request.
func (q LeaseRequest) fill(l *coordinationv1.Lease, now time.Time, acquire bool) {
	at, seconds := metav1.NewMicroTime(now), max(1, int32(q.For/time.Second))
	l.OwnerReferences = nil
	if q.UID != "" {
		l.OwnerReferences = []metav1.OwnerReference{
			{APIVersion: "v1", Kind: "Node", Name: q.Node, UID: types.UID(q.UID)},
		}
	}
	l.Spec.HolderIdentity, l.Spec.LeaseDurationSeconds, l.Spec.RenewTime = &q.Holder, &seconds, &at
	if acquire {
		l.Spec.AcquireTime = &at
	}
}

// ReleaseLease deletes the lease of a node if it is still that of the holder.
func (c *Client) ReleaseLease(ctx context.Context, namespace, node, holder string) (err error) {
	for range leaseTries {
		err = c.tryRelease(ctx, namespace, node, holder)
		if services.CodeOf(err) != services.CodeConflict {
			return err
		}
	}
	return err
}

func (c *Client) tryRelease(ctx context.Context, namespace, node, holder string) error {
	found, err := c.getLease(ctx, namespace, node)
	if services.CodeOf(err) == services.CodeNotFound {
		return nil
	}
	if err != nil || workLease(found).Holder != holder {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patchTimeout)
	defer cancel()
	err = c.leases.Delete().Namespace(namespace).Resource("leases").Name(leaseName(node)).
		MaxRetries(0).
		Body(&metav1.DeleteOptions{Preconditions: &metav1.Preconditions{
			UID: &found.UID, ResourceVersion: &found.ResourceVersion,
		}}).
		Do(ctx).Error()
	if apierrors.IsNotFound(err) {
		return nil
	}
	return Explain(err, LeaseCall("delete", namespace).String())
}

// WorkLeases returns the leases of nodes that are valid.
func (c *Client) WorkLeases(ctx context.Context, namespace string, now time.Time) ([]WorkLease, error) {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	list := &coordinationv1.LeaseList{}
	err := c.leases.Get().Namespace(namespace).Resource("leases").
		VersionedParams(&metav1.ListOptions{Limit: mostLeases}, scheme.ParameterCodec).
		Do(ctx).Into(list)
	if err != nil {
		return nil, Explain(err, LeaseCall("list", namespace).String())
	}
	var found []WorkLease
	for i := range list.Items {
		l := &list.Items[i]
		if strings.HasPrefix(l.Name, leasePrefix) && valid(l, now) {
			found = append(found, workLease(l))
		}
	}
	return found, nil
}

// mostLeases bounds how many leases are read.
const mostLeases = 20_000

func leaseName(node string) string { return leasePrefix + strings.ToLower(node) }

// valid reports whether a lease has not expired. As for medik8s, one that says neither when
// it was renewed nor for how long has, and so has one from the future.
func valid(l *coordinationv1.Lease, now time.Time) bool {
	if l.Spec.RenewTime == nil || l.Spec.LeaseDurationSeconds == nil {
		return false
	}
	return !workLease(l).Until.Before(now) && !l.Spec.RenewTime.After(now.Add(clockSkew))
}

func workLease(l *coordinationv1.Lease) WorkLease {
	w := WorkLease{Node: strings.TrimPrefix(l.Name, leasePrefix)}
	if l.Spec.HolderIdentity != nil {
		w.Holder = *l.Spec.HolderIdentity
	}
	if l.Spec.AcquireTime != nil {
		w.Since = l.Spec.AcquireTime.Time
	}
	if l.Spec.RenewTime != nil && l.Spec.LeaseDurationSeconds != nil {
		w.Until = l.Spec.RenewTime.Add(time.Duration(*l.Spec.LeaseDurationSeconds) * time.Second)
	}
	return w
}

func (c *Client) getLease(ctx context.Context, namespace, node string) (*coordinationv1.Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	l := &coordinationv1.Lease{}
	err := c.leases.Get().Namespace(namespace).Resource("leases").Name(leaseName(node)).MaxRetries(0).Do(ctx).Into(l)
	return l, Explain(err, LeaseCall("get", namespace).String())
}

// writeLease creates or updates a lease. An update is refused if the lease has changed since
// it was read.
func (c *Client) writeLease(ctx context.Context, verb string, l *coordinationv1.Lease) error {
	ctx, cancel := context.WithTimeout(ctx, patchTimeout)
	defer cancel()
	request := c.leases.Post()
	if verb == "update" {
		request = c.leases.Put().Name(l.Name)
	}
	err := request.Namespace(l.Namespace).Resource("leases").MaxRetries(0).
		VersionedParams(&metav1.UpdateOptions{FieldManager: FieldManager}, scheme.ParameterCodec).
		Body(l).
		Do(ctx).Error()
	switch {
	case err == nil:
		return nil
	case apierrors.IsNotFound(err) && verb == "create":
		return services.Wrap(err, services.CodeUnavailable, "error_lease_namespace", "Namespace", l.Namespace)
	case apierrors.IsNotFound(err): // it was deleted since it was read
		return &callError{services.Wrap(err, services.CodeConflict, "error_node_changed"), Fault{Retry: true}}
	default:
		return explainChange(ctx, err, LeaseCall(verb, l.Namespace).String())
	}
}
