package web

import (
	"context"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
)

// countLogins counts what comes of tries to sign in.
type countLogins struct {
	*account.Service
	metrics *metrics
}

// Authenticate is account.Service's.
func (c countLogins) Authenticate(ctx context.Context, name, password string) (account.User, error) {
	u, err := c.Service.Authenticate(ctx, name, password)
	c.metrics.logins.WithLabelValues(loginResult(err)).Inc()
	return u, err
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
