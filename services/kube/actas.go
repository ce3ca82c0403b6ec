package kube

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/transport"

	"kube-node-manager/services"
)

// Person is in whose name a change is sent.
type Person struct {
	User   string
	Groups []string
}

type personKey struct{}

// ActingAs returns a context whose changes are sent in the name of a person: the API
// server checks the person's rights, and its audit log has both names. Reads are shared
// by everybody, so they stay those of the program.
func ActingAs(ctx context.Context, p Person) context.Context {
	return context.WithValue(ctx, personKey{}, p)
}

// personTransport adds the headers of impersonation to the changes of a context of
// ActingAs.
type personTransport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t *personTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	p, acting := r.Context().Value(personKey{}).(Person)
	if !acting || r.Method == http.MethodGet {
		return t.next.RoundTrip(r)
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set(transport.ImpersonateUserHeader, p.User)
	for _, group := range p.Groups {
		r.Header.Add(transport.ImpersonateGroupHeader, group)
	}
	return t.next.RoundTrip(r)
}

// WrappedRoundTripper lets client-go find the transport below.
func (t *personTransport) WrappedRoundTripper() http.RoundTripper { return t.next }

// check refuses the names that belong to Kubernetes itself. Above all, system:masters may
// do everything.
func (p Person) check() error {
	for _, name := range append([]string{p.User}, p.Groups...) {
		if name == "" || strings.HasPrefix(name, "system:") {
			return fmt.Errorf("act as %q: names of the system and empty ones are refused", name)
		}
	}
	return nil
}

// explainChange is Explain for a change. If it was sent in the name of a person, a refusal
// says who was refused: the person, or the program that may not act as them.
func explainChange(ctx context.Context, err error, call string) error {
	p, acting := ctx.Value(personKey{}).(Person)
	if !acting || !apierrors.IsForbidden(err) {
		return Explain(err, call)
	}
	text := "error_cluster_impersonate"
	if strings.Contains(err.Error(), fmt.Sprintf("User %q cannot", p.User)) {
		text = "error_cluster_forbidden_user"
	}
	return &callError{services.Wrap(err, services.CodeForbidden, text, "Call", call, "User", p.User), Fault{}}
}
