package services

import "context"

// Role is what a user is.
type Role string

// The roles, from least to most.
const (
	RoleViewer Role = "viewer"
	RoleUser   Role = "user"
	RoleAdmin  Role = "admin"
)

// Roles lists every role, from least to most.
func Roles() []Role { return []Role{RoleViewer, RoleUser, RoleAdmin} }

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool { return r == RoleViewer || r == RoleUser || r == RoleAdmin }

// Permission is something an actor may do.
type Permission string

// The permissions of the design's table of roles.
const (
	PermitSee      Permission = "see"
	PermitChange   Permission = "change" // cordon, uncordon, label, taint, copy, templates
	PermitDrain    Permission = "drain"
	PermitClusters Permission = "clusters"
	PermitUsers    Permission = "users"
	PermitAudit    Permission = "audit" // the whole audit log, not only what one did oneself
	PermitForce    Permission = "force" // pods that nothing brings back; protected keys
)

// Actor is who asks, and from where.
type Actor struct {
	ID        int64
	Name      string
	Role      Role
	Address   string // client address, without port
	RequestID string
	// Drains says that this installation lets users drain, not administrators
	// only.
	Drains bool
}

// May reports whether the actor's role includes p. It denies by default: an
// empty role or an unknown permission is refused.
func (a Actor) May(p Permission) bool {
	switch p {
	case PermitSee:
		return a.Role.Valid()
	case PermitChange:
		return a.Role == RoleUser || a.Role == RoleAdmin
	case PermitDrain:
		return a.Role == RoleAdmin || a.Role == RoleUser && a.Drains
	case PermitClusters, PermitUsers, PermitAudit, PermitForce:
		return a.Role == RoleAdmin
	default:
		return false
	}
}

// Require returns a CodeForbidden error unless the actor may p.
func (a Actor) Require(p Permission) error {
	if a.May(p) {
		return nil
	}
	return NewError(CodeForbidden, "error_role", "Role", string(a.Role), "Permission", string(p))
}

type actorKey struct{}

// WithActor returns a context that carries the actor.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorFrom gives the context's actor; the zero Actor may do nothing.
func ActorFrom(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}
