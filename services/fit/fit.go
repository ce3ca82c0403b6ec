// Package fit says whether the pods that leave some nodes find room on the others. It
// compares what they request with what is free, and marks each figure by how sure it is.
package fit

import (
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services/node"
)

// Marks of a figure.
const (
	Exact   = "="
	AtLeast = "≥"
	AtMost  = "≤"
	Unknown = "?"
)

// Figure is a number, and how sure it is.
type Figure struct {
	Mark  string `json:"mark"`
	Value int64  `json:"value"`
}

// Amount is what the pods need of one resource, and what is free of it on the nodes where
// one of them may run. The names and units are those of node.Resource.
type Amount struct {
	Name   string `json:"name"`
	Unit   string `json:"unit,omitempty"`
	Needed int64  `json:"needed"`
	Free   Figure `json:"free"`
}

// Fit says whether pods find room.
type Fit struct {
	Pods  int `json:"pods"`  // that come back elsewhere; without a controller they do not
	Nodes int `json:"nodes"` // where one of them may run
	// Fits is how many of the pods find room. It is exact only if all do in whatever order
	// and on whichever nodes the scheduler puts them.
	Fits    Figure   `json:"fits"`
	Amounts []Amount `json:"amounts"`
	// Unsure counts the pods for which more than resources decides, by what that is.
	Unsure map[string]int `json:"unsure,omitempty"`
	// Nowhere is how many pods are larger than what is free on any of their nodes.
	Nowhere int `json:"nowhere,omitempty"`
}

// Facts are what a Fit is made of.
type Facts struct {
	Pods  []*corev1.Pod // that leave their nodes
	Nodes []*node.Node  // of the cluster
	// Leaving are the names of the nodes that they leave; no pod goes to one of them.
	Leaving map[string]bool
	Usage   map[string]node.Usage // of the nodes; nil if it is not known
}

// New compares pods with the room for them.
func New(f Facts) Fit {
	p := newPacking(f)
	fit := Fit{Pods: len(p.pods), Nodes: len(p.union()), Unsure: p.unsure, Amounts: p.amounts()}
	upper, nowhere := p.upper()
	fit.Nowhere = nowhere
	fit.Fits = p.figure(p.lower(), upper)
	return fit
}

// figure marks what is known of how many pods find room.
func (p *packing) figure(lower, upper int) Figure {
	total, sure := len(p.pods), p.known && len(p.unsure) == 0
	switch {
	case sure && lower >= total:
		return Figure{Exact, int64(total)}
	case upper < total:
		return Figure{AtMost, int64(upper)}
	case p.known && lower > 0:
		return Figure{AtLeast, int64(lower)}
	default:
		return Figure{Unknown, 0}
	}
}
