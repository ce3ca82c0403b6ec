package handlers

import (
	"context"
	"net/http"

	"github.com/a-h/templ"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/views/admin"
	"kube-node-manager/views/ui"
)

// Authenticator checks names and passwords.
type Authenticator interface {
	Authenticate(ctx context.Context, name, password string) (account.User, error)
}

// LoginSessions begins and ends the login session of a request.
type LoginSessions interface {
	SignIn(ctx context.Context, u account.User) error
	SignOut(ctx context.Context) error
}

// Login is the sign-in page.
type Login struct {
	accounts Authenticator
	sessions LoginSessions
	cookies  Cookies
}

// NewLogin returns the sign-in page.
func NewLogin(accounts Authenticator, sessions LoginSessions, cookies Cookies) *Login {
	return &Login{accounts: accounts, sessions: sessions, cookies: cookies}
}

// Show answers GET /login. Whoever is signed in already goes straight on.
func (h *Login) Show(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	next := LocalPath(q.Get("next"))
	if services.ActorFrom(r.Context()).ID != 0 {
		return redirect(w, r, next)
	}
	return render(
		w, r, http.StatusOK, admin.SignIn(admin.SignInForm{Next: next, Ended: ui.ParseSessionEnd(q.Get("ended"))}),
	)
}

// Submit answers POST /login.
func (h *Login) Submit(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	form := admin.SignInForm{
		Name: r.PostForm.Get("name"), Next: LocalPath(r.PostForm.Get("next")),
		Ended: ui.ParseSessionEnd(r.PostForm.Get("ended")),
	}
	u, err := h.accounts.Authenticate(r.Context(), form.Name, r.PostForm.Get("password"))
	switch services.CodeOf(err) {
	case "":
	case services.CodeUnauthenticated, services.CodeThrottled:
		return signInAgain(form, err)
	default:
		return err
	}
	if err := h.sessions.SignIn(r.Context(), u); err != nil {
		return err
	}
	h.cookies.KeepTaste(w, u.Language, u.Theme)
	return redirect(w, r, form.Next)
}

func signInAgain(form admin.SignInForm, err error) error {
	return &FormError{Err: err, Form: func(p *ui.Problem) templ.Component {
		form.Problem = p
		return admin.SignIn(form)
	}}
}
