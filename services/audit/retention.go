package audit

import (
	"context"
	"time"

	"kube-node-manager/services/store"
)

// purgeEvery is the time between two purges.
const purgeEvery = 24 * time.Hour

// Run deletes old records at once and then every day, until ctx ends.
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

// everyDay calls fn at once and then every day, until ctx ends.
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

// Purge deletes the batches and entries that are older than Keep says, and returns
// how many it has deleted, also with an error.
func (s *Service) Purge(ctx context.Context) (store.Purged, error) {
	now := s.now()
	old := store.Retention{Batches: daysBefore(now, s.keep.Batches), Audit: daysBefore(now, s.keep.Audit), At: now}
	var total store.Purged
	for {
		gone, err := s.store.Purge(ctx, old)
		total.Batches += gone.Batches
		total.Entries += gone.Entries
		if err == nil && gone.Any() {
			continue // the store deletes a limited number at a time
		}
		if total.Any() {
			s.log.InfoContext(ctx, "Deleted old records", "batches", total.Batches, "audit", total.Entries)
		}
		return total, err
	}
}

// daysBefore returns the time that many days ago, or the zero time for 0 days.
func daysBefore(now time.Time, days int) time.Time {
	if days == 0 {
		return time.Time{}
	}
	return now.AddDate(0, 0, -days)
}
