package node

import (
	"context"
	"errors"
	"slices"
	"time"

	"kube-node-manager/cache"
	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

// kindElsewhere is the kind of what others keep of their work outside of the nodes.
const kindElsewhere = "elsewhere"

// elsewhereWithin is how long a reader waits for it.
const elsewhereWithin = 3 * time.Second

// Elsewhere is who is at work on the nodes of a cluster, by what they keep outside of the
// nodes: leases, NodeMaintenances, and the lock of kured.
type Elsewhere struct {
	Actors map[string][]Actor // by node
	// Unread are the resources that the account may not list, where that is of interest.
	Unread []string
	// Err is why something could not be read for another reason; nil if all was.
	Err error
}

// ElsewhereQuery says what is read for Elsewhere, and how.
type ElsewhereQuery struct {
	Namespace string // of the leases of nodes
	Leases    bool   // this program holds leases there, so they are read whoever else does
	Fresh     bool   // it is read after the call
}

// Elsewhere reads who is at work on nodes. What cannot be read is left out.
func (s *Service) Elsewhere(ctx context.Context, cluster string, q ElsewhereQuery) Elsewhere {
	ctx, cancel := context.WithTimeout(ctx, elsewhereWithin)
	defer cancel()
	client, err := s.clients.Client(cluster)
	if err != nil {
		return Elsewhere{Err: err}
	}
	read := cache.Get[Elsewhere]
	if q.Fresh {
		read = cache.Fresh[Elsewhere]
	}
	key := cache.Key{Cluster: cluster, Kind: kindElsewhere, Name: q.Namespace}
	found, err := read(ctx, s.cache, key, s.node, func(ctx context.Context) (Elsewhere, error) {
		if err := s.down(cluster, q.Fresh); err != nil {
			return Elsewhere{}, err
		}
		return readElsewhere(ctx, client, q, s.now()), nil
	})
	if err != nil {
		return Elsewhere{Err: explainDeadline(err)}
	}
	return found.Value
}

// readElsewhere reads everything. Leases are only of interest where somebody takes them.
func readElsewhere(ctx context.Context, c *kube.Client, q ElsewhereQuery, now time.Time) Elsewhere {
	e := Elsewhere{Actors: map[string][]Actor{}}
	maintenances, installed, err := c.NodeMaintenances(ctx)
	e.note(err, "nodemaintenances", true)
	for _, m := range maintenances {
		e.add(m.Spec.NodeName, maintenanceActor(m))
	}
	locks, err := c.RebootLocks(ctx, now)
	e.note(err, "daemonsets", false)
	for _, l := range locks {
		e.add(l.Node, Actor{Kind: ActorKured, Mark: "DaemonSet " + l.DaemonSet, Since: someTime(l.Since)})
	}
	if !q.Leases && !installed {
		return e
	}
	leases, err := c.WorkLeases(ctx, q.Namespace, now)
	e.note(err, "leases", true)
	for _, l := range leases {
		e.add(l.Node, Actor{Kind: ActorLease, Mark: l.Holder, Since: someTime(l.Since), Until: someTime(l.Until)})
	}
	return e
}

// note notes why something could not be read. telling says that somebody wants to know what
// the account may not read.
func (e *Elsewhere) note(err error, resource string, telling bool) {
	switch {
	case err == nil:
	case services.CodeOf(err) != services.CodeForbidden:
		e.Err = errors.Join(e.Err, err)
	case telling:
		e.Unread = append(e.Unread, resource)
	}
}

func (e *Elsewhere) add(node string, a Actor) { e.Actors[node] = append(e.Actors[node], a) }

func maintenanceActor(m kube.NodeMaintenance) Actor {
	mark := "NodeMaintenance " + m.Name
	if m.Spec.Reason != "" {
		mark += ": " + services.Clip(m.Spec.Reason)
	}
	return Actor{Kind: ActorMaintenance, Mark: mark, Since: someTime(m.CreationTimestamp.Time)}
}

func someTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// WithActors returns who is at work on a node by its own marks, and of the others those of
// other kinds.
func WithActors(own, others []Actor) []Actor {
	all := slices.Clone(own)
	for _, a := range others {
		if !slices.ContainsFunc(all, func(b Actor) bool { return a.Kind == b.Kind }) {
			all = append(all, a)
		}
	}
	slices.SortStableFunc(all, func(a, b Actor) int {
		return slices.Index(ActorKinds(), a.Kind) - slices.Index(ActorKinds(), b.Kind)
	})
	return all
}
