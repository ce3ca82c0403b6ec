package account

import (
	"cmp"
	"context"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// refuseIdentity records a refused sign-in of an identity, and returns its error.
func (s *Service) refuseIdentity(ctx context.Context, u store.User, why store.Refusal, text string) error {
	s.log.WarnContext(ctx, "Refused a sign-in", "user", u.Name, "why", string(why))
	return cmp.Or(s.refuse(ctx, u, why), error(services.NewError(services.CodeUnauthenticated, text)))
}

// RefuseSignOn records a sign-in that failed at the identity provider or on the way back
// from it, because of cause, and returns cause.
func (s *Service) RefuseSignOn(ctx context.Context, cause error) error {
	s.log.WarnContext(ctx, "Refused a sign-in", "why", string(store.RefusedProvider), "error", cause)
	return cmp.Or(s.refuse(ctx, store.User{}, store.RefusedProvider), cause)
}
