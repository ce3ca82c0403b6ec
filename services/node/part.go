package node

import "slices"

// ControlPlane reports whether the node is one of the control plane, by the
// roles that kubectl shows.
func (n *Node) ControlPlane() bool {
	return slices.Contains(n.Roles, "control-plane") || slices.Contains(n.Roles, "master")
}
