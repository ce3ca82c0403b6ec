package drain

import (
	"context"
	"errors"
	"time"

	"kube-node-manager/services/kube"
)

// cordonAll cordons every node before the first pod moves: a pod that leaves one
// of them must not land on the next.
func (d *conductor) cordonAll() {
	if d.halted() {
		return
	}
	for _, n := range d.nodes {
		if n.phase != phaseNew || d.now.Before(n.retry) {
			continue
		}
		begun := d.callFor(n, func(ctx context.Context) error {
			if err := d.host.Take(n.Seq); err != nil {
				return err
			}
			return n.Cordon(ctx)
		}, func(err error) { d.cordonedOrNot(n, err) })
		if !begun {
			return
		}
		n.phase = phaseCordoning
	}
}

// cordonTries is how often a cordon that fails for now is tried.
const cordonTries = 6

func (d *conductor) cordonedOrNot(n *nodeState, err error) {
	held, waits := errors.AsType[*HeldError](err)
	switch {
	case err == nil:
		n.phase, n.cordonedAt = phaseQueued, time.Now()
		if n.held && d.begun {
			d.host.Cordoned()
		}
		n.held = false
	case waits:
		n.phase, n.held, n.retry = phaseNew, true, d.now.Add(held.Again)
	case d.take.Err() != nil:
		n.phase = phaseNew
	case d.again(err, n.tries+1 < cordonTries):
		n.tries++
		n.phase, n.retry = phaseNew, d.now.Add(max(kube.FaultOf(err).After, n.cordonWait.Step()))
	default:
		d.fail(n, err)
	}
}

// startNodes begins to drain queued nodes, in order.
func (d *conductor) startNodes() {
	active := 0
	for _, n := range d.nodes {
		switch n.phase {
		case phaseNew, phaseCordoning:
			if !n.held {
				return // not all are cordoned yet
			}
		case phaseDraining, phaseVerifying, phaseRestoring:
			if !n.idle() {
				active++
			}
		}
	}
	if !d.begun {
		d.begun = true
		d.host.Cordoned()
	}
	if d.halted() {
		return
	}
	for _, n := range d.nodes {
		if n.phase != phaseQueued {
			continue
		}
		begin, never := d.host.Begin(n.Seq, active)
		switch {
		case never != nil:
			d.end(n, Outcome{Aside: true, Err: never})
		case !begin:
			return
		default:
			active++
			n.phase, n.startedAt = phaseDraining, d.now
			n.deadline = d.now.Add(d.world.options.timeout())
		}
	}
}
