package handlers

import (
	"net"
	"net/http"

	"github.com/a-h/templ"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/views/people"
	"kube-node-manager/views/ui"
)

// FactorShow answers the actor's own second factor: what there is, or, once the secret of
// a new one was made, the form that takes its first code.
func (h *Handlers) FactorShow(w http.ResponseWriter, r *http.Request) error {
	v, err := h.factorView(r)
	if err != nil {
		return err
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, newFactorJSON(v))
	}
	return render(w, r, http.StatusOK, h.factorPage(r, v))
}

// factorJSON is the actor's own second factor.
type factorJSON struct {
	Enabled       bool `json:"enabled"`
	RecoveryCodes int  `json:"recoveryCodes"` // that are left
}

// enrolmentJSON is the secret of a second factor that is not in use yet.
type enrolmentJSON struct {
	Secret string `json:"secret"`
	URL    string `json:"url"`
}

// recoveryJSON is recovery codes, which no later answer has.
type recoveryJSON struct {
	RecoveryCodes []string `json:"recoveryCodes"`
}

func newFactorJSON(v people.FactorView) factorJSON {
	return factorJSON{Enabled: !v.Factor.Since.IsZero(), RecoveryCodes: v.Factor.Recovery}
}

// FactorBegin makes the secret of a second factor; current is the actor's password.
func (h *Handlers) FactorBegin(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	e, err := h.Accounts.NewFactor(r.Context(), r.PostForm.Get("current"), h.hostOf(r))
	if err != nil {
		return h.factorAgain(r, err)
	}
	if err := h.Logins.KeepEnrolment(r.Context(), e.URL); err != nil {
		return err
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, enrolmentJSON{Secret: e.Secret, URL: e.URL})
	}
	return redirect(w, r, ui.FactorURL)
}

// hostOf returns the name of this installation as browsers know it.
func (h *Handlers) hostOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		return r.Host
	}
	return host
}

// FactorAdd puts the second factor of FactorBegin to use; code is its first code. The
// session of the request goes on, with a new token; all others end.
func (h *Handlers) FactorAdd(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	e, err := account.ParseEnrolment(h.Logins.Enrolment(r.Context()))
	if err != nil {
		return err
	}
	u, codes, err := h.Accounts.AddFactor(r.Context(), e, r.PostForm.Get("code"))
	if err != nil {
		return h.factorAgain(r, err)
	}
	if err := h.Logins.SignIn(r.Context(), u); err != nil {
		return err
	}
	return h.showCodes(w, r, codes)
}

// FactorCodes replaces the recovery codes; code is one of the second factor.
func (h *Handlers) FactorCodes(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	codes, err := h.Accounts.NewRecoveryCodes(r.Context(), r.PostForm.Get("code"))
	if err != nil {
		return h.factorAgain(r, err)
	}
	return h.showCodes(w, r, codes)
}

// showCodes answers recovery codes, once.
func (h *Handlers) showCodes(w http.ResponseWriter, r *http.Request, codes []string) error {
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, recoveryJSON{RecoveryCodes: codes})
	}
	v, err := h.factorView(r)
	if err != nil {
		return err
	}
	v.Codes, v.Enrolment, v.Due = codes, account.Enrolment{}, false
	return render(w, r, http.StatusOK, h.factorPage(r, v))
}

// FactorRemove removes the actor's own second factor; code is one of it. The session of
// the request goes on, with a new token; all others end.
func (h *Handlers) FactorRemove(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	u, err := h.Accounts.RemoveOwnFactor(r.Context(), r.PostForm.Get("code"))
	if err != nil {
		return h.factorAgain(r, err)
	}
	if err := h.Logins.SignIn(r.Context(), u); err != nil {
		return err
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, factorJSON{})
	}
	return redirect(w, r, ui.FactorURL)
}

// UsersFactorRemove removes the second factor of a user who has lost it.
func (h *Handlers) UsersFactorRemove(w http.ResponseWriter, r *http.Request) error {
	name := pathParam(r, "user")
	return h.userChanged(w, r, name, h.Accounts.RemoveFactor(r.Context(), name))
}

// factorView returns what the page of the actor's own second factor shows.
func (h *Handlers) factorView(r *http.Request) (people.FactorView, error) {
	actor := services.ActorFrom(r.Context())
	u, err := h.Accounts.Get(r.Context(), actor.Name)
	if err != nil {
		return people.FactorView{}, err
	}
	v := people.FactorView{User: u, Due: actor.FactorDue, Now: h.now()}
	v.Factor, err = h.Accounts.OwnFactor(r.Context())
	if err != nil {
		return people.FactorView{}, err
	}
	v.Enrolment, err = account.ParseEnrolment(h.Logins.Enrolment(r.Context()))
	return v, err
}

func (h *Handlers) factorPage(r *http.Request, v people.FactorView) templ.Component {
	return people.FactorPage(h.frame(r, "profile", ui.T(r.Context(), "factor_title"), ""), v)
}

// factorAgain is an error that answers the page of the second factor with what was
// refused.
func (h *Handlers) factorAgain(r *http.Request, err error) error {
	code := services.CodeOf(err)
	if wantsJSON(r) || code == services.CodeInternal || code == services.CodeForbidden {
		return err
	}
	v, readErr := h.factorView(r)
	if readErr != nil {
		return readErr
	}
	return &FormError{Err: err, Form: func(p *ui.Problem) templ.Component {
		v.Problem = p
		return h.factorPage(r, v)
	}}
}
