package batch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
)

// Rollout says in which portions a batch works through its nodes, and when it
// stops. The zero Rollout is all at once, whatever fails.
type Rollout struct {
	Canary           int    `json:"canary,omitempty"`           // so many nodes first
	CanaryWait       int    `json:"canaryWait,omitempty"`       // seconds; then on, if none of them has failed. 0 waits for a person
	Order            string `json:"order,omitempty"`            // OrderZone or OrderPool: one of them at a time; "" as listed
	WavePause        int    `json:"wavePause,omitempty"`        // seconds between two of them
	Parallel         int    `json:"parallel,omitempty"`         // nodes at once; 0 lets the cluster decide
	MaxFailures      int    `json:"maxFailures,omitempty"`      // stop after so many failed nodes; 0 never does
	MaxFailedPercent int    `json:"maxFailedPercent,omitempty"` // or after so many of a hundred
}

// The orders in which a batch takes its nodes.
const (
	OrderListed = "listed"
	OrderZone   = "zone"
	OrderPool   = "pool"
)

const (
	maxGate     = 24 * time.Hour
	maxParallel = 64
)

// errFailures is why a run takes no more items after too many have failed.
var errFailures = errors.New("too many nodes have failed")

// ParseRollout reads canary, canary_wait, order, wave_pause, parallel and
// max_failures. A drain has an order, a number of nodes at once and a number of
// failures of its own.
//
// Errors: CodeInvalid names every wrong field.
func ParseRollout(form url.Values, drain bool) (Rollout, error) {
	p := rolloutParser{form: form}
	r := Rollout{
		Canary:     p.number("canary", MaxNodes),
		CanaryWait: p.seconds("canary_wait"),
	}
	if text, ok := strings.CutSuffix(strings.TrimSpace(form.Get("max_failures")), "%"); ok {
		r.MaxFailedPercent = p.parse("max_failures", text, 100)
	} else if !drain {
		r.MaxFailures = p.number("max_failures", MaxNodes)
	}
	if drain {
		if form.Get("wave_pause") != "" {
			p.refuse("wave_pause", "error_drain_pause")
		}
		return r, p.err()
	}
	r.WavePause, r.Parallel = p.seconds("wave_pause"), p.number("parallel", maxParallel)
	switch order := form.Get("order"); order {
	case "", OrderListed:
	case OrderZone, OrderPool:
		r.Order = order
	default:
		p.refuse("order", "error_choice", "Value", clip(order), "Choices", strings.Join([]string{OrderListed, OrderZone, OrderPool}, ", "))
	}
	return r, p.err()
}

type rolloutParser struct {
	form  url.Values
	wrong []services.FieldError
}

func (p *rolloutParser) err() error {
	if len(p.wrong) > 0 {
		return services.InvalidFields(p.wrong...)
	}
	return nil
}

func (p *rolloutParser) refuse(field, text string, args ...any) {
	p.wrong = append(p.wrong, services.FieldError{Field: field, Text: text, Args: services.Args(args...)})
}

func (p *rolloutParser) number(field string, most int) int {
	return p.parse(field, strings.TrimSpace(p.form.Get(field)), most)
}

func (p *rolloutParser) parse(field, text string, most int) int {
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		p.refuse(field, "error_range", "Value", clip(text), "Min", 0, "Max", most)
	}
	return n
}

// seconds reads a time such as 90s or 15m; a bare number is in seconds.
func (p *rolloutParser) seconds(field string) int {
	text := strings.TrimSpace(p.form.Get(field))
	if text == "" {
		return 0
	}
	if _, err := strconv.Atoi(text); err == nil {
		text += "s"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxGate {
		p.refuse(field, "error_duration", "Value", clip(text))
	}
	return int(d / time.Second)
}

func encodeRollout(r Rollout) (json.RawMessage, error) {
	if r == (Rollout{}) {
		return nil, nil
	}
	return json.Marshal(r)
}

func decodeRollout(raw json.RawMessage) (Rollout, error) {
	var r Rollout
	if len(raw) == 0 {
		return r, nil
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, fmt.Errorf("decode the rollout: %w", err)
	}
	return r, nil
}

// Gate is what a batch waits for between two portions of its nodes.
type Gate struct {
	Canary bool       `json:"canary"`          // the first nodes have ended; else it is a pause between two waves
	Failed int        `json:"failed"`          // nodes so far
	Until  *time.Time `json:"until,omitempty"` // when it goes on by itself; nil waits for a person
}

// wave is a portion of a batch's items.
type wave struct {
	items  []Item
	canary bool
}

// waves parts the open items. Nodes of a canary that an earlier process has
// ended count.
func (r *run) waves(items []Item) []wave {
	groups := [][]Item{items}
	if r.rollout.Order != "" {
		groups = r.groups(items)
	}
	left := r.rollout.Canary - (r.batch.Total - len(items))
	if left < 0 || left >= len(items) || r.rollout.Canary == 0 || left == 0 && r.approved {
		return wavesOf(groups)
	}
	first := wave{canary: true} // empty when an earlier process has ended them all, and nobody has said to go on
	for i := range groups {
		n := min(left-len(first.items), len(groups[i]))
		first.items = append(first.items, groups[i][:n]...)
		groups[i] = groups[i][n:]
	}
	return append([]wave{first}, wavesOf(groups)...)
}

func wavesOf(groups [][]Item) []wave {
	var waves []wave
	for _, g := range groups {
		if len(g) > 0 {
			waves = append(waves, wave{items: g})
		}
	}
	return waves
}

// groups parts items by their nodes' zone or pool, in the order of the names;
// those of unknown nodes come first.
func (r *run) groups(items []Item) [][]Item {
	inventory := r.look()
	key := func(it Item) string { return placeOf(inventory.Find(it.Node), r.rollout.Order) }
	sorted := slices.Clone(items)
	slices.SortStableFunc(sorted, func(a, b Item) int { return cmp.Compare(key(a), key(b)) })
	var groups [][]Item
	for i, it := range sorted {
		if i == 0 || key(it) != key(sorted[i-1]) {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], it)
	}
	return groups
}

func placeOf(n *node.Node, order string) string {
	switch {
	case n == nil:
		return ""
	case order == OrderPool:
		return n.Pool
	default:
		return n.Zone
	}
}

// pass waits between a wave and the next, as the rollout says. It returns an
// error when no more items are to be taken.
func (r *run) pass(before wave) error {
	if err := r.settle(before.items); err != nil {
		return err
	}
	failed := r.failures()
	wait := time.Duration(r.rollout.WavePause) * time.Second
	if before.canary {
		wait = time.Duration(r.rollout.CanaryWait) * time.Second
	}
	switch {
	case before.canary && (wait == 0 || failed > 0):
		return r.askToGoOn(failed)
	case wait > 0:
		return r.rest(Gate{Canary: before.canary, Failed: failed}, wait)
	default:
		return nil
	}
}

// settle waits until the items of a wave are stored and counted.
func (r *run) settle(items []Item) error {
	for {
		r.mu.Lock()
		open := slices.ContainsFunc(items, func(it Item) bool { return !r.settled[it.Seq] })
		r.mu.Unlock()
		if !open {
			return nil
		}
		select {
		case <-r.counted:
		case <-r.take.Done():
			return context.Cause(r.take)
		}
	}
}

func (r *run) failures() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts.Failed
}

// askToGoOn pauses the batch, also for the case that the program ends now, until
// a person resumes it.
func (r *run) askToGoOn(failed int) error {
	r.persist("pause after the first nodes", func(ctx context.Context) error { return r.engine.store.SetPaused(ctx, r.batch.ID, true) })
	r.pauseOrGo(true)
	r.setGate(&Gate{Canary: true, Failed: failed})
	r.log.Info("Batch waits for a person after the first nodes", "failed", failed)
	defer r.setGate(nil)
	return r.waitWhilePaused()
}

// rest waits for a time, or until a person says that it may go on.
func (r *run) rest(g Gate, wait time.Duration) error {
	until := r.engine.now().Add(wait)
	g.Until = &until
	r.setGate(&g)
	defer r.setGate(nil)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-r.goOn:
		return nil
	case <-r.take.Done():
		return context.Cause(r.take)
	}
}

func (r *run) setGate(g *Gate) {
	r.mu.Lock()
	r.gate = g
	r.mu.Unlock()
	r.engine.watcher.BatchChanged(r.batch.Cluster, r.batch.ID)
}

// skipGate ends a timed wait between two waves, and reports whether there was
// one.
func (r *run) skipGate() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gate == nil || r.gate.Until == nil {
		return false
	}
	ring(r.goOn)
	return true
}

// lose counts a failed node before it is stored, so that no other is begun
// meanwhile that is not to be.
func (r *run) lose() {
	r.mu.Lock()
	r.lost++
	tooMany := r.tooMany()
	r.mu.Unlock()
	if tooMany {
		r.stop(errFailures)
	}
}

// tooMany reports whether so many nodes have failed that no more are to be
// tried. r.mu is held.
func (r *run) tooMany() bool {
	failed, o := max(r.counts.Failed, r.lost), r.rollout
	return o.MaxFailures > 0 && failed >= o.MaxFailures ||
		o.MaxFailedPercent > 0 && failed*100 >= o.MaxFailedPercent*r.batch.Total
}
