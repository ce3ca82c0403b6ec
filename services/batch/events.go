package batch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/rule"
)

const (
	// eventWriters is how many events are sent to a cluster at the same time, and
	// eventsWaiting how many wait for it. Further ones are dropped.
	eventWriters  = 2
	eventsWaiting = 2000
	// eventTries is how often an event is sent that fails for now.
	eventTries = 3
	// eventsStopped is how long events are still sent when the program stops.
	eventsStopped = 2 * time.Second
)

// events sends events about nodes, beside the work of the batches. Nothing waits for them,
// and nothing fails because of them.
type events struct {
	log  *slog.Logger
	may  func(ctx context.Context, cluster string, c *kube.Client) bool
	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex
	stopped bool
	of      map[string]*clusterEvents
}

// clusterEvents are the events that are still to be sent to a cluster.
type clusterEvents struct {
	client  *kube.Client
	queue   []kube.Event
	workers int
	dropped int   // since the queue was last empty
	err     error // why the last one of them was
}

func newEvents(
	ctx context.Context, log *slog.Logger, may func(context.Context, string, *kube.Client) bool,
) *events {
	ctx, stop := context.WithCancel(ctx)
	return &events{log: log, may: may, ctx: ctx, stop: stop, of: map[string]*clusterEvents{}}
}

// end sends what is left, for a moment, and stops.
func (s *events) end() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	timer := time.AfterFunc(eventsStopped, s.stop)
	s.work.Wait()
	timer.Stop()
	s.stop()
}

// send sends an event, soon. It never blocks.
func (s *events) send(cluster string, client *kube.Client, e kube.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	c := s.of[cluster]
	if c == nil {
		c = &clusterEvents{}
		s.of[cluster] = c
	}
	c.client = client
	if len(c.queue) >= eventsWaiting {
		c.dropped++
		return
	}
	c.queue = append(c.queue, e)
	if c.workers < eventWriters {
		c.workers++
		s.work.Go(func() { s.sendAll(cluster, c) })
	}
}

// sendAll sends events until none is left.
func (s *events) sendAll(cluster string, c *clusterEvents) {
	s.mu.Lock()
	client := c.client
	s.mu.Unlock()
	allowed := s.may(s.ctx, cluster, client)
	for {
		client, e, ok := s.next(cluster, c)
		if !ok {
			return
		}
		if !allowed {
			continue
		}
		if err := s.try(client, e); err != nil {
			s.drop(c, err)
			allowed = services.CodeOf(err) != services.CodeForbidden
		}
	}
}

// next takes an event from the queue; ok is false when there is none, and the caller ends.
func (s *events) next(cluster string, c *clusterEvents) (client *kube.Client, e kube.Event, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(c.queue) > 0 && s.ctx.Err() == nil {
		e, c.queue = c.queue[0], c.queue[1:]
		return c.client, e, true
	}
	c.workers--
	if c.workers == 0 {
		s.account(cluster, c)
	}
	return nil, kube.Event{}, false
}

// account says how many events were dropped.
func (s *events) account(cluster string, c *clusterEvents) {
	c.dropped += len(c.queue)
	c.queue = nil
	if c.dropped > 0 {
		s.log.Warn("Events about nodes were dropped", "cluster", cluster, "count", c.dropped, "error", c.err)
	}
	c.dropped, c.err = 0, nil
}

func (s *events) drop(c *clusterEvents, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.dropped++
	c.err = err
}

// try sends an event. It takes no place of the cluster's limiter, which is for the work
// itself; there are few writers.
func (s *events) try(client *kube.Client, e kube.Event) error {
	wait := kube.NewBackoff(firstWait, longWait)
	for tries := 1; ; tries++ {
		err := client.Record(s.ctx, e)
		fault := kube.FaultOf(err)
		if err == nil || !fault.Retry || tries == eventTries {
			return err
		}
		if kube.Sleep(s.ctx, max(fault.After, wait.Step())) != nil {
			return err
		}
	}
}

// mayRecord reports whether the rules of a cluster, and the rights of our account, allow
// events about nodes.
func (e *Engine) mayRecord(ctx context.Context, cluster string, c *kube.Client) bool {
	held, err := e.rules.Of(ctx, cluster)
	if err != nil || held.Signals.Events == rule.Off {
		return false
	}
	return held.Signals.Events == rule.On || e.rights.may(ctx, c, kube.CreateEvents())
}
