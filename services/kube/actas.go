package kube

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"k8s.io/client-go/transport"
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
