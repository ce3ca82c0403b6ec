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

// FirstUser makes the first administrator.
type FirstUser interface {
	HasAdmin(ctx context.Context) (bool, error)
	HasUsers(ctx context.Context) (bool, error)
	CreateFirst(ctx context.Context, code, name, password string) (account.User, error)
}

// Setup is the page that makes the first administrator. It works once.
type Setup struct {
	accounts FirstUser
	sessions LoginSessions
	others   bool
}

// NewSetup returns the set-up page. others is whether people can sign in without a
// password that is kept here.
func NewSetup(accounts FirstUser, sessions LoginSessions, others bool) *Setup {
	return &Setup{accounts: accounts, sessions: sessions, others: others}
}

// Show answers GET /setup; once there is an administrator it leads to the sign-in
// page.
func (h *Setup) Show(w http.ResponseWriter, r *http.Request) error {
	has, err := h.accounts.HasAdmin(r.Context())
	if err != nil {
		return err
	}
	if has {
		return redirect(w, r, ui.SignInURL)
	}
	others, err := h.hasOthers(r)
	if err != nil {
		return err
	}
	// The code is not taken from the query: addresses end up in logs.
	return render(w, r, http.StatusOK, admin.Setup(admin.SetupForm{Others: others}))
}

// Submit answers POST /setup and signs the new administrator in.
func (h *Setup) Submit(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	others, err := h.hasOthers(r)
	if err != nil {
		return err
	}
	form := admin.SetupForm{Code: r.PostForm.Get("code"), Name: r.PostForm.Get("name"), Others: others}
	password := r.PostForm.Get("password")
	if r.PostForm.Has("password2") && r.PostForm.Get("password2") != password {
		return setUpAgain(form, services.Invalid("password2", "error_password_differs"))
	}
	u, err := h.accounts.CreateFirst(r.Context(), form.Code, form.Name, password)
	switch services.CodeOf(err) {
	case "":
	case services.CodeInvalid, services.CodeThrottled:
		return setUpAgain(form, err)
	default:
		return err
	}
	if err := h.sessions.SignIn(r.Context(), u); err != nil {
		return err
	}
	return redirect(w, r, ui.HomeURL)
}

// hasOthers reports whether somebody can sign in.
func (h *Setup) hasOthers(r *http.Request) (bool, error) {
	if h.others {
		return true, nil
	}
	return h.accounts.HasUsers(r.Context())
}

func setUpAgain(form admin.SetupForm, err error) error {
	return &FormError{Err: err, Form: func(p *ui.Problem) templ.Component {
		form.Problem = p
		return admin.Setup(form)
	}}
}
