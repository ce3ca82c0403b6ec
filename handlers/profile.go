package handlers

import (
	"net/http"

	"github.com/a-h/templ"

	"kube-node-manager/services"
	"kube-node-manager/views/people"
	"kube-node-manager/views/ui"
)

// ProfileShow answers the actor's own account.
func (h *Handlers) ProfileShow(w http.ResponseWriter, r *http.Request) error {
	v, err := h.profileView(r)
	if err != nil {
		return err
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, newProfileJSON(v))
	}
	return render(w, r, http.StatusOK, h.profilePage(r, v))
}

// profileJSON is the actor's own account. Clusters are those where the role is another.
type profileJSON struct {
	User     userJSON          `json:"user"`
	Clusters map[string]string `json:"clusters"`
	Tokens   []tokenJSON       `json:"tokens"`
}

func newProfileJSON(v people.ProfileView) profileJSON {
	out := profileJSON{
		User: newUserJSON(v.User), Clusters: map[string]string{}, Tokens: newTokenListJSON(v.Tokens.Tokens),
	}
	for cluster, role := range v.Clusters {
		out.Clusters[cluster] = string(role)
	}
	return out
}

// passwordJSON says how many tokens a new password has revoked.
type passwordJSON struct {
	TokensRevoked int `json:"tokensRevoked"`
}

// signedOutJSON says that all login sessions have ended.
type signedOutJSON struct {
	SignedOut bool `json:"signedOut"`
}

func (h *Handlers) profilePage(r *http.Request, v people.ProfileView) templ.Component {
	return people.ProfilePage(h.frame(r, "profile", ui.T(r.Context(), "profile_title"), ""), v)
}

// profileView returns what the page of the actor's own account shows.
func (h *Handlers) profileView(r *http.Request) (people.ProfileView, error) {
	actor := services.ActorFrom(r.Context())
	u, err := h.Accounts.Get(r.Context(), actor.Name)
	if err != nil {
		return people.ProfileView{}, err
	}
	v := people.ProfileView{User: u, Clusters: actor.Clusters, Now: h.now()}
	v.Tokens, err = h.tokensView(r, ui.ProfileURL, u.Name)
	if err != nil {
		return people.ProfileView{}, err
	}
	v.Sessions, err = h.Logins.Of(r.Context(), u)
	return v, err
}

// ProfilePassword changes the actor's own password: current, password and password2.
// The session of the request goes on, with a new token; all others end.
func (h *Handlers) ProfilePassword(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	password := r.PostForm.Get("password")
	if r.PostForm.Has("password2") && r.PostForm.Get("password2") != password {
		return h.profileAgain(r, services.Invalid("password2", "error_password_differs"), nil)
	}
	u, revoked, err := h.Accounts.ChangePassword(r.Context(), r.PostForm.Get("current"), password)
	if err != nil {
		return h.profileAgain(r, err, nil)
	}
	if err := h.Logins.SignIn(r.Context(), u); err != nil {
		return err
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, passwordJSON{TokensRevoked: revoked})
	}
	v, err := h.profileView(r)
	if err != nil {
		return err
	}
	v.Done, v.Revoked = true, revoked
	return render(w, r, http.StatusOK, h.profilePage(r, v))
}

// ProfileToken creates a token for the actor, and shows it once.
func (h *Handlers) ProfileToken(w http.ResponseWriter, r *http.Request) error {
	form, token, err := readToken(r)
	var made string
	if err == nil {
		made, err = h.Accounts.CreateToken(r.Context(), services.ActorFrom(r.Context()).Name, token)
	}
	if err != nil {
		return h.profileAgain(r, err, func(v *people.ProfileView, p *ui.Problem) { v.Tokens.Form = refused(form, p) })
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusCreated, newTokenJSON{Token: made})
	}
	v, err := h.profileView(r)
	if err != nil {
		return err
	}
	v.Tokens.Made = made
	return render(w, r, http.StatusCreated, h.profilePage(r, v))
}

// ProfileSessionEnd ends one of the actor's own login sessions.
func (h *Handlers) ProfileSessionEnd(w http.ResponseWriter, r *http.Request) error {
	if err := h.Logins.End(r.Context(), pathParam(r, "session")); err != nil {
		return err
	}
	return redirect(w, r, ui.ProfileURL)
}

// ProfileSignOut ends all of the actor's own login sessions, that of the request
// included.
func (h *Handlers) ProfileSignOut(w http.ResponseWriter, r *http.Request) error {
	if err := h.Accounts.EndLogins(r.Context(), services.ActorFrom(r.Context()).Name); err != nil {
		return err
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, signedOutJSON{SignedOut: true})
	}
	return redirect(w, r, ui.SignInURL)
}

// profileAgain is an error that answers the page of the actor's own account with what
// was refused; put puts it into its place, nil for the form of the password.
func (h *Handlers) profileAgain(r *http.Request, err error, put func(*people.ProfileView, *ui.Problem)) error {
	code := services.CodeOf(err)
	if wantsJSON(r) || code != services.CodeInvalid && code != services.CodeConflict && code != services.CodeThrottled {
		return err
	}
	v, readErr := h.profileView(r)
	if readErr != nil {
		return readErr
	}
	return &FormError{Err: err, Form: func(p *ui.Problem) templ.Component {
		if put != nil && code == services.CodeInvalid {
			put(&v, p)
		} else {
			v.Problem = p
		}
		return h.profilePage(r, v)
	}}
}
