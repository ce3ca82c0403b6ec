package notify

import (
	"context"
	"slices"
	"strconv"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

const (
	checkEvery = 2 * time.Second
	entriesAt  = 500 // entries of the audit log that are read at once
)

// Run tells the hooks what happens, until ctx ends.
func (s *Service) Run(ctx context.Context) {
	defer s.senders.all.Wait()
	every := time.NewTicker(checkEvery)
	defer every.Stop()
	for {
		s.check(ctx) // at once: only what happens after the first check ever is told
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		case <-s.wake:
		}
	}
}

// Check does once what Run does again and again, and waits until it is done.
func (s *Service) Check(ctx context.Context) {
	s.check(ctx)
	s.senders.all.Wait()
}

func (s *Service) check(ctx context.Context) {
	if err := s.collect(ctx); err != nil && ctx.Err() == nil {
		s.Log.Warn("Notifications cannot be collected", "error", err)
	}
	s.sendDue(ctx)
}

// collect stores what is to be told. The entries of the audit log, which are stored with the
// changes themselves, say what has happened: so nothing is lost when the process ends.
func (s *Service) collect(ctx context.Context) error {
	hooks, err := s.Store.Hooks(ctx)
	if err != nil {
		return err
	}
	hooks = slices.DeleteFunc(hooks, func(h store.Hook) bool { return h.Disabled })
	from, known, err := s.notified(ctx)
	if err != nil {
		return err
	}
	entries, last, err := s.Store.EntriesAfter(ctx, from, entriesAt)
	if err != nil || last == from && known {
		return s.orBlocked(ctx, hooks, err)
	}
	var deliveries []store.Delivery
	for _, e := range entries {
		if !known || len(hooks) == 0 { // what happened before there were hooks is not told
			break
		}
		of, err := s.about(ctx, e, hooks)
		if err != nil {
			return err
		}
		deliveries = append(deliveries, of...)
	}
	return s.orBlocked(ctx, hooks, s.Store.Enqueue(ctx, last, deliveries))
}

func (s *Service) orBlocked(ctx context.Context, hooks []store.Hook, err error) error {
	if err != nil {
		return err
	}
	return s.collectBlocked(ctx, hooks)
}

// notified returns up to which entry of the audit log everything was told; known is false
// before the first time.
func (s *Service) notified(ctx context.Context) (id int64, known bool, err error) {
	text, err := s.Store.Setting(ctx, "notified")
	if services.CodeOf(err) == services.CodeNotFound {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	id, err = strconv.ParseInt(text, 10, 64)
	return id, true, err
}

// about returns what hooks are told about an entry of the audit log.
func (s *Service) about(ctx context.Context, e store.Entry, hooks []store.Hook) ([]store.Delivery, error) {
	b, err := s.Store.Batch(ctx, e.Object)
	if services.CodeOf(err) == services.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	event, also := eventOf(e, b)
	if event == "" {
		return nil, nil
	}
	m, err := s.message(ctx, event, e.At, b)
	if err != nil {
		return nil, err
	}
	return s.tell(hooks, m, also)
}

// eventOf returns the event of an entry about a batch, "" for none. Hooks that want the event
// also are told too.
func eventOf(e store.Entry, b store.Batch) (event, also string) {
	switch e.Action {
	case store.ActionBatchCreate:
		if b.Approval != nil {
			return EventApproval, ""
		}
		if b.Schedule == nil || b.StartedAt != nil && !b.StartedAt.After(e.At.Add(time.Second)) {
			return EventStarted, ""
		}
	case store.ActionBatchBegin:
		return EventStarted, ""
	case store.ActionBatchAsk:
		return EventApproval, ""
	case store.ActionBatchHold:
		return EventBlocked, ""
	case store.ActionBatchPause:
		if e.Actor == "" { // by the program, for a person: after the first nodes, or at a gate that failed
			return EventBlocked, ""
		}
	case store.ActionBatchEnd:
		if b.State == store.StateFailed || b.State == store.StatePartial {
			return EventFailed, EventEnded
		}
		return EventEnded, ""
	}
	return "", ""
}

// wants reports whether a hook is to be told one of the events of a batch.
func wants(h store.Hook, cluster string, events ...string) bool {
	return (h.Cluster == "" || h.Cluster == cluster) &&
		slices.ContainsFunc(events, func(event string) bool { return slices.Contains(h.Events, event) })
}

// tell returns the deliveries of a message to the hooks that want it.
func (s *Service) tell(hooks []store.Hook, m Message, also string) (out []store.Delivery, err error) {
	for _, h := range hooks {
		if !wants(h, m.Cluster, m.Event, also) {
			continue
		}
		d, err := s.delivery(h, m)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

func (s *Service) message(ctx context.Context, event string, at time.Time, b store.Batch) (Message, error) {
	counts, err := s.Store.CountItems(ctx, b.ID)
	return Message{
		Event: event, At: at.UTC(), Batch: b.ID, Cluster: b.Cluster, Operation: b.Operation, State: string(b.State),
		By: b.By, Reason: b.Reason, Total: b.Total, Counts: counts[b.ID], URL: s.BatchURL(b.ID),
	}, err
}
