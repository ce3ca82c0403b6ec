package notify

import (
	"context"
	"errors"
	"sync"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

const (
	firstWait   = 5 * time.Second
	longestWait = 15 * time.Minute
	// patience is for how long a delivery is tried again.
	patience = 2 * time.Hour
	// maxRefusals is how often a message is sent that the receiver refuses for its content, and
	// not for its own state: it must not hold up those behind it for long.
	maxRefusals = 3
	kept        = 2 * LogShown
)

// senders are the hooks to which something is being sent. Each has a goroutine of its own, so
// that a receiver that hangs delays no other; there are at most maxHooks.
type senders struct {
	mu   sync.Mutex
	busy map[int64]bool // by the id of the hook
	all  sync.WaitGroup
}

// begin reports whether nobody sends to a hook yet, and that somebody does now.
func (s *senders) begin(hook int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[hook] || len(s.busy) >= maxHooks {
		return false
	}
	s.busy[hook] = true
	return true
}

func (s *senders) end(hook int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, hook)
}

// sendDue begins to send what is due, to all hooks at once.
func (s *Service) sendDue(ctx context.Context) {
	hooks, err := s.Store.DueHooks(ctx, s.Now())
	if err != nil {
		s.Log.Warn("Notifications cannot be read", "error", err)
		return
	}
	for _, hook := range hooks {
		if !s.senders.begin(hook) {
			continue
		}
		s.senders.all.Go(func() {
			defer s.senders.end(hook)
			s.sendAll(ctx, hook)
		})
	}
}

// sendAll sends what is due to a hook in its order: what comes later waits until what came
// before has arrived, or was given up.
func (s *Service) sendAll(ctx context.Context, hook int64) {
	for ctx.Err() == nil {
		d, err := s.Store.NextDelivery(ctx, hook)
		if services.CodeOf(err) == services.CodeNotFound || err == nil && d.NextAt.After(s.Now()) {
			return
		}
		if err == nil {
			err = s.try(ctx, d)
		}
		if err != nil && ctx.Err() == nil {
			s.Log.Warn("A notification cannot be sent", "hook", d.Hook, "event", d.Event, "error", err)
		}
		if err != nil {
			return // the next round goes on
		}
	}
}

// try sends a delivery and stores what came of it. It returns an error unless it has arrived.
func (s *Service) try(ctx context.Context, d store.Delivery) error {
	answer, failed := s.send(ctx, d)
	if ctx.Err() != nil {
		return ctx.Err() // it is sent again by the next process
	}
	stored := s.Store.SetDelivery(ctx, s.after(d, answer, failed), kept)
	return errors.Join(failed, stored)
}

// after returns a delivery after a try.
func (s *Service) after(d store.Delivery, answer string, failed error) store.Delivery {
	now := s.Now().Truncate(time.Millisecond)
	d.Attempts++
	d.Answer = answer
	switch {
	case failed == nil:
		d.State, d.EndedAt = store.DeliverySent, &now
	case s.givesUp(d, failed, now):
		d.State, d.EndedAt = store.DeliveryFailed, &now
		s.Log.Warn("A notification was given up", "hook", d.Hook, "event", d.Event, "answer", answer)
	default:
		d.NextAt = now.Add(waitAfter(d.Attempts))
	}
	return d
}

// givesUp reports whether a delivery that has failed is not tried again: a test is sent once.
func (s *Service) givesUp(d store.Delivery, failed error, now time.Time) bool {
	refused := errors.Is(failed, errContent) && d.Attempts >= maxRefusals
	return refused || d.Event == EventTest || !now.Before(d.CreatedAt.Add(patience))
}

// waitAfter returns how long to wait after so many tries.
func waitAfter(attempts int) time.Duration {
	if attempts > 8 { // a longer shift would overflow in the end
		return longestWait
	}
	return min(firstWait<<(attempts-1), longestWait)
}
