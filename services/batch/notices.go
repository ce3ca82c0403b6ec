package batch

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

const (
	// maxWriters is how many nodes of a cluster are written at the same time. Each
	// write takes a place of the cluster's limiter, too.
	maxWriters = 8
	// noticeTries is how often a write is tried that fails for now, or meets another.
	noticeTries = 6
	// noticeIdle is how long a batch waits at its end for the conditions of its nodes
	// while none is written, and noticeStopped the same when the program stops.
	noticeIdle    = 10 * time.Second
	noticeStopped = 2 * time.Second
)

// notices writes what nodes say of their maintenance: beside the work of the batches, and
// only the last of what is to be said of a node. So a batch is not slower for it, and a
// slow cluster does not fall behind.
type notices struct {
	log  *slog.Logger
	may  func(ctx context.Context, cluster string, c *kube.Client) permission
	now  func() time.Time
	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex
	stopped bool
	of      map[string]*clusterNotices
	refused map[string]string // the call that the cluster has refused, by batch
	written map[string]int    // nodes, by batch
}

// clusterNotices is what is still to be said in a cluster.
type clusterNotices struct {
	client  *kube.Client
	wanted  map[string]kube.Notice // by node
	queue   []string               // the nodes of wanted, in the order in which they came
	writing map[string]bool
	workers int
	asking  sync.Mutex    // held while the cluster is asked what may be written
	changed chan struct{} // closed when something has been written
}

// permission says what may be written in a cluster.
type permission int

const (
	mayNot   permission = iota
	mayClear            // only that nothing holds any more
	mayTell
)

func newNotices(
	ctx context.Context, log *slog.Logger, may func(context.Context, string, *kube.Client) permission,
) *notices {
	ctx, stop := context.WithCancel(ctx)
	return &notices{
		log: log, may: may, now: time.Now, ctx: ctx, stop: stop,
		of: map[string]*clusterNotices{}, refused: map[string]string{}, written: map[string]int{},
	}
}

// end stops all work and waits for it.
func (s *notices) end() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.stop()
	s.work.Wait()
}

// say has a node say something, soon. It never blocks.
func (s *notices) say(cluster string, client *kube.Client, node string, what kube.Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	c := s.of[cluster]
	if c == nil {
		c = &clusterNotices{wanted: map[string]kube.Notice{}, writing: map[string]bool{}, changed: make(chan struct{})}
		s.of[cluster] = c
	}
	c.client = client
	if _, queued := c.wanted[node]; !queued {
		c.queue = append(c.queue, node)
	}
	c.wanted[node] = what
	if c.workers < maxWriters {
		c.workers++
		s.work.Go(func() { s.writeAll(cluster, c) })
	}
}

// next takes a node from the queue that nobody is writing; ok is false when there is
// none, and the caller ends.
func (s *notices) next(c *clusterNotices) (client *kube.Client, node string, what kube.Notice, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(c.queue, func(name string) bool { return !c.writing[name] })
	if i < 0 || s.ctx.Err() != nil {
		c.workers--
		return nil, "", kube.Notice{}, false
	}
	node = c.queue[i]
	c.queue = slices.Delete(c.queue, i, i+1)
	what = c.wanted[node]
	delete(c.wanted, node)
	c.writing[node] = true
	return c.client, node, what, true
}

// ask returns what may be written in a cluster. Of several workers that begin together,
// one asks.
func (s *notices) ask(cluster string, c *clusterNotices) permission {
	c.asking.Lock()
	defer c.asking.Unlock()
	s.mu.Lock()
	client := c.client
	s.mu.Unlock()
	return s.may(s.ctx, cluster, client)
}

// writeAll writes nodes until nothing is left to say.
func (s *notices) writeAll(cluster string, c *clusterNotices) {
	allowed := s.ask(cluster, c)
	for {
		client, node, what, ok := s.next(c)
		if !ok {
			return
		}
		if allowed == mayTell || allowed == mayClear && what.Stage == kube.StageNone {
			s.write(cluster, c, client, node, what)
		}
		s.mu.Lock()
		delete(c.writing, node)
		close(c.changed)
		c.changed = make(chan struct{})
		s.mu.Unlock()
	}
}

// write writes one node, unless something else is to be said of it meanwhile.
func (s *notices) write(cluster string, c *clusterNotices, client *kube.Client, node string, what kube.Notice) {
	wait := kube.NewBackoff(firstWait, longWait)
	for tries := 1; ; tries++ {
		err := s.try(client, node, what)
		fault := kube.FaultOf(err)
		switch {
		case err == nil:
			return
		case services.CodeOf(err) == services.CodeForbidden:
			s.refuse(cluster, what.Batch, err)
			return
		case !fault.Retry || tries == noticeTries:
			s.log.Debug("The conditions of a node are not set", "cluster", cluster, "node", node, "error", err)
			return
		case services.CodeOf(err) == services.CodeConflict: // the node has changed meanwhile
			continue
		case kube.Sleep(s.ctx, max(fault.After, wait.Step())) != nil || s.outdated(c, node):
			return
		}
	}
}

// outdated reports whether something else is to be said of a node by now.
func (s *notices) outdated(c *clusterNotices, node string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, newer := c.wanted[node]
	return newer
}

// try writes a node once.
func (s *notices) try(client *kube.Client, node string, what kube.Notice) (err error) {
	if err := client.Limiter().Acquire(s.ctx); err != nil {
		return err
	}
	began := time.Now()
	defer func() { client.Limiter().Release(time.Since(began), kube.FaultOf(err)) }()
	written, err := client.Tell(s.ctx, node, what, s.now())
	if written && err == nil {
		s.count(what.Batch)
	}
	return err
}

func (s *notices) count(batch string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written[batch]++
}

// forget returns how many times nodes were written for a batch that has ended, and the
// call that was refused; see refusal.
func (s *notices) forget(batch string) (written int, refused string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	written, refused = s.written[batch], s.refused[batch]
	delete(s.written, batch)
	delete(s.refused, batch)
	return written, refused
}

// later runs fn in the background, unless all work ends.
func (s *notices) later(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.work.Go(fn)
	}
}

// refuse notes, and logs once per batch, that the cluster does not let the program set
// conditions.
func (s *notices) refuse(cluster, batch string, err error) {
	s.mu.Lock()
	_, known := s.refused[batch]
	s.refused[batch] = patchStatus().String()
	s.mu.Unlock()
	if !known {
		s.log.Warn("The cluster refuses the conditions of nodes", "cluster", cluster, "batch", batch, "error", err)
	}
}

// refusal returns the call with which a batch wanted to have its nodes say what it does,
// and which was refused; "" if none was.
func (s *notices) refusal(batch string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused[batch]
}

// settle waits until nothing is left to be said of the nodes, or until nothing was
// written for a time, but not longer than convergeLimit. It returns how many nodes are
// left.
func (s *notices) settle(cluster string, nodes map[string]bool, idle time.Duration) int {
	timer := time.NewTimer(idle)
	defer timer.Stop()
	limit := time.NewTimer(convergeLimit)
	defer limit.Stop()
	for {
		left, changed := s.left(cluster, nodes)
		if left == 0 {
			return 0
		}
		select {
		case <-changed:
			timer.Reset(idle)
		case <-timer.C:
			return left
		case <-limit.C:
			return left
		case <-s.ctx.Done():
			return left
		}
	}
}

// left returns how many of the nodes are not written yet, and a channel that is closed
// when one more is.
func (s *notices) left(cluster string, nodes map[string]bool) (count int, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.of[cluster]
	if c == nil {
		return 0, nil
	}
	for name := range nodes {
		if _, queued := c.wanted[name]; queued || c.writing[name] {
			count++
		}
	}
	return count, c.changed
}
