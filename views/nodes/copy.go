package nodes

import (
	"strconv"

	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

// CopyView is the form that copies one node's taints to others.
type CopyView struct {
	Cluster string
	Names   []string // of the nodes that get the taints
	Sets    []CopySet
	Tainted []string // nodes that have something to copy
	Source  string   // as chosen or typed
	Mode    string   // operation.ModeReplace or operation.ModeMerge
	Reason  string
	Problem *ui.Problem
	Back    string
}

// CopySet is taints that some nodes have alike; the first of them is the source.
type CopySet struct {
	Taints []node.Taint // that are copied
	Left   []node.Taint // protected, so they are not
	Nodes  []string
}

// source gives the node that stands for the set.
func (s CopySet) source() string { return s.Nodes[0] }

// inSets reports whether the source is one of those that are offered.
func (v CopyView) inSets() bool {
	for _, s := range v.Sets {
		if s.source() == v.Source {
			return true
		}
	}
	return false
}

// OtherSource is the value of the choice "another node": its name is in the
// field source_other then.
const OtherSource = "."

func sourceID(i int) string { return "source-" + strconv.Itoa(i) }

// copyProblem gives what is wrong with the form as a whole.
func copyProblem(v CopyView) string {
	if v.Problem.Field("source") != "" {
		return ""
	}
	return editProblem(EditView{Problem: v.Problem})
}
