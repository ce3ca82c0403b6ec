package node

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"kube-node-manager/services"
)

const (
	// readAtOnce is how many clusters one list over clusters waits for at once.
	readAtOnce = 32
	// readWithin is how long a list over clusters waits for the nodes of those whose
	// nodes are not cached, and usageWithin for their usage. The reads go on.
	readWithin  = 3 * time.Second
	usageWithin = 8 * time.Second
)

// Reading is what a list over clusters has of one of them.
type Reading struct {
	Cluster string
	AsOf    time.Time // of its nodes; zero if they are not known
	// Problem is why its nodes are not known, or known only from before. Such nodes are
	// not to be operated on.
	Problem error

	nodes   []*Node
	usage   map[string]Usage
	used    metrics
	matched []*Node
}

// Known reports whether the list has the nodes of the cluster.
func (r Reading) Known() bool { return !r.AsOf.IsZero() }

// Matched returns the nodes that match a query, in its order; see MatchAll.
func (r Reading) Matched() []*Node { return r.matched }

// ListAll is List over several clusters. A cluster whose nodes cannot be read fails
// nothing: its Reading says why, and its nodes are those that were known last, if any.
// The order of the readings is that of the clusters.
func (s *Service) ListAll(ctx context.Context, clusters []string, q Query, withUsage bool) (Page, error) {
	q, err := q.normal()
	if err != nil {
		return Page{}, err
	}
	readings := s.readAll(ctx, clusters, q, withUsage)
	page := newPage(united(readings), q, s.sightOf(readings))
	page.Readings, page.InUse = readings, InUse{}
	for _, r := range readings {
		page.InUse[r.Cluster] = r.used
	}
	return page, nil
}

// MatchAll is Match over several clusters. A reading with a Problem has the nodes that
// were known last.
func (s *Service) MatchAll(ctx context.Context, clusters []string, q Query) ([]Reading, error) {
	q, err := q.normal()
	if err != nil {
		return nil, err
	}
	readings := s.readAll(ctx, clusters, q, false)
	see := s.sightOf(readings)
	matched, _ := q.filter(united(readings).Nodes, see)
	q.sort(matched, see.usage)
	at := make(map[string]*Reading, len(readings))
	for i := range readings {
		at[readings[i].Cluster] = &readings[i]
	}
	for _, n := range matched {
		at[n.Cluster].matched = append(at[n.Cluster].matched, n)
	}
	return readings, nil
}

// readAll reads the clusters, several at once.
func (s *Service) readAll(ctx context.Context, clusters []string, q Query, withUsage bool) []Reading {
	readings, turn := make([]Reading, len(clusters)), make(chan struct{}, readAtOnce)
	usage, cancel := context.WithTimeout(ctx, usageWithin)
	defer cancel()
	var all sync.WaitGroup
	for i, cluster := range clusters {
		turn <- struct{}{}
		all.Go(func() {
			readings[i] = s.readOne(ctx, usage, cluster, q, withUsage)
			<-turn
		})
	}
	all.Wait()
	return readings
}

// readOne reads one cluster; the context usage bounds the wait for its usage. The nodes
// are read last, for the reason that List has.
func (s *Service) readOne(ctx, usage context.Context, cluster string, q Query, withUsage bool) Reading {
	r := Reading{Cluster: cluster}
	r.Problem = services.RequireIn(ctx, cluster, services.PermitSee)
	if r.Problem != nil {
		return r
	}
	r.used = s.inUse(usage, cluster, withUsage)
	r.usage, _ = s.usageFor(usage, cluster, q, withUsage) // without it, the columns that need it are empty
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	found, err := s.All(ctx, cluster, q.Fresh)
	if err != nil {
		found, _ = s.Known(cluster)
	}
	r.Problem = cmp.Or(err, s.clients.Down(cluster), found.Stale)
	r.nodes, r.AsOf = found.Nodes, found.AsOf
	return r
}

// united returns the nodes of all readings as one inventory. Its age is that of the
// oldest reading without a problem; the others say their own.
func united(readings []Reading) Inventory {
	var all Inventory
	for _, r := range readings {
		all.Nodes = append(all.Nodes, r.nodes...)
		older := all.AsOf.IsZero() || r.AsOf.Before(all.AsOf)
		if r.Problem == nil && older {
			all.AsOf = r.AsOf
		}
	}
	all.summary = func() Summary { return summarize(all.Nodes) }
	return all
}

// sightOf returns what a search knows of the clusters that were read.
func (s *Service) sightOf(readings []Reading) sight {
	see := sight{now: s.now()}
	for _, r := range readings {
		if r.usage != nil && see.usage == nil {
			see.usage = Usages{}
		}
		if r.usage != nil {
			see.usage[r.Cluster] = r.usage
		}
	}
	return see
}

// WithoutUsage reports whether the usage of a cluster that answers is not known yet.
func (p Page) WithoutUsage() bool {
	return slices.ContainsFunc(p.Readings, func(r Reading) bool { return r.Problem == nil && r.usage == nil })
}

// Matching returns how many nodes of each cluster match the filters.
func (p Page) Matching() map[string]int {
	count := map[string]int{}
	for _, n := range p.matched {
		count[n.Cluster]++
	}
	return count
}

// Late returns why the nodes of a cluster are only known from before, or nil.
func (p Page) Late(cluster string) error {
	for _, r := range p.Readings {
		if r.Cluster == cluster {
			return r.Problem
		}
	}
	return nil
}
