package account

import (
	"context"
	"sync"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

const (
	// collectFor is the period whose refused sign-ins become one audit entry.
	collectFor = time.Minute
	// writeEvery is how often Run writes the periods that have ended.
	writeEvery = 15 * time.Second
	// maxNetworks is how many clients of one period are counted separately.
	maxNetworks = 1000
	// otherNetworks stands for all further clients. It is not a valid network.
	otherNetworks = "others"
)

// refusals keeps the audit log small when many sign-ins are refused. The first refusal
// of a client is an entry at once. The further ones within a minute are counted, and
// become one entry for each user when the minute has ended. When an entry is
// written depends on the client alone, so that the time an answer takes does not
// reveal whether a name exists.
type refusals struct {
	mu      sync.Mutex
	clients map[string]*refused // by network
}

// refused counts the refusals of one client since begin.
type refused struct {
	begin time.Time
	users map[int64]*store.Refusals // by user id; 0 is for unknown names
}

func newRefusals() *refusals { return &refusals{clients: map[string]*refused{}} }

// count counts a refusal, unless it is the client's first of a period.
func (r *refusals) count(network string, u store.User, why store.Refusal, now time.Time) (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, known := r.clients[network]
	if !known && len(r.clients) >= maxNetworks {
		network = otherNetworks
		c, known = r.clients[network], true
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
		if network != otherNetworks {
			group.Address = network
		}
		c.users[u.ID] = group
	}
	group.Why[why]++
	group.Last = now
}

// take removes and returns the counts of the periods that began at the given time or
// before.
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

// refuse records a refused sign-in, at once or as part of a count.
func (s *Service) refuse(ctx context.Context, u store.User, why store.Refusal) error {
	now := s.now()
	if err := s.writeRefusals(ctx, now.Add(-collectFor)); err != nil {
		return err
	}
	if s.refusals.count(networkOf(services.ActorFrom(ctx).Address), u, why, now) {
		return s.store.RefuseSignIn(ctx, u, why)
	}
	return nil
}

// writeRefusals writes the audit entries of the periods that began at the given time
// or before.
func (s *Service) writeRefusals(ctx context.Context, until time.Time) error {
	// The entries are not about the request that happens to trigger the write.
	nobody := services.WithActor(ctx, services.Actor{})
	return s.store.RefuseSignIns(nobody, s.refusals.take(until))
}

// Run writes the audit entries of refused sign-ins when their minute has ended. When
// ctx ends, it writes the remaining ones and returns.
func (s *Service) Run(ctx context.Context) {
	ticker := time.NewTicker(writeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.tryWriteRefusals(ctx, s.now().Add(-collectFor))
		case <-ctx.Done():
			s.tryWriteRefusals(ctx, s.now())
			return
		}
	}
}

// tryWriteRefusals writes audit entries even if ctx has ended, and logs an error.
func (s *Service) tryWriteRefusals(ctx context.Context, until time.Time) {
	if err := s.writeRefusals(context.WithoutCancel(ctx), until); err != nil {
		s.log.WarnContext(ctx, "Could not write refused sign-ins into the audit log", "error", err)
	}
}
