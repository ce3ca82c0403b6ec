package inspect

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/cache"
	"kube-node-manager/services/kube"
)

// EventsShown is how many events of a node are kept.
const EventsShown = 200

// Events are the newest events about a node, the newest first.
type Events struct {
	Items    []Event
	Total    int  // that were read
	Complete bool // false if the cluster has more than were read
}

// Event is something that a component has reported about a node.
type Event struct {
	Type    string    `json:"type"` // "Normal" or "Warning"
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Source  string    `json:"source,omitempty"` // the component
	Count   int       `json:"count"`            // how often it happened
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
}

// Events returns the events about a node that the cluster still has: it forgets them after
// an hour, unless its administrators have chosen another time.
//
// Errors: CodeForbidden, also if the account may not read events.
func (s *Service) Events(ctx context.Context, cluster, name string, fresh bool) (Part[Events], error) {
	key := cache.Key{Cluster: cluster, Kind: kindEvents, Name: name}
	return read(ctx, s.servedFor(eventsAge), key, fresh, func(ctx context.Context, c *kube.Client) (Events, error) {
		list, complete, err := c.NodeEvents(ctx, name)
		if err != nil {
			return Events{}, err
		}
		return newEvents(list, complete), nil
	})
}

// eventsAge is for how long events are served: they tell why a node has just changed.
const eventsAge = 5 * time.Second

func newEvents(list []corev1.Event, complete bool) Events {
	items := make([]Event, len(list))
	for i := range list {
		items[i] = newEvent(&list[i])
	}
	slices.SortStableFunc(items, func(a, b Event) int {
		return cmp.Or(b.Last.Compare(a.Last), b.First.Compare(a.First), strings.Compare(a.Reason, b.Reason))
	})
	shown := slices.Clone(items[:min(EventsShown, len(items))])
	return Events{Items: shown, Total: len(items), Complete: complete}
}

func newEvent(e *corev1.Event) Event {
	out := Event{
		Type: e.Type, Reason: e.Reason, Message: e.Message, Source: cmp.Or(e.Source.Component, e.ReportingController),
		Count: max(1, int(e.Count)), First: e.FirstTimestamp.Time, Last: kube.EventTime(e),
	}
	if e.Series != nil {
		out.Count = max(out.Count, int(e.Series.Count))
	}
	if out.First.IsZero() {
		out.First = cmp.Or(e.EventTime.Time, e.CreationTimestamp.Time)
	}
	return out
}

// Conditions returns the events that tell of a change of the node's conditions.
func (e Events) Conditions() []Event {
	var out []Event
	for _, event := range e.Items {
		if tellsCondition(event.Reason) {
			out = append(out, event)
		}
	}
	return out
}

// tellsCondition reports whether the reason of an event tells of a condition: the
// kubelet's and the node lifecycle controller's, see pkg/kubelet/kubelet_node_status.go
// and pkg/controller/nodelifecycle in Kubernetes.
func tellsCondition(reason string) bool {
	switch reason {
	case "Starting", "Rebooted", "NodeReady", "NodeNotReady", "RegisteredNode", "InvalidDiskCapacity":
		return true
	}
	for _, end := range []string{"MemoryPressure", "DiskPressure", "PIDPressure", "SufficientMemory", "SufficientPID"} {
		if strings.HasSuffix(reason, end) {
			return true
		}
	}
	return false
}
