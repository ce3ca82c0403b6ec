package account

import (
	"context"
	"sync"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

const (
	// tallyFor is the time whose refused sign-ins become one entry.
	tallyFor = time.Minute
	// tallyEvery is how often it is looked whether that time is over.
	tallyEvery = 15 * time.Second
	// maxNetworks bounds the clients that are told apart within that time.
	maxNetworks = 1000
	// others are all clients beyond that. It is nobody's network.
	others = "others"
)

// refusals keeps the audit log from growing with every refused sign-in: the first
// one of a client within a minute is an entry of its own, and the rest become one
// entry for each user that they were for, with their number, when the minute is
// over. What is written when depends on the client alone, so that the time of an
// answer says nothing about a name.
type refusals struct {
	mu      sync.Mutex
	clients map[string]*refused
}

// refused is what one client was refused since begin.
type refused struct {
	begin time.Time
	users map[int64]*store.Refusals
}

func newRefusals() *refusals { return &refusals{clients: map[string]*refused{}} }

// count counts a refusal unless it is the client's first.
func (r *refusals) count(network string, u store.User, why store.Refusal, now time.Time) (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, known := r.clients[network]
	if !known && len(r.clients) >= maxNetworks {
		network = others
		c, known = r.clients[others], true
	}
	if c == nil {
		c = &refused{begin: now, users: map[int64]*store.Refusals{}}
		r.clients[network] = c
	}
	if !known {
		return true
	}
	c.add(network, u, why, now)
	return false
}

func (c *refused) add(network string, u store.User, why store.Refusal, now time.Time) {
	group := c.users[u.ID]
	if group == nil {
		group = &store.Refusals{UserID: u.ID, User: u.Name, Why: map[store.Refusal]int{}}
		if network != others {
			group.Address = network
		}
		c.users[u.ID] = group
	}
	group.Why[why]++
	group.Last = now
}

// take removes and returns the groups that began at the given time or before.
func (r *refusals) take(until time.Time) (groups []store.Refusals) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for network, c := range r.clients {
		if c.begin.After(until) {
			continue
		}
		for _, group := range c.users {
			groups = append(groups, *group)
		}
		delete(r.clients, network)
	}
	return groups
}

// refuse puts a refused sign-in on record.
func (s *Service) refuse(ctx context.Context, u store.User, why store.Refusal) error {
	now := s.now()
	if err := s.writeRefusals(ctx, now.Add(-tallyFor)); err != nil {
		return err
	}
	if s.refusals.count(networkOf(services.ActorFrom(ctx).Address), u, why, now) {
		return s.store.RefuseSignIn(ctx, u, why)
	}
	return nil
}

// writeRefusals writes the entries of the clients whose first refusal was at the
// given time or before.
func (s *Service) writeRefusals(ctx context.Context, until time.Time) error {
	nobody := services.WithActor(ctx, services.Actor{}) // the request is only the occasion
	return s.store.RefuseSignIns(nobody, s.refusals.take(until))
}

// Run writes the entries of refused sign-ins as their minutes end, until ctx ends;
// then it writes what is left.
func (s *Service) Run(ctx context.Context) {
	ticker := time.NewTicker(tallyEvery)
	defer ticker.Stop()
	for ended := false; !ended; {
		age := tallyFor
		select {
		case <-ticker.C:
		case <-ctx.Done():
			ended, age = true, 0
		}
		until := s.now().Add(-age)
		if err := s.writeRefusals(context.WithoutCancel(ctx), until); err != nil {
			s.log.WarnContext(ctx, "Could not write refused sign-ins into the audit log", "error", err)
		}
	}
}
