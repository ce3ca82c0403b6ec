package batch

import (
	"context"
	"sync"
	"time"

	"kube-node-manager/services/kube"
)

const (
	// cancelGrace is how long a call under way may go on after a cancel.
	cancelGrace = 500 * time.Millisecond
	// stopGrace is the same when the rest is left to be resumed.
	stopGrace = 5 * time.Second
)

// pace decides when a run may begin another node: pauses, gates, the waves and
// limits of its rollout, the load of the cluster, and its end.
type pace struct {
	// take ends when no more items are to be begun; its cause says why. calls
	// ends a grace period later, and with it the calls under way.
	take     context.Context
	stopTake context.CancelCauseFunc
	calls    context.Context
	stopCall context.CancelFunc

	limiter *kube.Limiter
	rollout Rollout
	slots   chan struct{} // has room for as many nodes as may be in progress; nil for no limit
	changed func()        // tells whoever follows the batch

	nudge   chan struct{} // receives after paused or later has changed
	proceed chan struct{} // receives when a person ends a timed gate
	resumed chan struct{} // receives after paused has changed, for a gate that asks
	turn    chan struct{} // receives when another batch has left a node

	mu     sync.Mutex
	paused bool    // by a person, or for one
	closed *Closed // its window has closed; nil while it may work
	gate   *Gate
	later  map[int]bool // items of waves that are not open yet, by number
}

func newPace(base context.Context, limiter *kube.Limiter, rollout Rollout, paused bool, changed func()) *pace {
	p := &pace{
		limiter: limiter, rollout: rollout, changed: changed, paused: paused,
		nudge: make(chan struct{}, 1), proceed: make(chan struct{}, 1), turn: make(chan struct{}, 1),
		resumed: make(chan struct{}, 1),
		later:   map[int]bool{},
	}
	if rollout.Parallel > 0 {
		p.slots = make(chan struct{}, rollout.Parallel)
	}
	p.take, p.stopTake = context.WithCancelCause(base)
	p.calls, p.stopCall = context.WithCancel(base)
	return p
}

// signal sends without blocking on a channel with room for one: a receiver that
// comes later finds the signal.
func signal(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// stop makes the run take no more items. The first cause counts.
func (p *pace) stop(cause error) {
	p.stopTake(cause)
	grace := cancelGrace
	if leavesRest(cause) {
		grace = stopGrace
	}
	time.AfterFunc(grace, p.stopCall)
}

// stopped returns why no more items are to be begun, nil as long as they are.
func (p *pace) stopped() error { return context.Cause(p.take) }

// enter waits until one more item may be begun: the batch is not paused, and
// neither the rollout nor the cluster's load forbids it.
func (p *pace) enter() error {
	if err := p.waitWhilePaused(); err != nil {
		return err
	}
	if p.slots != nil {
		select {
		case p.slots <- struct{}{}:
		case <-p.take.Done():
			return p.stopped()
		}
	}
	if err := p.stopped(); err != nil { // a place that is free and the end may come together
		return err
	}
	return p.limiter.Acquire(p.take)
}

// leave returns the place of an item; it has returned the cluster's itself.
func (p *pace) leave() {
	if p.slots != nil {
		<-p.slots
	}
}

func (p *pace) isPaused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.paused
}

// setPaused pauses the run or lets it continue, and wakes whoever waits for that.
func (p *pace) setPaused(paused bool) {
	p.mu.Lock()
	p.paused = paused
	p.mu.Unlock()
	signal(p.nudge)
	signal(p.resumed)
}

// setClosed makes the run rest until its window opens, or lets it go on. It reports whether
// that is new.
func (p *pace) setClosed(closed *Closed) bool {
	p.mu.Lock()
	changes := (p.closed == nil) != (closed == nil)
	p.closed = closed
	p.mu.Unlock()
	if changes {
		signal(p.nudge)
	}
	return changes
}

// rests reports whether the run begins nothing: it is paused, or its window has closed.
func (p *pace) rests() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.paused || p.closed != nil
}

// untilOpen returns what the run knows of its closed window, nil while that is open.
func (p *pace) untilOpen() *Closed {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// waitWhilePaused returns when the run does not rest, or with an error when it
// is to take no more items.
func (p *pace) waitWhilePaused() error {
	for p.rests() {
		select {
		case <-p.nudge:
		case <-p.take.Done():
			return p.stopped()
		}
	}
	return nil
}

// ask pauses the run until a person resumes it.
func (p *pace) ask(g Gate) error {
	p.setPaused(true)
	p.showGate(g)
	defer p.hideGate()
	for p.isPaused() { // a drain that is at work receives the nudges
		select {
		case <-p.resumed:
		case <-p.take.Done():
			return p.stopped()
		}
	}
	return nil
}

// linger shows a gate, and waits for a time. It reports whether a person says that the
// batch may continue.
func (p *pace) linger(g Gate, wait time.Duration) (skipped bool, err error) {
	p.showGate(g)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return false, nil
	case <-p.proceed:
		return true, nil
	case <-p.take.Done():
		return false, p.stopped()
	}
}

// forgetSkip forgets that a person has ended an earlier gate, which ended by itself at the
// same moment.
func (p *pace) forgetSkip() {
	select {
	case <-p.proceed:
	default:
	}
}

// rest waits for a time, or until a person says that it may continue.
func (p *pace) rest(g Gate, wait time.Duration) error {
	p.showGate(g)
	defer p.hideGate()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-p.proceed:
		return nil
	case <-p.take.Done():
		return p.stopped()
	}
}

// showGate shows what the run waits for. The gate is not changed after that: whoever looks
// at the batch reads it.
func (p *pace) showGate(g Gate) { p.setGate(&g) }

func (p *pace) hideGate() { p.setGate(nil) }

func (p *pace) setGate(g *Gate) {
	p.mu.Lock()
	p.gate = g
	p.mu.Unlock()
	p.changed()
}

// present returns whether the run is paused, and the gate that it waits at.
func (p *pace) present() (paused bool, gate *Gate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.paused, p.gate
}

// skipGate ends a wait between two waves that needs no person. It returns the gate, nil if
// there was none.
func (p *pace) skipGate() *Gate {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused || p.gate == nil || p.gate.Until == nil && p.gate.Health == nil {
		return nil
	}
	signal(p.proceed)
	return p.gate
}

// postpone keeps the items of waves from being begun until open is called for
// them.
func (p *pace) postpone(waves []wave) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range waves {
		for _, it := range w.items {
			p.later[it.Seq] = true
		}
	}
}

// open lets the items of a wave begin.
func (p *pace) open(w wave) {
	p.mu.Lock()
	for _, it := range w.items {
		delete(p.later, it.Seq)
	}
	p.mu.Unlock()
	signal(p.nudge)
}

// admits reports whether an item that is worked on together with others may begin,
// while so many of them are in progress.
func (p *pace) admits(seq, active int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.later[seq] && (p.rollout.Parallel == 0 || active < p.rollout.Parallel)
}

// awaitTurn returns when it may be the batch's turn on another node, or with an
// error when it is to take no more items.
func (p *pace) awaitTurn() error {
	p.changed()
	select {
	case <-p.turn:
		return nil
	case <-p.take.Done():
		return p.stopped()
	}
}
