package audit

import (
	"context"
	"time"

	"kube-node-manager/services/store"
)

// purgeEvery is the time between two purges.
const purgeEvery = 24 * time.Hour

// Run deletes what is too old, now and then once a day, until ctx ends.
func (s *Service) Run(ctx context.Context) {
	if s.keep == (Keep{}) {
		return
	}
	everyDay(ctx, func() {
		if _, err := s.Purge(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "Could not delete old records; trying again tomorrow", "error", err)
		}
	})
}

// everyDay calls fn now and then once a day, until ctx ends.
func everyDay(ctx context.Context, fn func()) {
	ticker := time.NewTicker(purgeEvery)
	defer ticker.Stop()
	for {
		fn()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// Purge deletes the batches and entries that are older than they are kept, and
// says how many there were.
func (s *Service) Purge(ctx context.Context) (store.Purged, error) {
	now := s.now()
	old := store.Retention{Batches: daysBefore(now, s.keep.Batches), Audit: daysBefore(now, s.keep.Audit), At: now}
	var total store.Purged
	for {
		gone, err := s.store.Purge(ctx, old)
		total.Batches += gone.Batches
		total.Entries += gone.Entries
		if err != nil || !gone.Any() {
			if total.Any() {
				s.log.InfoContext(ctx, "Deleted old records", "batches", total.Batches, "audit", total.Entries)
			}
			return total, err
		}
	}
}

// daysBefore gives the moment before which things are too old; the zero time when
// they are kept for ever.
func daysBefore(now time.Time, days int) time.Time {
	if days == 0 {
		return time.Time{}
	}
	return now.AddDate(0, 0, -days)
}
