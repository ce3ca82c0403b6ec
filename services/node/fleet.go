package node

import (
	"cmp"
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/version"
)

// Fleet sums up the nodes of a cluster.
type Fleet struct {
	Total     Share
	Versions  []Share // newest first
	Pools     []Share
	Zones     []Share
	Resources []Room
	Lost      []*Node // not ready, by name
	Cordons   []*Node // the longest cordoned first; those of which that is not known last
	Drift     []Drift
	AsOf      time.Time
	Stale     error // why the last refresh failed; nil if it did not
	// UsageKnown is false while nobody knows what the pods request, and UsageError is why
	// they could not be read.
	UsageKnown bool
	UsageError error
}

// Share is the nodes with one value of a property, each in the count of its worst state.
type Share struct {
	Value    string `json:"value"` // "" for the nodes without one
	Nodes    int    `json:"nodes"`
	Ready    int    `json:"ready"` // and schedulable
	Limited  int    `json:"limited"`
	Cordoned int    `json:"cordoned"`
	NotReady int    `json:"notReady"`
}

// Room is what there is of a resource on all nodes, and what is requested. Unit is as in
// Resource.
type Room struct {
	Name        string `json:"name"`
	Unit        string `json:"unit,omitempty"`
	Allocatable int64  `json:"allocatable"`
	Requested   int64  `json:"requested"` // -1 if unknown
	// Free is what is left on the nodes that take pods; -1 if unknown.
	Free int64 `json:"free"`
}

// Fleet sums up the nodes of a cluster. Unless wait is true, what the pods request is only
// known if the cache has it. With fresh, the nodes are read after the call.
//
// Errors: those of All.
func (s *Service) Fleet(ctx context.Context, cluster string, fresh, wait bool) (Fleet, error) {
	usage, usageErr := s.usageFor(ctx, cluster, Query{}, wait)
	all, err := s.All(ctx, cluster, fresh)
	if err != nil {
		return Fleet{}, err
	}
	f := newFleet(all.Nodes, s.sight(cluster, usage).usage)
	f.AsOf, f.Stale, f.UsageError = all.AsOf, all.Stale, explainDeadline(usageErr)
	f.Drift = all.drift()
	return f, nil
}

// KnownFleet is Fleet from the cache, for a reader whose cluster does not answer; the result
// is false if the cache does not have the nodes.
func (s *Service) KnownFleet(cluster string) (Fleet, bool) {
	all, ok := s.Known(cluster)
	if !ok {
		return Fleet{}, false
	}
	usage, _ := s.knownUsage(cluster)
	f := newFleet(all.Nodes, s.sight(cluster, usage).usage)
	f.AsOf, f.Stale, f.Drift = all.AsOf, all.Stale, all.drift()
	return f, true
}

func newFleet(nodes []*Node, usage Usages) Fleet {
	f := Fleet{
		Total: shareOf(nodes), UsageKnown: usage != nil, Resources: roomsOf(nodes, usage),
		Pools:    sharesBy(nodes, func(n *Node) string { return n.Pool }),
		Zones:    sharesBy(nodes, func(n *Node) string { return n.Zone }),
		Versions: sharesBy(nodes, func(n *Node) string { return n.Version }),
	}
	slices.Reverse(f.Versions)
	for _, n := range nodes {
		if n.Status != StatusReady {
			f.Lost = append(f.Lost, n)
		}
		if n.Unschedulable {
			f.Cordons = append(f.Cordons, n)
		}
	}
	slices.SortStableFunc(f.Cordons, compareCordons)
	return f
}

// compareCordons compares since when nodes are cordoned; an unknown time is the last.
func compareCordons(a, b *Node) int {
	if a.ReasonSince == nil || b.ReasonSince == nil {
		return cmp.Compare(unknownTime(a), unknownTime(b))
	}
	return a.ReasonSince.Compare(*b.ReasonSince)
}

func unknownTime(n *Node) int {
	if n.ReasonSince == nil {
		return 1
	}
	return 0
}

// sharesBy counts the nodes by a property, in the order of its values.
func sharesBy(nodes []*Node, of func(*Node) string) []Share {
	byValue := map[string][]*Node{}
	for _, n := range nodes {
		byValue[of(n)] = append(byValue[of(n)], n)
	}
	out := make([]Share, 0, len(byValue))
	for value, members := range byValue {
		share := shareOf(members)
		share.Value = value
		out = append(out, share)
	}
	slices.SortFunc(out, func(a, b Share) int { return compareNames(a.Value, b.Value) })
	return out
}

func shareOf(nodes []*Node) Share {
	var s Summary
	for _, n := range nodes {
		s.count(n)
	}
	return Share{Nodes: len(nodes), Ready: s.Ready, Limited: s.Limited, Cordoned: s.Cordoned, NotReady: s.NotReady}
}

// roomsOf sums up CPU, memory and pods.
func roomsOf(nodes []*Node, usage Usages) []Room {
	rooms := []Room{{Name: "cpu", Unit: "cpu"}, {Name: "memory", Unit: "memory"}, {Name: "pods"}}
	for _, n := range nodes {
		used, _ := usage.Of(n)
		takes := n.Status == StatusReady && !n.Unschedulable
		rooms[0].add(n.AllocatableCPU, used.CPU, takes)
		rooms[1].add(n.AllocatableMemory, used.Memory, takes)
		rooms[2].add(n.AllocatablePods, used.Pods, takes)
	}
	if usage == nil {
		for i := range rooms {
			rooms[i].Requested, rooms[i].Free = -1, -1
		}
	}
	return rooms
}

func (r *Room) add(allocatable, requested int64, takesPods bool) {
	r.Allocatable += allocatable
	r.Requested += requested
	if takesPods {
		r.Free += max(0, allocatable-requested)
	}
}

// Skew is how far the kubelets of one version are from the API server.
type Skew struct {
	Version   string `json:"version"`
	Nodes     int    `json:"nodes"`
	Behind    int    `json:"behind"`    // minor versions; below zero if the kubelet is newer
	Supported bool   `json:"supported"` // by Kubernetes
}

// kubeletsBehind is how many minor versions a kubelet may be behind the API server.
const kubeletsBehind = 3

// Skews compares the versions of kubelets with that of the API server. Versions that cannot
// be read are left out; without that of the server there are none.
func Skews(server string, versions []Share) []Skew {
	api, err := version.ParseGeneric(server)
	if err != nil {
		return nil
	}
	var out []Skew
	for _, share := range versions {
		kubelet, err := version.ParseGeneric(share.Value)
		if err != nil || kubelet.Major() != api.Major() {
			continue
		}
		behind := int(api.Minor()) - int(kubelet.Minor())
		out = append(out, Skew{share.Value, share.Nodes, behind, behind >= 0 && behind <= kubeletsBehind})
	}
	return out
}
