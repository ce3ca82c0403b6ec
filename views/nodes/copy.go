package nodes

import (
	"slices"
	"strconv"

	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

// CopyView is the form that copies one node's taints to others.
type CopyView struct {
	Cluster string
	Names   []string // of the nodes that get the taints
	Sets    []CopySet
	Tainted []string // nodes with taints to copy, as suggestions
	Source  string   // the chosen or typed node
	Mode    string   // operation.ModeReplace or operation.ModeMerge
	Reason  string
	Problem *ui.Problem
	Back    string
}

// CopySet is the nodes with the same taints; the first one is their source.
type CopySet struct {
	Taints []node.Taint // to be copied
	Left   []node.Taint // protected, so not copied
	Nodes  []string
}

// source returns the node whose taints are copied.
func (s CopySet) source() string { return s.Nodes[0] }

// inSets reports whether the source is that of a set.
func (v CopyView) inSets() bool {
	return slices.ContainsFunc(v.Sets, func(s CopySet) bool { return s.source() == v.Source })
}

// OtherSource is the value of the choice "another node", whose name is in the field
// source_other.
const OtherSource = "."

func sourceID(i int) string { return "source-" + strconv.Itoa(i) }

// copyProblem returns what is wrong with the form as a whole, or "".
func copyProblem(v CopyView) string {
	if v.Problem.Field("source") != "" {
		return ""
	}
	return editProblem(EditView{Problem: v.Problem})
}
