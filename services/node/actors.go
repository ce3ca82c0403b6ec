package node

import (
	"bytes"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services/kube"
)

// Kinds of actors, besides this program, that are at work on a node.
const (
	ActorAutoscaler  = "cluster-autoscaler" // removes the node
	ActorCandidate   = "autoscaler-candidate"
	ActorKarpenter   = "karpenter"        // removes or reboots the node
	ActorMaintenance = "node-maintenance" // node-maintenance-operator
	ActorLease       = "lease"            // whoever holds the lease of the node
	ActorKured       = "kured"            // reboots the node
	ActorClusterAPI  = "cluster-api"      // removes the machine of the node
	ActorCordon      = "foreign-cordon"   // somebody who has cordoned the node, and said no more
)

// ActorKinds returns the kinds of actors.
func ActorKinds() []string {
	return []string{
		ActorAutoscaler, ActorCandidate, ActorKarpenter, ActorMaintenance, ActorLease, ActorKured, ActorClusterAPI,
		ActorCordon,
	}
}

// Actor is somebody else who is at work on a node, by the mark that they have left.
type Actor struct {
	Kind string `json:"kind"` // one of ActorKinds
	// Mark is the taint, the annotation or the object that says so. Of a lease it is the
	// holder, and of a cordon the name under which its author changed the node, such as
	// "kubectl-cordon".
	Mark  string     `json:"mark,omitempty"`
	Since *time.Time `json:"since,omitempty"`
	Until *time.Time `json:"until,omitempty"` // of a lease: when it expires, unless it is renewed
}

// Text returns the ID and the values of the message that says what the actor does.
func (a Actor) Text() (id string, args []any) {
	id = "actor_" + strings.ReplaceAll(a.Kind, "-", "_")
	if (a.Kind == ActorCordon || a.Kind == ActorLease) && a.Mark == "" {
		id += "_unknown"
	}
	args = []any{"Mark", a.Mark}
	if a.Until != nil {
		args = append(args, "Until", a.Until.UTC().Format("2006-01-02 15:04")+" UTC")
	}
	return id, args
}

// Firm reports whether the actor is at work, and not only thinks about it.
func (a Actor) Firm() bool { return a.Kind != ActorCandidate }

// actorOfTaint returns the kind of the actor that sets a taint with that key, "" for none.
func actorOfTaint(key string) string {
	switch key {
	case "ToBeDeletedByClusterAutoscaler":
		return ActorAutoscaler
	case "DeletionCandidateOfClusterAutoscaler":
		return ActorCandidate
	case "karpenter.sh/disrupted", "karpenter.sh/disruption", "karpenter.sh/rebooting":
		return ActorKarpenter
	case "medik8s.io/drain":
		return ActorMaintenance
	case "weave.works/kured-node-reboot":
		return ActorKured
	case "node.cluster.x-k8s.io/outdated-revision":
		return ActorClusterAPI
	default:
		return ""
	}
}

// actorOfAnnotation returns the kind of the actor that sets an annotation, "" for none.
func actorOfAnnotation(key string) string {
	switch key {
	case "weave.works/kured-reboot-in-progress":
		return ActorKured
	case "cluster.x-k8s.io/delete-machine", "machine.openshift.io/delete-machine",
		"machine.openshift.io/cluster-api-delete-machine":
		return ActorClusterAPI
	default:
		return ""
	}
}

// actorsOf returns who else is at work on a node, each once.
func actorsOf(n *corev1.Node) []Actor {
	var found []Actor
	add := func(a Actor) {
		if !slices.ContainsFunc(found, func(b Actor) bool { return a.Kind == b.Kind }) {
			found = append(found, a)
		}
	}
	for _, t := range n.Spec.Taints {
		if kind := actorOfTaint(t.Key); kind != "" {
			a := Actor{Kind: kind, Mark: t.Key}
			if t.TimeAdded != nil {
				a.Since = &t.TimeAdded.Time
			}
			add(a)
		}
	}
	for key, value := range n.Annotations {
		if kind := actorOfAnnotation(key); kind != "" {
			add(Actor{Kind: kind, Mark: key, Since: readTime(value)})
		}
	}
	if n.Spec.Unschedulable && !explained(n) {
		add(foreignCordon(n))
	}
	slices.SortFunc(found, func(a, b Actor) int {
		return slices.Index(ActorKinds(), a.Kind) - slices.Index(ActorKinds(), b.Kind)
	})
	return found
}

// readTime returns the time that an annotation has as its value, nil for another value.
func readTime(value string) *time.Time {
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return nil
	}
	return &at
}

// explained reports whether a cordon is of this program, or of the earlier tool.
func explained(n *corev1.Node) bool {
	return slices.ContainsFunc(CordonAnnotations(), func(key string) bool { return n.Annotations[key] != "" })
}

// foreignCordon returns who has cordoned a node, as the API server has recorded it.
func foreignCordon(n *corev1.Node) Actor {
	manager, since := cordonManager(n)
	if manager == kube.FieldManager {
		manager = ""
	}
	return Actor{Kind: ActorCordon, Mark: manager, Since: since}
}

// CordonedByOthers reports whether the API server has recorded that somebody else has
// cordoned a node, also if this program has since explained it.
func CordonedByOthers(n *corev1.Node) bool {
	manager, _ := cordonManager(n)
	return n.Spec.Unschedulable && manager != "" && manager != kube.FieldManager
}

// cordonManager returns the name under which the author of the cordon of a node has changed
// it, "" if it is not recorded.
func cordonManager(n *corev1.Node) (manager string, since *time.Time) {
	for _, entry := range n.ManagedFields {
		if entry.FieldsV1 == nil || !bytes.Contains(entry.FieldsV1.GetRawBytes(), []byte(`"f:unschedulable"`)) {
			continue
		}
		manager = entry.Manager
		if entry.Time != nil {
			since = &entry.Time.Time
		}
	}
	return manager, since
}
