// Package node is the read model of nodes: listing, filtering, sorting, the
// detail of one node, and what the pods on it have requested. It reads through
// the fenced cache and never writes.
package node

import "time"

// Words of the STATUS column, as kubectl prints them.
const (
	StatusReady    = "Ready"
	StatusNotReady = "NotReady" // the Ready condition is False or Unknown
	StatusUnknown  = "Unknown"  // there is no Ready condition
)

// StatusNoContact asks for the nodes whose kubelet has stopped reporting. It is a
// filter alone: the status of these nodes is StatusNotReady, see Node.NoContact.
const StatusNoContact = "NoContact"

// Scheduling says whether new pods can land on a node.
const (
	Schedulable = "schedulable"
	Limited     = "limited" // a NoSchedule or PreferNoSchedule taint keeps some pods away
	Cordoned    = "cordoned"
)

// Node is one node as the table shows it. Values are shared through the cache
// and must not be changed.
type Node struct {
	Name              string            `json:"name"`
	UID               string            `json:"uid"`
	ResourceVersion   string            `json:"resourceVersion"`
	Status            string            `json:"status"`
	StatusReason      string            `json:"statusReason,omitempty"` // message of the Ready condition when it is not True
	NoContact         bool              `json:"noContact"`              // no word from the kubelet: Ready is Unknown
	Scheduling        string            `json:"scheduling"`
	Unschedulable     bool              `json:"unschedulable"`
	Converging        bool              `json:"converging,omitempty"` // the control plane has yet to follow; see kube.Converged
	Roles             []string          `json:"roles"`
	Version           string            `json:"version"`
	Zone              string            `json:"zone"`
	Pool              string            `json:"pool"`
	InternalIP        string            `json:"internalIP"`
	CreatedAt         time.Time         `json:"createdAt"`
	Labels            map[string]string `json:"labels"`
	Taints            []Taint           `json:"taints"`
	Reason            string            `json:"reason,omitempty"`      // why it is cordoned
	ReasonBy          string            `json:"reasonBy,omitempty"`    // who cordoned it
	ReasonSince       *time.Time        `json:"reasonSince,omitempty"` // since when
	Annotations       map[string]string `json:"-"`                     // our own and the legacy ones only
	AllocatableCPU    int64             `json:"allocatableMilliCPU"`
	AllocatableMemory int64             `json:"allocatableMemoryBytes"`
	AllocatablePods   int64             `json:"allocatablePods"`
}

// Taint is one taint; its identity is key and effect.
type Taint struct {
	Key       string     `json:"key"`
	Value     string     `json:"value,omitempty"`
	Effect    string     `json:"effect"`
	TimeAdded *time.Time `json:"timeAdded,omitempty"`
}

// ID gives what makes a taint this one and no other: "key:Effect".
func (t Taint) ID() string { return t.Key + ":" + t.Effect }

// String gives kubectl's form: key=value:Effect, or key:Effect without a value.
func (t Taint) String() string {
	if t.Value == "" {
		return t.Key + ":" + t.Effect
	}
	return t.Key + "=" + t.Value + ":" + t.Effect
}

// StatusText gives kubectl's STATUS column: "Ready,SchedulingDisabled".
func (n *Node) StatusText() string {
	if n.Unschedulable {
		return n.Status + ",SchedulingDisabled"
	}
	return n.Status
}

// Usage is what the pods bound to a node have requested, as kubectl describe
// counts it (finished pods left out).
type Usage struct {
	CPU    int64 `json:"requestedMilliCPU"`
	Memory int64 `json:"requestedMemoryBytes"`
	Pods   int64 `json:"pods"`
}

// Condition is one condition of the detail page.
type Condition struct {
	Type    string    `json:"type"`
	Status  string    `json:"status"`
	Reason  string    `json:"reason,omitempty"`
	Message string    `json:"message,omitempty"`
	Since   time.Time `json:"since"`
}

// Address is one address of the detail page.
type Address struct {
	Type    string `json:"type"`
	Address string `json:"address"`
}

// Resource is one row of capacity and use; Unit is "cpu" (milli cores),
// "memory" (bytes) or "" (a plain count). Requested is -1 when unknown.
type Resource struct {
	Name        string `json:"name"`
	Unit        string `json:"unit,omitempty"`
	Capacity    int64  `json:"capacity"`
	Allocatable int64  `json:"allocatable"`
	Requested   int64  `json:"requested"`
}

// Pod is one pod of the detail page.
type Pod struct {
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Phase     string    `json:"phase"` // kubectl's word, "Terminating" included
	Owner     string    `json:"owner,omitempty"`
	CPU       int64     `json:"requestedMilliCPU"`
	Memory    int64     `json:"requestedMemoryBytes"`
	CreatedAt time.Time `json:"createdAt"`
}

// Info is the software of the detail page.
type Info struct {
	OSImage          string `json:"osImage"`
	OS               string `json:"os"`
	Architecture     string `json:"architecture"`
	Kernel           string `json:"kernel"`
	ContainerRuntime string `json:"containerRuntime"`
	ProviderID       string `json:"providerID,omitempty"`
}

// Detail is one node as its page shows it. Pods is nil and PodsError set when
// the pods could not be read: unknown is never shown as zero.
type Detail struct {
	Node
	Info       Info        `json:"info"`
	Conditions []Condition `json:"conditions"`
	Addresses  []Address   `json:"addresses"`
	Resources  []Resource  `json:"resources"`
	Pods       []Pod       `json:"pods"`
	PodsError  error       `json:"-"`
}
