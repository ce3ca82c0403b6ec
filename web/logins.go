package web

import (
	"context"
	"errors"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
)

// edgeAccounts is account.Service with what only this package knows: it counts sign-ins in
// the metrics, and passes on the address of the client for the audit log.
type edgeAccounts struct {
	*account.Service
	metrics *metrics
}

// Authenticate calls account.Service.Authenticate.
func (a edgeAccounts) Authenticate(ctx context.Context, name, password string) (account.User, error) {
	u, err := a.Service.Authenticate(withClient(ctx), name, password)
	a.metrics.logins.WithLabelValues(loginResult(err)).Inc()
	return u, err
}

// AuthenticateCode calls account.Service.AuthenticateCode.
func (a edgeAccounts) AuthenticateCode(ctx context.Context, user, epoch int64, code string) (account.User, error) {
	u, err := a.Service.AuthenticateCode(withClient(ctx), user, epoch, code)
	a.metrics.logins.WithLabelValues(loginResult(err)).Inc()
	return u, err
}

// SignInAs calls account.Service.SignInAs.
func (a edgeAccounts) SignInAs(ctx context.Context, id account.Identity) (account.User, error) {
	u, err := a.Service.SignInAs(withClient(ctx), id)
	a.metrics.logins.WithLabelValues(loginResult(err)).Inc()
	return u, err
}

// RefuseSignOn calls account.Service.RefuseSignOn.
func (a edgeAccounts) RefuseSignOn(ctx context.Context, cause error) error {
	a.metrics.logins.WithLabelValues(loginResult(cause)).Inc()
	return a.Service.RefuseSignOn(withClient(ctx), cause)
}

// RedeemTerminal calls account.Service.RedeemTerminal.
func (a edgeAccounts) RedeemTerminal(ctx context.Context, code, verifier string) (account.TerminalToken, error) {
	return a.Service.RedeemTerminal(withClient(ctx), code, verifier)
}

// CreateFirst calls account.Service.CreateFirst.
func (a edgeAccounts) CreateFirst(ctx context.Context, code, name, password string) (account.User, error) {
	return a.Service.CreateFirst(withClient(ctx), code, name, password)
}

// withClient returns a context whose actor has the address of the client, but no user
// and no role yet.
func withClient(ctx context.Context) context.Context {
	i := infoFrom(ctx)
	if i == nil {
		return ctx
	}
	return services.WithActor(ctx, services.Actor{Address: i.clientIP, RequestID: i.id})
}

// auditedSessions is sessions whose SignOut is recorded in the audit log.
type auditedSessions struct {
	*sessions
	accounts *account.Service
}

// SignOut records the sign-out and ends the login session of the request.
func (s auditedSessions) SignOut(ctx context.Context) error {
	if err := s.accounts.SignOut(ctx); err != nil {
		return err
	}
	return s.sessions.SignOut(ctx)
}

// loginResult returns the label of a sign-in in the metrics.
func loginResult(err error) string {
	if _, half := errors.AsType[*account.CodeNeeded](err); half {
		return "halfway"
	}
	switch services.CodeOf(err) {
	case "":
		return "ok"
	case services.CodeUnauthenticated:
		return "wrong"
	case services.CodeThrottled:
		return "throttled"
	case services.CodeForbidden, services.CodeConflict:
		return "refused"
	default:
		return "error"
	}
}
