package drain

import (
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

// silence is how long a drain may hear nothing from the API server, neither an answer nor a
// change, before it asks whether that is still there. While all pods wait, there is nothing
// else that would show it.
const silence = 10 * time.Second

// halted reports whether nothing new is begun, and no node loses time: while the batch is
// paused, or the API server may be away.
func (d *conductor) halted() bool { return d.doubted || d.host.Paused() }

// again reports whether a call that has failed is made again: the error may pass, and there
// are tries left. While the API server may be away, none of them counts.
func (d *conductor) again(err error, left bool) bool {
	return kube.FaultOf(err).Retry && (left || d.doubted)
}

// heard notes that the API server has answered a call, or has not.
func (d *conductor) heard(err error) {
	if kube.FaultOf(err).Away {
		d.doubt(err)
		return
	}
	d.answered = d.now
}

// listen doubts an API server that has been silent for too long.
func (d *conductor) listen() {
	if d.answered.IsZero() {
		d.answered = d.now
	}
	if d.now.Sub(d.answered) >= silence {
		d.doubt(services.NewError(services.CodeTimeout, "error_cluster_timeout"))
	}
}

// doubt asks whether the API server is there, after an error that may mean that it is not. If
// it comes back, everything is tried anew; if it was waited for in vain, all nodes fail.
func (d *conductor) doubt(failed error) {
	if d.doubted || d.take.Err() != nil {
		return
	}
	d.doubted = true
	d.flying++
	go func() {
		back, err := d.host.AwaitServer(failed)
		d.results <- func() {
			d.doubted, d.answered = false, d.now
			switch {
			case d.take.Err() != nil:
			case err != nil:
				d.failAll(err)
			case back:
				d.tryAnew()
			}
		}
	}()
}

// tryAnew forgets what has failed while the API server was away.
func (d *conductor) tryAnew() {
	for _, n := range d.nodes {
		n.tries, n.retry, n.verifyAfter = 0, d.now, d.now
		for _, p := range n.pods {
			if p.phase == podTodo {
				p.tries, p.next, p.failed = 0, d.now, nil
			}
		}
	}
	for _, r := range d.restarts {
		r.tries, r.next = 0, d.now
	}
}

// failAll fails the nodes, but for those whose cordon is under way: that fails by itself.
func (d *conductor) failAll(err error) {
	for _, n := range d.nodes {
		if n.phase != phaseCordoning && n.phase < phaseRestoring {
			d.fail(n, err)
		}
	}
}
