package nodes

import (
	"context"
	"net/url"
	"slices"
	"time"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/views/ui"
)

// FleetView is the overview of a cluster.
type FleetView struct {
	Cluster        string
	Fleet          node.Fleet
	Server         string // version of the API server, "" if it is not known
	Batches        []batch.View
	Loading        bool        // what the pods request comes later
	Problem        *ui.Problem // shown instead, when the nodes cannot be read
	MayChange      bool
	IdempotencyKey string
	Now            time.Time
}

// How much of each part is shown.
const (
	sharesShown = 12 // values of a property
	fleetNodes  = 8  // nodes that are not ready, or cordoned
	fleetDrift  = 10 // then more in a fold
	mostDrift   = 200
	oddShown    = 4 // nodes of one drift
)

// FleetURL returns the overview of a cluster.
func FleetURL(cluster string) string { return ui.OverviewURL(cluster, "overview") }

func (v FleetView) usageURL() string {
	return ui.WithQuery(FleetURL(v.Cluster), url.Values{"usage": {"1"}})
}

// share is the nodes with one value, as a bar whose parts filter the table.
type share struct {
	node.Share
	URL   string
	Parts []stripPart
}

// shares returns the bars of a property; the widest is that of most nodes. filter sets the
// filter of the table for a value.
func (v FleetView) shares(all []node.Share, filter func(q *node.Query, value string)) (shown, rest []share) {
	most := 1
	for _, s := range all {
		most = max(most, s.Nodes)
	}
	out := make([]share, len(all))
	for i, s := range all {
		var q node.Query
		filter(&q, s.Value)
		out[i] = share{Share: s, URL: ui.NodesURL(v.Cluster, q), Parts: v.parts(s, q)}
		layShare(out[i].Parts, stripWidth*s.Nodes/most)
	}
	return out[:min(sharesShown, len(out))], out[min(sharesShown, len(out)):]
}

// parts returns the nodes of a share by state.
func (v FleetView) parts(s node.Share, q node.Query) []stripPart {
	in := func(status, scheduling string) string {
		q.Status, q.Scheduling = status, scheduling
		return ui.NodesURL(v.Cluster, q)
	}
	return []stripPart{
		{Kind: "ok", Count: s.Ready, URL: in(node.StatusReady, node.Schedulable)},
		{Kind: "warn", Count: s.Limited, URL: in(node.StatusReady, node.Limited)},
		{Kind: "hold", Count: s.Cordoned, URL: in(node.StatusReady, node.Cordoned)},
		{Kind: "bad", Count: s.NotReady, URL: in(node.StatusNotReady, "")},
	}
}

// layShare sets the positions and widths of parts that are width wide together.
func layShare(parts []stripPart, width int) {
	total, x := 0, 0
	for _, p := range parts {
		total += p.Count
	}
	for i, p := range parts {
		if p.Count > 0 {
			parts[i].X, parts[i].Width = x, max(stripLeast, width*p.Count/total)
			x += parts[i].Width
		}
	}
}

func byPool(q *node.Query, value string)    { q.Pool = orNoValue(value) }
func byZone(q *node.Query, value string)    { q.Zone = orNoValue(value) }
func byVersion(q *node.Query, value string) { q.Version = value }

func orNoValue(value string) string {
	if value == "" {
		return node.NoValue
	}
	return value
}

// roomText returns how much of a resource is requested.
func roomText(ctx context.Context, r node.Room) string {
	return ui.T(ctx, "fleet_requested_"+r.Name,
		"Requested", quantity(r.Unit, rounded(r, r.Requested)), "Allocatable", quantity(r.Unit, rounded(r, r.Allocatable)))
}

// rounded returns an amount of CPU in whole cores, once there are many.
func rounded(r node.Room, n int64) int64 {
	const core = 1000
	if r.Unit != "cpu" || n < 10*core {
		return n
	}
	return (n + core/2) / core * core
}

// troubledSkews returns the versions that Kubernetes does not support with this server.
func troubledSkews(skews []node.Skew) []node.Skew {
	return slices.DeleteFunc(slices.Clone(skews), func(s node.Skew) bool { return s.Supported })
}

// skewText says what is wrong with a version.
func skewText(ctx context.Context, s node.Skew) string {
	if s.Behind < 0 {
		return ui.N(ctx, "fleet_skew_newer", s.Nodes, "Version", s.Version)
	}
	return ui.N(ctx, "fleet_skew_behind", s.Nodes, "Version", s.Version, "Behind", s.Behind)
}

// driftText returns what a value is in the pool: "team=web", "dedicated=ml:NoSchedule".
func driftText(d node.Drift, value string) string {
	if d.Effect != "" {
		return node.Taint{Key: d.Key, Value: value, Effect: d.Effect}.String()
	}
	return d.Key + "=" + value
}

// driftName returns the label or taint that differs, with the value of the pool.
func driftName(d node.Drift) string {
	switch {
	case d.Want != nil:
		return driftText(d, *d.Want)
	case d.Effect != "":
		return d.Key + ":" + d.Effect
	default:
		return d.Key
	}
}

// oddText returns what a node has that differs.
func oddText(ctx context.Context, d node.Drift, o node.Odd) string {
	if o.Value == nil {
		return ui.T(ctx, "fleet_drift_missing")
	}
	return driftText(d, *o.Value)
}

// repairOf returns the operation that makes the odd nodes like the others, and its entry as
// kubectl writes it. The field of the entries is named like the operation.
func repairOf(d node.Drift) (name, entry string) {
	name = operation.Label
	if d.Effect != "" {
		name = operation.Taint
	}
	if d.Want == nil {
		return name, driftName(d) + "-"
	}
	return name, driftName(d)
}

// splitDrift returns the drift that is shown at once, and the part that is folded.
func splitDrift(all []node.Drift) (shown, folded []node.Drift) {
	all = all[:min(mostDrift, len(all))]
	return all[:min(fleetDrift, len(all))], all[min(fleetDrift, len(all)):]
}

// shareAside counts the nodes of a share that take no pods.
func shareAside(ctx context.Context, s node.Share) string {
	var lost, held string
	if s.NotReady > 0 {
		lost = ui.N(ctx, "fleet_n_lost", s.NotReady)
	}
	if s.Cordoned > 0 {
		held = ui.N(ctx, "fleet_n_cordoned", s.Cordoned)
	}
	return ui.Parts(lost, held)
}
