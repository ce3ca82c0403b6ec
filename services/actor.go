package services

import "context"

// Role says how much a user may do.
type Role string

// The roles, from the least rights to the most.
const (
	RoleViewer Role = "viewer"
	RoleUser   Role = "user"
	RoleAdmin  Role = "admin"
)

// Roles returns every role, from the least rights to the most.
func Roles() []Role { return []Role{RoleViewer, RoleUser, RoleAdmin} }

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool { return r == RoleViewer || r == RoleUser || r == RoleAdmin }

// Permission is something that an actor may do.
type Permission string

// The permissions. May says which role has which.
const (
	PermitSee    Permission = "see"
	PermitChange Permission = "change" // cordon, uncordon, label, taint, copy, templates
	PermitDrain  Permission = "drain"
	PermitUsers  Permission = "users"
	PermitAudit  Permission = "audit" // the whole audit log, not only one's own entries
	PermitForce  Permission = "force" // delete pods without a controller; remove protected keys
)

// Actor is the user on whose behalf something is done, and where the request came
// from.
type Actor struct {
	ID        int64
	Name      string
	Role      Role
	Address   string // IP address of the client, without port
	RequestID string
	Drains    bool // users may drain, not only administrators (--users-may-drain)
}

// May reports whether the actor's role includes p. An empty role and an unknown
// permission are denied.
func (a Actor) May(p Permission) bool {
	switch p {
	case PermitSee:
		return a.Role.Valid()
	case PermitChange:
		return a.Role == RoleUser || a.Role == RoleAdmin
	case PermitDrain:
		return a.Role == RoleAdmin || a.Role == RoleUser && a.Drains
	case PermitUsers, PermitAudit, PermitForce:
		return a.Role == RoleAdmin
	default:
		return false
	}
}

// Require returns a CodeForbidden error unless the actor may do p.
func (a Actor) Require(p Permission) error {
	if a.May(p) {
		return nil
	}
	return NewError(CodeForbidden, "error_role", "Role", string(a.Role), "Permission", string(p))
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
