package batch

import (
	"context"
	"sync"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

const (
	// outageFor is how long a batch waits for an API server that does not answer: longer than
	// the upgrade or the restart of a single one takes.
	outageFor = 10 * time.Minute
	// The waits between two questions whether it is back.
	firstAsk = time.Second
	longAsk  = 5 * time.Second
)

// Outage is what a View says of an API server that does not answer.
type Outage struct {
	Since time.Time       `json:"since"`
	Until time.Time       `json:"until"` // then the nodes fail that are under way
	Why   *services.Error `json:"-"`
}

// server is what a run knows about whether the API server of its cluster answers.
type server struct {
	mu       sync.Mutex
	outage   *outage // that lasts; nil for none
	shown    bool    // the outage is certain
	hopeless bool    // the API server was waited for in vain, and has not answered since
}

// outage is a time in which the API server does not answer. All nodes that are under way
// wait for its end together.
type outage struct {
	Outage
	over chan struct{}
	back bool // the API server answers again; is set before over is closed
}

// awaitServer waits while the API server does not answer anybody. It reports whether it has
// waited and the API server is back, so that calls that have failed make sense again.
// failed is the error of such a call.
func (r *run) awaitServer(failed error) bool {
	now := r.engine.now()
	until := now.Add(r.engine.options.OutageFor)
	if r.engine.options.OutageFor == 0 {
		until = now.Add(outageFor)
	}
	o, first := r.server.join(Outage{Since: now, Until: until, Why: services.AsError(failed)})
	if first {
		r.server.end(r.watch(o))
		r.changed()
	}
	select {
	case <-o.over:
		return o.back
	case <-r.pace.take.Done():
		return false
	}
}

// watch asks the API server until it answers. It reports false if it answers at once, or does
// not for too long.
func (r *run) watch(o *outage) (back bool) {
	wait := kube.NewBackoff(firstAsk, longAsk)
	for !r.client.Answers(r.pace.take) {
		if r.pace.stopped() != nil {
			return false
		}
		if !r.engine.now().Before(o.Until) {
			r.log.Warn("The API server has not answered for too long", "since", o.Since)
			r.server.giveUp()
			return false
		}
		if r.server.certain() {
			r.log.Warn("The API server does not answer; the batch waits for it", "until", o.Until, "error", o.Why)
			r.changed()
		}
		if kube.Sleep(r.pace.take, wait.Step()) != nil {
			return false
		}
	}
	return r.server.answers()
}

// join returns the outage that lasts, or the new one, which the caller then has to watch. After
// one that lasted too long, there is no second wait.
func (s *server) join(o Outage) (lasting *outage, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.outage != nil {
		return s.outage, false
	}
	if s.hopeless {
		o.Until = o.Since
	}
	s.outage, s.shown = &outage{Outage: o, over: make(chan struct{})}, false
	return s.outage, true
}

// certain notes that there is an outage. It reports false if that was known.
func (s *server) certain() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.shown
	s.shown = true
	return !known
}

// giveUp notes that the API server was waited for in vain.
func (s *server) giveUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hopeless = true
}

// isHopeless reports whether the API server was waited for in vain.
func (s *server) isHopeless() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hopeless
}

// answers notes that the API server answers. It reports whether it did not before.
func (s *server) answers() (back bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hopeless = false
	return s.shown
}

// end ends the outage.
func (s *server) end(back bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outage.back = back
	close(s.outage.over)
	s.outage, s.shown = nil, false
}

// present returns the outage that lasts, nil for none.
func (s *server) present() *outage {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.shown {
		return nil
	}
	return s.outage
}

// seen returns what a View says.
func (s *server) seen() *Outage {
	o := s.present()
	if o == nil {
		return nil
	}
	return &o.Outage
}

// wait returns when there is no outage, or ctx ends.
func (s *server) wait(ctx context.Context) {
	o := s.present()
	if o == nil {
		return
	}
	select {
	case <-o.over:
	case <-ctx.Done():
	}
}
