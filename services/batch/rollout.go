package batch

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
)

// Rollout says in which waves a batch goes through its nodes, and when it stops.
// The zero Rollout is all nodes in one wave, whatever fails.
type Rollout struct {
	Canary           int    `json:"canary,omitempty"`           // a first wave of so many nodes
	CanaryWait       int    `json:"canaryWait,omitempty"`       // seconds after it; 0 waits for a person
	Order            string `json:"order,omitempty"`            // OrderZone or OrderPool: a wave each; "" as listed
	WaveSize         int    `json:"waveSize,omitempty"`         // waves of at most so many nodes; 0 for no limit
	WavePause        int    `json:"wavePause,omitempty"`        // seconds between two waves
	Parallel         int    `json:"parallel,omitempty"`         // nodes at once; 0 lets the cluster decide
	MaxFailures      int    `json:"maxFailures,omitempty"`      // stop after so many failed nodes; 0 never does
	MaxFailedPercent int    `json:"maxFailedPercent,omitempty"` // or after so many percent of all
	// Exceed says that an administrator has agreed to pass the limits of the cluster.
	Exceed bool `json:"exceed,omitempty"`
}

// The orders in which a batch takes its nodes.
const (
	OrderListed = "listed"
	OrderZone   = "zone"
	OrderPool   = "pool"
)

const (
	maxGate     = 24 * time.Hour
	maxParallel = 100
)

// RolloutFields returns the names of the fields of a rollout.
func RolloutFields() []string {
	return []string{"canary", "canary_wait", "order", "wave_size", "wave_pause", "parallel", "max_failures"}
}

// readRollout reads the rollout of a request. In a retry, missing fields are as in the
// first batch, except for the canary. A form that shows every field sends options=1:
// then missing fields have their defaults.
func readRollout(f form.Fields, define operation.Definition, first Batch) (Rollout, error) {
	otherwise := Rollout{}
	if first.Operation == define.Name && f.Text("options") != "1" {
		var err error
		otherwise, err = decodeRollout(first.Rollout)
		if err != nil {
			return Rollout{}, err
		}
		otherwise.Canary, otherwise.CanaryWait = 0, 0
	}
	otherwise.Parallel = cmp.Or(otherwise.Parallel, define.Parallel)
	r := form.Read(f)
	out := rolloutFrom(r, otherwise)
	if define.Parallel > 0 && out.Parallel == 0 {
		r.Refuse("parallel", "error_range", "Value", "0", "Min", 1, "Max", maxParallel)
	}
	return out, r.Err()
}

// rolloutFrom reads a rollout; missing fields are as otherwise has them.
func rolloutFrom(r *form.Reader, otherwise Rollout) Rollout {
	seconds := int(maxGate / time.Second)
	out := Rollout{
		Canary:     r.Number("canary", otherwise.Canary, 0, MaxNodes),
		CanaryWait: r.Seconds("canary_wait", otherwise.CanaryWait, 0, seconds),
		Order:      readOrder(r, otherwise.Order),
		WaveSize:   r.Number("wave_size", otherwise.WaveSize, 0, MaxNodes),
		WavePause:  r.Seconds("wave_pause", otherwise.WavePause, 0, seconds),
		Parallel:   r.Number("parallel", otherwise.Parallel, 0, maxParallel),
	}
	percent, share := strings.CutSuffix(strings.TrimSpace(r.Text("max_failures")), "%")
	switch {
	case share:
		out.MaxFailedPercent = readPercent(r, percent)
	case r.Text("max_failures") != "":
		out.MaxFailures = r.Number("max_failures", 0, 0, MaxNodes)
	default:
		out.MaxFailures, out.MaxFailedPercent = otherwise.MaxFailures, otherwise.MaxFailedPercent
	}
	return out
}

func readPercent(r *form.Reader, text string) int {
	const most = 100
	percent, err := strconv.Atoi(text)
	if err != nil || percent < 0 || percent > most {
		r.Refuse("max_failures", "error_range", "Value", services.Clip(text), "Min", 0, "Max", most)
		return 0
	}
	return percent
}

// readOrder reads the order; by_zone is an older name of one.
func readOrder(r *form.Reader, otherwise string) string {
	byZone := r.Flag("by_zone", false)
	named := r.Text("order") != ""
	order := r.Choice("order", OrderListed, OrderZone, OrderPool)
	switch {
	case order != OrderListed:
		return order
	case byZone:
		return OrderZone
	case named:
		return ""
	default:
		return otherwise
	}
}

func (o Rollout) encode() (json.RawMessage, error) {
	if o == (Rollout{}) {
		return nil, nil
	}
	return json.Marshal(o)
}

// RolloutOf returns the rollout of a stored batch; the zero Rollout for one that cannot
// be read.
func RolloutOf(b Batch) Rollout {
	o, _ := decodeRollout(b.Rollout) // the engine wrote it
	return o
}

func decodeRollout(raw json.RawMessage) (Rollout, error) {
	var o Rollout
	if len(raw) == 0 {
		return o, nil
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return o, fmt.Errorf("decode the rollout: %w", err)
	}
	return o, nil
}

// exceeded reports whether so many of all nodes have failed that no more are to be
// tried.
func (o Rollout) exceeded(failed, total int) bool {
	return o.MaxFailures > 0 && failed >= o.MaxFailures ||
		o.MaxFailedPercent > 0 && failed*100 >= o.MaxFailedPercent*total
}

// wave is the nodes between two gates.
type wave struct {
	items  []Item
	canary bool
}

// waves splits the open items of a batch; find returns a node, or nil for one that
// is not known. Nodes that an earlier process has ended count as the first ones of
// the canary.
func (o Rollout) waves(items []Item, total int, find func(name string) *node.Node) []wave {
	groups := o.groups(items, find)
	left := o.Canary - (total - len(items))
	if o.Canary == 0 || left < 0 || left >= len(items) {
		return o.wavesOf(groups)
	}
	first := wave{canary: true} // empty when an earlier process has ended it, and nobody has said to continue
	for i := range groups {
		n := min(left-len(first.items), len(groups[i]))
		first.items = append(first.items, groups[i][:n]...)
		groups[i] = groups[i][n:]
	}
	return append([]wave{first}, o.wavesOf(groups)...)
}

// wavesOf returns a wave of each group, or several of a group that is too large
// for one.
func (o Rollout) wavesOf(groups [][]Item) []wave {
	var waves []wave
	for _, group := range groups {
		if len(group) == 0 {
			continue
		}
		for part := range slices.Chunk(group, cmp.Or(o.WaveSize, len(group))) {
			waves = append(waves, wave{items: part})
		}
	}
	return waves
}

// groups splits items by their nodes' zone or pool, in the order of the names;
// those of unknown nodes come first.
func (o Rollout) groups(items []Item, find func(name string) *node.Node) [][]Item {
	if o.Order == "" {
		return [][]Item{items}
	}
	name := func(it Item) string { return o.groupOf(find(it.Node)) }
	sorted := slices.Clone(items)
	slices.SortStableFunc(sorted, func(a, b Item) int { return cmp.Compare(name(a), name(b)) })
	var groups [][]Item
	for i, it := range sorted {
		if i == 0 || name(it) != name(sorted[i-1]) {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], it)
	}
	return groups
}

// groupOf returns the zone or the pool of a node, "" when it is not known.
func (o Rollout) groupOf(n *node.Node) string {
	switch {
	case n == nil:
		return ""
	case o.Order == OrderPool:
		return n.Pool
	default:
		return n.Zone
	}
}
