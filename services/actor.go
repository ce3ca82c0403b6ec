package services

import (
	"context"
	"maps"
	"slices"
)

// Role says how much a user may do.
type Role string

// The roles, from the least rights to the most.
const (
	RoleNone   Role = "none" // sees nothing, but what a grant allows
	RoleViewer Role = "viewer"
	RoleUser   Role = "user"
	RoleAdmin  Role = "admin"
)

// Roles returns every role, from the least rights to the most.
func Roles() []Role { return []Role{RoleNone, RoleViewer, RoleUser, RoleAdmin} }

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool { return slices.Contains(Roles(), r) }

// Less reports whether r has fewer rights than other. An unknown role has none.
func (r Role) Less(other Role) bool { return r.rank() < other.rank() }

func (r Role) rank() int { return max(0, slices.Index(Roles(), r)) }

// Permission is something that an actor may do.
type Permission string

// The permissions. May says which role has which.
const (
	PermitSee      Permission = "see"
	PermitChange   Permission = "change" // cordon, uncordon, label, taint, copy, templates
	PermitDrain    Permission = "drain"
	PermitUsers    Permission = "users"
	PermitClusters Permission = "clusters" // import, change and delete clusters
	PermitAudit    Permission = "audit"    // the whole audit log, not only one's own entries
	PermitForce    Permission = "force"    // delete pods without a controller; remove protected keys
)

// Actor is the user on whose behalf something is done, and where the request came
// from.
type Actor struct {
	ID   int64
	Name string
	// Groups are those of the user at their identity provider.
	Groups []string
	Role   Role
	// Clusters are the roles in single clusters. They replace Role there; see In.
	Clusters  map[string]Role
	Cluster   string // in which Role holds; "" for the whole program
	Address   string // IP address of the client, without port
	RequestID string
	Drains    bool // users may drain, not only administrators (--users-may-drain)
	Token     bool // the request has a bearer token in place of a login session
	TokenID   int64
	FactorDue bool // they must add a second factor before anything else
}

// In returns the actor with the role that they have in a cluster.
func (a Actor) In(cluster string) Actor {
	role, ok := a.Clusters[cluster]
	if ok {
		a.Role = role
	}
	a.Cluster, a.Clusters = cluster, nil
	return a
}

// May reports whether the actor's role includes p. An empty role and an unknown
// permission are denied. What belongs to a cluster is asked of the actor In it. Without
// a cluster, PermitSee is whether the actor sees any.
func (a Actor) May(p Permission) bool {
	switch p {
	case PermitSee:
		return RoleNone.Less(a.Role) || a.seesOne()
	case PermitChange:
		return a.Role == RoleUser || a.Role == RoleAdmin
	case PermitDrain:
		return a.Role == RoleAdmin || a.Role == RoleUser && a.Drains
	case PermitForce:
		return a.Role == RoleAdmin
	case PermitUsers, PermitClusters, PermitAudit:
		return a.Role == RoleAdmin && a.Cluster == "" // not the administrator of one cluster
	default:
		return false
	}
}

// seesOne reports whether there is a grant for at least one cluster.
func (a Actor) seesOne() bool {
	for _, role := range a.Clusters {
		if RoleNone.Less(role) {
			return true
		}
	}
	return false
}

// Scope returns the clusters that the actor sees.
func (a Actor) Scope() Scope {
	s := Scope{All: RoleNone.Less(a.Role)}
	for _, cluster := range slices.Sorted(maps.Keys(a.Clusters)) {
		if RoleNone.Less(a.Clusters[cluster]) != s.All {
			s.But = append(s.But, cluster)
		}
	}
	return s
}

// Require returns a CodeForbidden error unless the actor may do p.
func (a Actor) Require(p Permission) error {
	if a.May(p) {
		return nil
	}
	if a.Cluster != "" && !RoleNone.Less(a.Role) {
		return NewError(CodeForbidden, "error_no_access", "Cluster", a.Cluster)
	}
	if a.Cluster != "" {
		return NewError(CodeForbidden, "error_role_cluster",
			"Role", string(a.Role), "Permission", string(p), "Cluster", a.Cluster)
	}
	return NewError(CodeForbidden, "error_role", "Role", string(a.Role), "Permission", string(p))
}

// RequireIn returns a CodeForbidden error unless the actor of ctx may do p in a cluster.
func RequireIn(ctx context.Context, cluster string, p Permission) error {
	return ActorFrom(ctx).In(cluster).Require(p)
}

type actorKey struct{}

// WithActor returns a copy of ctx that carries the actor.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorFrom returns the actor of ctx, or the zero Actor, which may do nothing.
func ActorFrom(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}
