package web

import (
	"context"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
)

// countLogins counts what comes of tries to sign in, and tells the audit log
// where they come from.
type countLogins struct {
	*account.Service
	metrics *metrics
}

// Authenticate is account.Service's.
func (c countLogins) Authenticate(ctx context.Context, name, password string) (account.User, error) {
	u, err := c.Service.Authenticate(fromSomewhere(ctx), name, password)
	c.metrics.logins.WithLabelValues(loginResult(err)).Inc()
	return u, err
}

// CreateFirst is account.Service's.
func (c countLogins) CreateFirst(ctx context.Context, code, name, password string) (account.User, error) {
	return c.Service.CreateFirst(fromSomewhere(ctx), code, name, password)
}

// fromSomewhere gives the context of somebody who is nobody yet and may do
// nothing, but has an address.
func fromSomewhere(ctx context.Context) context.Context {
	i := infoFrom(ctx)
	if i == nil {
		return ctx
	}
	return services.WithActor(ctx, services.Actor{Address: i.clientIP, RequestID: i.id})
}

// noteLogouts tells the audit log of the login sessions that people end.
type noteLogouts struct {
	*sessions
	accounts *account.Service
}

// SignOut is that of the login sessions.
func (n noteLogouts) SignOut(ctx context.Context) error {
	if err := n.accounts.SignOut(ctx); err != nil {
		return err
	}
	return n.sessions.SignOut(ctx)
}

func loginResult(err error) string {
	switch services.CodeOf(err) {
	case "":
		return "ok"
	case services.CodeUnauthenticated:
		return "wrong"
	case services.CodeThrottled:
		return "throttled"
	default:
		return "error"
	}
}
