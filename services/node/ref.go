package node

import (
	"net/url"
	"strings"
)

// Ref names a node of one of several clusters.
type Ref struct{ Cluster, Name string }

// Ref returns the reference of a node.
func (n *Node) Ref() Ref { return Ref{n.Cluster, n.Name} }

// String returns the reference as forms carry it: cluster/name, with the cluster as in
// addresses. So it has neither spaces nor another slash.
func (r Ref) String() string { return url.PathEscape(r.Cluster) + "/" + r.Name }

// ParseRef is the inverse of String. The result is false for anything else.
func ParseRef(text string) (Ref, bool) {
	cluster, name, found := strings.Cut(text, "/")
	plain, err := url.PathUnescape(cluster)
	return Ref{plain, name}, found && err == nil && plain != "" && name != ""
}
