package handlers

import (
	"context"
	"errors"
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
	AuthenticateCode(ctx context.Context, user, epoch int64, code string) (account.User, error)
}

// LoginSessions begins and ends the login session of a request.
type LoginSessions interface {
	SignIn(ctx context.Context, u account.User) error
	SignOut(ctx context.Context) error
	// KeepHalfway keeps a sign-in that lacks the second factor, with the page to go to.
	KeepHalfway(ctx context.Context, u account.User, next string) error
	// Halfway returns the sign-in that lacks the second factor, if it is not too old.
	Halfway(ctx context.Context) (half Halfway, ok bool)
}

// Halfway is a sign-in whose password was right, and that lacks the second factor.
type Halfway struct {
	User  int64 // id
	Epoch int64 // of the user
	Name  string
	Next  string // the page to go to
}

// Ways are the ways to sign in.
type Ways struct {
	Passwords bool     // there is a form for a name and a password
	Provider  Provider // an identity provider; nil without one
	Name      string   // of the provider, as people know it; may be ""
}

// form returns the sign-in page with these ways.
func (s Ways) form(next string) admin.SignInForm {
	form := admin.SignInForm{Next: LocalPath(next), Passwords: s.Passwords}
	if s.Provider != nil {
		form.Provider, form.ProviderName, form.ProviderDown = true, s.Name, s.Provider.Down()
	}
	return form
}

// Login is the sign-in page.
type Login struct {
	accounts Authenticator
	sessions LoginSessions
	cookies  Cookies
	ways     Ways
}

// NewLogin returns the sign-in page.
func NewLogin(accounts Authenticator, sessions LoginSessions, ways Ways, cookies Cookies) *Login {
	return &Login{accounts: accounts, sessions: sessions, ways: ways, cookies: cookies}
}

// Show answers GET /login. Whoever is signed in already goes straight on.
func (h *Login) Show(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	form := h.ways.form(q.Get("next"))
	if services.ActorFrom(r.Context()).ID != 0 {
		return redirect(w, r, form.Next)
	}
	form.Ended = ui.ParseSessionEnd(q.Get("ended"))
	return render(w, r, http.StatusOK, admin.SignIn(form))
}

// Submit answers POST /login.
func (h *Login) Submit(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	form := h.ways.form(r.PostForm.Get("next"))
	form.Name, form.Ended = r.PostForm.Get("name"), ui.ParseSessionEnd(r.PostForm.Get("ended"))
	u, err := h.accounts.Authenticate(r.Context(), form.Name, r.PostForm.Get("password"))
	if half, ok := errors.AsType[*account.CodeNeeded](err); ok {
		if err := h.sessions.KeepHalfway(r.Context(), half.User, form.Next); err != nil {
			return err
		}
		return redirect(w, r, ui.CodeURL)
	}
	switch services.CodeOf(err) {
	case "":
		return h.signIn(w, r, u, form.Next)
	case services.CodeInternal, services.CodeTimeout:
		return err
	default:
		return signInAgain(form, err)
	}
}

// signIn begins the login session of a user, and goes to a page.
func (h *Login) signIn(w http.ResponseWriter, r *http.Request, u account.User, next string) error {
	if err := h.sessions.SignIn(r.Context(), u); err != nil {
		return err
	}
	h.cookies.KeepTaste(w, u.Language, u.Theme)
	return redirect(w, r, next)
}

// ShowCode answers GET /login/code: the second half of a sign-in.
func (h *Login) ShowCode(w http.ResponseWriter, r *http.Request) error {
	half, ok := h.sessions.Halfway(r.Context())
	if !ok {
		return redirect(w, r, ui.SignInURL)
	}
	return render(w, r, http.StatusOK, admin.SignInCode(admin.CodeForm{Name: half.Name}))
}

// SubmitCode answers POST /login/code, with a code of the second factor.
func (h *Login) SubmitCode(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	half, ok := h.sessions.Halfway(r.Context())
	if !ok {
		return signInAgain(h.ways.form(""), services.NewError(services.CodeConflict, "error_factor_late"))
	}
	u, err := h.accounts.AuthenticateCode(r.Context(), half.User, half.Epoch, r.PostForm.Get("code"))
	switch services.CodeOf(err) {
	case "":
		return h.signIn(w, r, u, LocalPath(half.Next))
	case services.CodeConflict:
		return signInAgain(h.ways.form(half.Next), err)
	case services.CodeInternal, services.CodeTimeout:
		return err
	default:
		return &FormError{Err: err, Form: func(p *ui.Problem) templ.Component {
			return admin.SignInCode(admin.CodeForm{Name: half.Name, Problem: p})
		}}
	}
}

func signInAgain(form admin.SignInForm, err error) error {
	return &FormError{Err: err, Form: func(p *ui.Problem) templ.Component {
		form.Problem = p
		return admin.SignIn(form)
	}}
}
