package notify

import (
	"context"
	"slices"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
)

// budgetsNamed is how many budgets a message names.
const budgetsNamed = 3

// blocked is what holds up a drain.
type blocked struct {
	pods    int
	since   time.Time // of the pod that has waited longest
	budgets []string  // that it and others wait for, at most budgetsNamed
}

// blockedBy returns what holds up a running batch; known is false for nothing.
func blockedBy(v batch.View) (b blocked, known bool) {
	if v.Drain == nil || v.Drain.Blocked == 0 {
		return blocked{}, false
	}
	b.pods = v.Drain.Blocked
	for _, n := range v.Drain.Nodes {
		for _, pod := range n.Blocks {
			if b.since.IsZero() || pod.Since.Before(b.since) {
				b.since = pod.Since
			}
			if pod.Budget != "" && !slices.Contains(b.budgets, pod.Budget) && len(b.budgets) < budgetsNamed {
				b.budgets = append(b.budgets, pod.Budget)
			}
		}
	}
	return b, !b.since.IsZero()
}

// collectBlocked stores what is to be told of drains that have waited for budgets.
func (s *Service) collectBlocked(ctx context.Context, hooks []store.Hook) error {
	for _, v := range s.Batches.Running(services.Scope{All: true}) {
		b, known := blockedBy(v)
		if !known {
			continue
		}
		for _, h := range hooks {
			if !wants(h, v.Cluster, EventBlocked) {
				continue
			}
			if err := s.tellBlocked(ctx, h, v, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// tellBlocked tells a hook of a drain, once, and only if the drain has waited for as long as
// the hook wants.
func (s *Service) tellBlocked(ctx context.Context, h store.Hook, v batch.View, b blocked) error {
	waited := s.Now().Sub(b.since)
	if waited < time.Duration(h.Minutes)*time.Minute {
		return nil
	}
	told, err := s.Store.Told(ctx, h.ID, EventBlocked, v.ID)
	if err != nil || told {
		return err
	}
	m, err := s.message(ctx, EventBlocked, s.Now(), v.Batch)
	if err != nil {
		return err
	}
	m.Blocked, m.BlockedFor, m.Budgets = b.pods, int(waited.Minutes()), b.budgets
	d, err := s.delivery(h, m)
	if err != nil {
		return err
	}
	return s.Store.Enqueue(ctx, -1, []store.Delivery{d})
}
