package handlers

import (
	"context"
	"net/http"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/services/oidc"
)

// Provider is an identity provider where browsers sign in.
type Provider interface {
	// Begin returns a new attempt to sign in, and the address where it goes on.
	Begin(ctx context.Context) (a oidc.Attempt, address string, err error)
	// Finish returns who has signed in, and the id_token.
	Finish(ctx context.Context, a oidc.Attempt, got oidc.Answer) (id account.Identity, idToken string, err error)
	// Down reports whether it could not be reached lately.
	Down() bool
	// SignOutURL returns the address that signs a person out there, or "".
	SignOutURL(idToken string) string
}

// IdentityUsers are the users of an identity provider.
type IdentityUsers interface {
	SignInAs(ctx context.Context, id account.Identity) (account.User, error)
	// RefuseSignOn records a sign-in that was refused because of cause, and returns cause.
	RefuseSignOn(ctx context.Context, cause error) error
}

// ProviderSessions are login sessions that begin at an identity provider.
type ProviderSessions interface {
	LoginSessions
	// Keep keeps an attempt in the session of a browser that is not signed in, with the
	// page to go to.
	Keep(ctx context.Context, a oidc.Attempt, next string) error
	// Take removes the attempt with that state and returns it.
	Take(ctx context.Context, state string) (a oidc.Attempt, next string, found bool, err error)
	// SignInWith is SignIn for somebody with an id_token.
	SignInWith(ctx context.Context, u account.User, idToken string) error
	// IDToken returns the id_token with which the session began, or "".
	IDToken(ctx context.Context) string
}

// OIDC is the sign-in at an identity provider.
type OIDC struct {
	users    IdentityUsers
	sessions ProviderSessions
	ways     Ways
	cookies  Cookies
}

// NewOIDC returns the sign-in at the identity provider of ways.
func NewOIDC(users IdentityUsers, sessions ProviderSessions, ways Ways, cookies Cookies) *OIDC {
	return &OIDC{users: users, sessions: sessions, ways: ways, cookies: cookies}
}

// Begin answers GET /login/oidc: it sends the browser to the provider.
func (h *OIDC) Begin(w http.ResponseWriter, r *http.Request) error {
	form := h.ways.form(r.URL.Query().Get("next"))
	if services.ActorFrom(r.Context()).ID != 0 {
		return redirect(w, r, form.Next)
	}
	attempt, address, err := h.ways.Provider.Begin(r.Context())
	if err != nil {
		form.ProviderDown = true
		return signInAgain(form, err)
	}
	if err := h.sessions.Keep(r.Context(), attempt, form.Next); err != nil {
		return err
	}
	return redirect(w, r, address)
}

// Finish answers GET /login/oidc/callback, to which the provider sends the browser back.
// Only the browser that began the attempt has it in its session, and has it once: an
// answer that was stolen, made up or sent before is refused.
func (h *OIDC) Finish(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	attempt, next, found, err := h.sessions.Take(r.Context(), q.Get("state"))
	if err != nil {
		return err
	}
	if !found {
		err := h.users.RefuseSignOn(r.Context(), oidc.Expired())
		return signInAgain(h.ways.form(""), err)
	}
	got := oidc.Answer{Code: q.Get("code"), Issuer: q.Get("iss"), Error: q.Get("error")}
	u, idToken, err := h.signIn(r.Context(), attempt, got)
	if err != nil {
		return signInAgain(h.ways.form(next), err)
	}
	if err := h.sessions.SignInWith(r.Context(), u, idToken); err != nil {
		return err
	}
	h.cookies.KeepTaste(w, u.Language, u.Theme)
	return redirect(w, r, LocalPath(next))
}

// signIn returns the user whom the provider has vouched for.
func (h *OIDC) signIn(
	ctx context.Context, attempt oidc.Attempt, got oidc.Answer,
) (u account.User, idToken string, err error) {
	id, idToken, err := h.ways.Provider.Finish(ctx, attempt, got)
	if err != nil {
		return account.User{}, "", h.users.RefuseSignOn(ctx, err)
	}
	u, err = h.users.SignInAs(ctx, id)
	return u, idToken, err
}
