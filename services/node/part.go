package node

import "slices"

// ControlPlane reports whether the node belongs to the control plane, by its
// roles.
func (n *Node) ControlPlane() bool {
	return slices.Contains(n.Roles, "control-plane") || slices.Contains(n.Roles, "master")
}
