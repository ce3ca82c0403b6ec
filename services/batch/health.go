package batch

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
	"kube-node-manager/services/rule"
	"kube-node-manager/services/store"
)

// Metrics asks a Prometheus server at an address a query. It returns the highest value of
// the answer.
type Metrics interface {
	Highest(ctx context.Context, address, query string) (float64, error)
}

// Health is what the rules of the cluster demand before the next wave begins.
type Health struct {
	Findings     []Finding  `json:"findings"`               // what does not hold
	HealthySince *time.Time `json:"healthySince,omitempty"` // since when all of it holds
	For          int        `json:"for"`                    // seconds for which it must
	// PausesAt is when the batch stops waiting for it, and pauses.
	PausesAt time.Time `json:"pausesAt"`
	// Failed is true if it did not become so in time: the batch is paused, and waits for a
	// person.
	Failed bool `json:"failed"`
}

// The checks of a Finding.
const (
	CheckNodes      = "nodes"
	CheckPending    = "pending"
	CheckWorkloads  = "workloads"
	CheckPrometheus = "prometheus"
	CheckCluster    = "cluster" // it cannot be read
)

// Finding is why a cluster is not healthy.
type Finding struct {
	Check     string           `json:"check"`
	Count     int              `json:"count,omitempty"` // of nodes, pods or workloads
	Most      int              `json:"most,omitempty"`  // of the pods, how many may be pending
	Nodes     []string         `json:"nodes,omitempty"` // at most FindingShown
	Workloads []WorkloadHealth `json:"workloads,omitempty"`
	Value     string           `json:"value,omitempty"` // of the query
	Below     string           `json:"below,omitempty"`
	Error     *store.Text      `json:"error,omitempty"` // why it is not known
}

// WorkloadHealth is a workload that has fewer Ready pods than it must have.
type WorkloadHealth struct {
	node.Workload
	Ready  int `json:"ready"`
	Needed int `json:"needed"`
}

// FindingShown is how many nodes or workloads a Finding names.
const FindingShown = 10

const (
	// healthEvery is how often the health of a cluster is checked while a batch waits for it.
	healthEvery = 5 * time.Second
	// restFactor is how many times longer than a check the pause after it is: a large cluster
	// is checked less often, up to longestRest.
	restFactor  = 10
	longestRest = time.Minute
	checkLimit  = time.Minute
)

// observe remembers how the cluster is before the first wave, if its rules demand that it
// is so between the waves. A batch that goes on after an interruption is first where it
// was: between two waves.
func (r *run) observe(items []Item, waves []wave) error {
	if r.pace.stopped() != nil {
		return r.pace.stopped()
	}
	r.inProgress(items)
	stored, known := r.storedHealth()
	switch {
	case known && stored.Failed != nil:
		return r.waive() // a batch that waits for a person goes on when a person says so
	case known && len(items) > 0 && len(items) < r.batch.Total:
		return r.passHealth(Gate{})
	case known || len(waves) < 2:
		return nil
	default:
		return r.remember(waves)
	}
}

// remember notes the present state of the cluster as that at the begin, if there are
// rules about it.
func (r *run) remember(waves []wave) error {
	return r.await(Gate{}, false, func(ctx context.Context, _ rule.Health) []Finding {
		begin, err := r.measure(ctx, waves)
		if err != nil {
			return []Finding{unread(err)}
		}
		r.begin = &begin
		r.storeHealth(nil)
		return nil
	})
}

// passHealth waits until the cluster is as healthy as its rules demand, or a person says
// that the batch continues. It returns an error when no more items are to be taken.
func (r *run) passHealth(g Gate) error {
	if r.begin == nil { // the rules are newer than the batch
		err := r.remember(nil)
		if err != nil || r.begin == nil { // there are none, or a person did not wait
			return err
		}
	}
	return r.await(g, true, r.check)
}

// await repeats a check until it has found nothing for as long as the rules demand, if
// that is to last. After the time that the rules set, it pauses the batch.
func (r *run) await(g Gate, lasts bool, check func(context.Context, rule.Health) []Finding) error {
	defer r.pace.hideGate()
	r.pace.forgetSkip()
	began := r.engine.now()
	var since *time.Time
	for {
		rules, err := r.engine.rules.Of(r.engine.base, r.batch.Cluster)
		if err == nil && rules.Health.None() {
			return nil
		}
		o := rules.Health
		if g.Health == nil && lasts { // the first check may take a while
			g.Health = &Health{Findings: []Finding{}, For: o.For, PausesAt: began.Add(seconds(o.Timeout))}
			r.pace.showGate(g)
		}
		started := r.engine.now()
		found := r.look(err, o, check)
		now := r.engine.now()
		since = sinceWhen(since, found, now)
		h := Health{Findings: found, HealthySince: since, For: o.For, PausesAt: began.Add(seconds(o.Timeout))}
		left := seconds(o.For)
		switch {
		case since != nil && (!lasts || now.Sub(*since) >= left):
			return r.pace.stopped()
		case since == nil && !now.Before(h.PausesAt):
			return r.giveUp(g, h)
		case since != nil:
			left -= now.Sub(*since)
		}
		g.Health = &h
		skipped, err := r.pace.linger(g, r.restFor(now.Sub(started), left))
		if skipped {
			r.log.Info("Batch goes on: a person does not wait for the health of the cluster")
		}
		if skipped || err != nil {
			return err
		}
	}
}

// look makes one check, unless the rules could not be read.
func (r *run) look(err error, o rule.Health, check func(context.Context, rule.Health) []Finding) []Finding {
	if err != nil {
		return []Finding{unread(err)}
	}
	reader := services.Actor{Name: r.batch.By, Role: services.RoleViewer}
	ctx, cancel := context.WithTimeout(services.WithActor(r.pace.take, reader), checkLimit)
	defer cancel()
	return check(ctx, o)
}

// sinceWhen returns since when nothing was found, nil if something is.
func sinceWhen(since *time.Time, found []Finding, now time.Time) *time.Time {
	switch {
	case len(found) > 0:
		return nil
	case since == nil:
		return &now
	default:
		return since
	}
}

// restFor returns how long to wait after a check that took so long; left is how long the
// cluster has to stay healthy.
func (r *run) restFor(took, left time.Duration) time.Duration {
	every := r.engine.options.HealthEvery
	if every == 0 {
		every = healthEvery
	}
	rest := min(max(every, restFactor*took), max(every, longestRest))
	if left > 0 {
		rest = min(rest, left)
	}
	return rest
}

// giveUp pauses the batch, also for the case that the program ends now, until a person
// resumes it.
func (r *run) giveUp(g Gate, h Health) error {
	h.Failed, g.Health = true, &h
	r.log.Warn("Batch waits for a person: the cluster has not become healthy in time", findingsLog(h.Findings))
	r.persist("The pause for the health of the cluster", func(ctx context.Context) error {
		return r.engine.store.SetPaused(ctx, r.batch.ID, true, g.facts()...)
	})
	r.storeHealth(&h)
	if err := r.pace.ask(g); err != nil {
		return err
	}
	return r.waive()
}

// waive goes on as a person wants it, whatever the gate has found.
func (r *run) waive() error {
	r.log.Info("Batch goes on, though the cluster had not become healthy")
	r.storeHealth(nil)
	return r.pace.stopped()
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

func unread(err error) Finding { return Finding{Check: CheckCluster, Error: textOf(err)} }

// findingsLog returns what was found for the log.
func findingsLog(found []Finding) slog.Attr {
	text, err := json.Marshal(found)
	if err != nil {
		return slog.Any("found", err)
	}
	return slog.String("found", string(text))
}

// storedHealth returns what an earlier process has stored, if it has.
func (r *run) storedHealth() (store.Health, bool) {
	h, err := r.engine.store.HealthOf(r.engine.base, r.batch.ID)
	switch {
	case services.CodeOf(err) == services.CodeNotFound:
		return store.Health{}, false
	case err != nil:
		r.log.Warn("The health of the cluster at the begin cannot be read", "error", err)
		return store.Health{}, false
	}
	if err := json.Unmarshal(h.Begin, &r.begin); err != nil { // null leaves it nil
		r.log.Warn("The health of the cluster at the begin cannot be read", "error", err)
		return store.Health{}, false
	}
	return h, true
}

// storeHealth stores the health of the cluster at the begin, and what a gate has found.
func (r *run) storeHealth(failed *Health) {
	r.persist("The health of the cluster", func(ctx context.Context) error {
		begin, err := json.Marshal(r.begin)
		if err != nil {
			return err
		}
		h := store.Health{Begin: begin}
		if failed != nil {
			h.Failed, err = json.Marshal(failed)
		}
		if err != nil {
			return err
		}
		return r.engine.store.PutHealth(ctx, r.batch.ID, h)
	})
}

// failedGate returns the gate at which an interrupted batch waits for a person, nil for
// none. It is an extra: if it cannot be read, there is none.
func (e *Engine) failedGate(ctx context.Context, b Batch, failed int) *Gate {
	stored, err := e.store.HealthOf(ctx, b.ID)
	if err != nil || stored.Failed == nil {
		return nil
	}
	h := Health{}
	if json.Unmarshal(stored.Failed, &h) != nil {
		return nil
	}
	return &Gate{Failed: failed, Health: &h}
}
