// Package node is the read model of nodes: the list with its filters and order,
// the detail of one node, and the requests of the pods on it. It reads through
// package cache and never writes.
package node

import (
	"time"

	"kube-node-manager/services/change"
)

// Words of the STATUS column, as kubectl prints them.
const (
	StatusReady    = "Ready"
	StatusNotReady = "NotReady" // the Ready condition is False or Unknown
	StatusUnknown  = "Unknown"  // there is no Ready condition
)

// StatusNoContact is a filter for the nodes whose kubelet has stopped reporting.
// It is not a status: the status of these nodes is StatusNotReady, see
// Node.NoContact.
const StatusNoContact = "NoContact"

// Values of Node.Scheduling: whether new pods can be scheduled on the node.
const (
	Schedulable = "schedulable"
	Limited     = "limited" // a NoSchedule or PreferNoSchedule taint keeps some pods away
	Cordoned    = "cordoned"
)

// Node is one node as the table shows it. The cache shares its values between
// readers, so they must not be changed.
type Node struct {
	Cluster         string `json:"cluster"`
	Name            string `json:"name"`
	UID             string `json:"uid"`
	ResourceVersion string `json:"resourceVersion"`
	Status          string `json:"status"`
	// StatusReason is the message of the Ready condition, if that is not True.
	StatusReason string `json:"statusReason,omitempty"`
	// NoContact is true if the kubelet has stopped reporting: Ready is Unknown.
	NoContact bool `json:"noContact"`
	// Problems are the types of the conditions that are in their bad state, other than
	// Ready: "MemoryPressure", for example. See GoodStatus.
	Problems []string `json:"problems"`
	// Lifecycle are the conditions that hold of those that say where the node is in its
	// maintenance, in the order of kube.LifecycleConditions, whoever has set them.
	Lifecycle []Lifecycle `json:"lifecycle,omitempty"`
	// Actors are who else is at work on the node, by the marks that they leave on it.
	Actors        []Actor `json:"actors,omitempty"`
	Scheduling    string  `json:"scheduling"`
	Unschedulable bool    `json:"unschedulable"`
	// Converging is true if the control plane has not finished its own changes of
	// the node; see kube.Converged.
	Converging        bool              `json:"converging,omitempty"`
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
	ReasonSince       *time.Time        `json:"reasonSince,omitempty"` // when it was cordoned
	Annotations       map[string]string `json:"-"`                     // all of them
	AllocatableCPU    int64             `json:"allocatableMilliCPU"`
	AllocatableMemory int64             `json:"allocatableMemoryBytes"`
	AllocatablePods   int64             `json:"allocatablePods"`
	GPUs              map[string]int64  `json:"gpus,omitempty"` // allocatable, by resource
	OSImage           string            `json:"osImage"`
	Kernel            string            `json:"kernel"`
	Runtime           string            `json:"containerRuntime"`
	Architecture      string            `json:"architecture"`
}

// Taint is one taint. A node has at most one taint with the same key and effect.
type Taint = change.Taint

// StatusText returns kubectl's STATUS, such as "Ready,SchedulingDisabled".
func (n *Node) StatusText() string {
	if n.Unschedulable {
		return n.Status + ",SchedulingDisabled"
	}
	return n.Status
}

// Usage is the sum of the requests of the pods on a node. Finished pods do not
// count, as in kubectl describe node.
type Usage struct {
	CPU    int64 `json:"requestedMilliCPU"`
	Memory int64 `json:"requestedMemoryBytes"`
	Pods   int64 `json:"pods"`
	GPUs   int64 `json:"requestedGPUs,omitempty"`
}

func (u Usage) plus(v Usage) Usage {
	return Usage{CPU: u.CPU + v.CPU, Memory: u.Memory + v.Memory, Pods: u.Pods + v.Pods, GPUs: u.GPUs + v.GPUs}
}

func (u Usage) minus(v Usage) Usage {
	return Usage{CPU: u.CPU - v.CPU, Memory: u.Memory - v.Memory, Pods: u.Pods - v.Pods, GPUs: u.GPUs - v.GPUs}
}

// Usages is what is known of the usage of nodes, by cluster and name.
type Usages map[string]map[string]Usage

// Of returns the usage of a node. The result is false if it is unknown.
func (u Usages) Of(n *Node) (Usage, bool) {
	of := u[n.Cluster]
	return of[n.Name], of != nil
}

// Lifecycle is a condition that says where a node is in its maintenance.
type Lifecycle struct {
	Type    string    `json:"type"` // "Drained", for example
	Reason  string    `json:"reason,omitempty"`
	Message string    `json:"message,omitempty"`
	Since   time.Time `json:"since"`
	// Batch is the batch that has set it; "" if somebody else has.
	Batch string `json:"batch,omitempty"`
}

// Condition is one condition of the detail page.
type Condition struct {
	Type    string    `json:"type"`
	Status  string    `json:"status"`
	Reason  string    `json:"reason,omitempty"`
	Message string    `json:"message,omitempty"`
	Since   time.Time `json:"since"`
	// Heartbeat is when the condition was last reported, changed or not.
	Heartbeat time.Time `json:"heartbeat"`
}

// Address is one address of the detail page.
type Address struct {
	Type    string `json:"type"`
	Address string `json:"address"`
}

// Resource is the capacity and usage of one resource of a node. Unit is "cpu"
// (millicores), "memory" (bytes) or "" (a count). Requested and InUse are -1 if unknown.
type Resource struct {
	Name        string `json:"name"`
	Unit        string `json:"unit,omitempty"`
	Capacity    int64  `json:"capacity"`
	Allocatable int64  `json:"allocatable"`
	Requested   int64  `json:"requested"`
	InUse       int64  `json:"inUse"` // as the kubelet has measured it
}

// Pod is one pod of the detail page.
type Pod struct {
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	UID       string    `json:"uid"`
	Phase     string    `json:"phase"` // of the pod's status, or "Terminating"
	Owner     string    `json:"owner,omitempty"`
	CPU       int64     `json:"requestedMilliCPU"`
	Memory    int64     `json:"requestedMemoryBytes"`
	Restarts  int       `json:"restarts"` // of all of its containers
	CreatedAt time.Time `json:"createdAt"`
}

// Info is a node's operating system and software, for the detail page.
type Info struct {
	OSImage          string `json:"osImage"`
	OS               string `json:"os"`
	Architecture     string `json:"architecture"`
	Kernel           string `json:"kernel"`
	ContainerRuntime string `json:"containerRuntime"`
	ProviderID       string `json:"providerID,omitempty"`
}

// Detail is one node as its page shows it. If the pods could not be read, Pods is
// nil and PodsError is set, and the page must not show unknown values as zero.
type Detail struct {
	Node
	Info       Info        `json:"info"`
	Conditions []Condition `json:"conditions"`
	Addresses  []Address   `json:"addresses"`
	Resources  []Resource  `json:"resources"`
	Pods       []Pod       `json:"pods" openapi:"nullable"`
	PodsError  error       `json:"-"`
}
