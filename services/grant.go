package services

import (
	"slices"
	"strings"
)

// Grant is a role in one cluster, or in all clusters with a label. Exactly one of
// Cluster and Label is set.
type Grant struct {
	Cluster string
	Label   string // key=value, of the labels that a cluster has in this program
	Role    Role
}

// String returns the grant as it is written in forms and in the audit log, such as
// "prod: viewer" or "env=staging: user".
func (g Grant) String() string { return g.Cluster + g.Label + ": " + string(g.Role) }

// matches reports whether the grant is about clusters with one of those labels.
func (g Grant) matches(labels map[string]string) bool {
	key, value, _ := strings.Cut(g.Label, "=")
	actual, ok := labels[key]
	return ok && actual == value
}

// RolesIn returns the roles that grants give in clusters, whose labels are given by
// name. A grant that names a cluster overrides those for its labels; of these the one
// with the fewest rights counts. Clusters without a grant are missing, unless there is
// a grant with their name: it counts too when the cluster is not there at present.
func RolesIn(grants []Grant, clusters map[string]map[string]string) map[string]Role {
	if len(grants) == 0 {
		return nil
	}
	roles := map[string]Role{}
	for cluster, labels := range clusters {
		for _, g := range grants {
			if g.Cluster != "" || !g.matches(labels) {
				continue
			}
			role, twice := roles[cluster]
			if !twice || g.Role.Less(role) {
				roles[cluster] = g.Role
			}
		}
	}
	for _, g := range grants {
		if g.Cluster != "" {
			roles[g.Cluster] = g.Role
		}
	}
	return roles
}

// Scope says which clusters somebody sees: all, or none, but for some.
type Scope struct {
	All bool
	But []string // names, sorted
}

// Has reports whether the scope includes a cluster.
func (s Scope) Has(cluster string) bool {
	_, listed := slices.BinarySearch(s.But, cluster)
	return s.All != listed
}
