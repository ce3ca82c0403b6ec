package handlers

import (
	"net/http"
	"time"

	"github.com/a-h/templ"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/views/people"
	"kube-node-manager/views/ui"
)

// UsersShow answers one user.
func (h *Handlers) UsersShow(w http.ResponseWriter, r *http.Request) error {
	if err := services.ActorFrom(r.Context()).Require(services.PermitUsers); err != nil {
		return err
	}
	name := pathParam(r, "user")
	if wantsJSON(r) {
		return h.writeUser(w, r, http.StatusOK, name)
	}
	v, err := h.userView(r, name)
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, h.userPage(r, v))
}

func (h *Handlers) userPage(r *http.Request, v people.UserView) templ.Component {
	return people.UserPage(h.frame(r, "users", v.User.Name, ""), v)
}

// userView returns what the page of a user shows.
func (h *Handlers) userView(r *http.Request, name string) (people.UserView, error) {
	u, err := h.Accounts.Get(r.Context(), name)
	if err != nil {
		return people.UserView{}, err
	}
	v := people.UserView{
		User: u, Self: u.ID == services.ActorFrom(r.Context()).ID, Now: h.now(),
		Access: people.AccessForm{Name: u.Name, Role: u.Role, Grants: people.RowsOf(u.Grants), Clusters: h.clusterNames(r)},
	}
	v.Tokens, err = h.tokensView(r, people.URL(u.Name), u.Name)
	if err != nil {
		return people.UserView{}, err
	}
	v.Sessions, err = h.Logins.Of(r.Context(), u)
	return v, err
}

// UsersAccess changes the role and the grants of a user; the fields are those of
// UsersCreate, and say all that the user may do from then on.
func (h *Handlers) UsersAccess(w http.ResponseWriter, r *http.Request) error {
	name := pathParam(r, "user")
	form, grants, err := readAccess(r)
	if err == nil {
		_, err = h.Accounts.SetAccess(r.Context(), name, form.Role, grants)
	}
	if err == nil {
		return h.userChanged(w, r, name, nil)
	}
	return h.userAgain(r, name, err, func(v *people.UserView, p *ui.Problem) {
		if services.CodeOf(err) == services.CodeInvalid {
			v.Access.Role, v.Access.Grants, v.Access.Problem = form.Role, form.Grants, p
		}
	})
}

// UsersPassword sets the password of a user.
func (h *Handlers) UsersPassword(w http.ResponseWriter, r *http.Request) error {
	name := pathParam(r, "user")
	if err := parseForm(r); err != nil {
		return err
	}
	_, err := h.Accounts.SetPassword(r.Context(), name, r.PostForm.Get("password"))
	return h.userChanged(w, r, name, err)
}

// UsersDisable blocks a user until UsersEnable.
func (h *Handlers) UsersDisable(w http.ResponseWriter, r *http.Request) error {
	name := pathParam(r, "user")
	_, err := h.Accounts.Disable(r.Context(), name)
	return h.userChanged(w, r, name, err)
}

// UsersEnable lets a disabled user sign in again.
func (h *Handlers) UsersEnable(w http.ResponseWriter, r *http.Request) error {
	name := pathParam(r, "user")
	_, err := h.Accounts.Enable(r.Context(), name)
	return h.userChanged(w, r, name, err)
}

// UsersSignOut ends all login sessions of a user.
func (h *Handlers) UsersSignOut(w http.ResponseWriter, r *http.Request) error {
	name := pathParam(r, "user")
	return h.userChanged(w, r, name, h.Accounts.EndLogins(r.Context(), name))
}

// UsersDeleteForm asks whether a user is to go.
func (h *Handlers) UsersDeleteForm(w http.ResponseWriter, r *http.Request) error {
	if err := services.ActorFrom(r.Context()).Require(services.PermitUsers); err != nil {
		return err
	}
	u, err := h.Accounts.Get(r.Context(), pathParam(r, "user"))
	if err != nil {
		return err
	}
	tokens, err := h.Accounts.Tokens(r.Context(), u.Name)
	if err != nil {
		return err
	}
	title := ui.T(r.Context(), "user_delete_title", "Name", u.Name)
	return render(w, r, http.StatusOK, people.DeletePage(h.frame(r, "users", title, ""), u, len(tokens)))
}

// UsersDelete deletes a user.
func (h *Handlers) UsersDelete(w http.ResponseWriter, r *http.Request) error {
	name := pathParam(r, "user")
	_, _, err := h.Accounts.Delete(r.Context(), name)
	if err != nil {
		return h.userAgain(r, name, err, func(*people.UserView, *ui.Problem) {})
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, deletedJSON{Name: name, Deleted: true})
	}
	return redirect(w, r, ui.UsersURL)
}

// userChanged answers a change of a user, or says on the user's page why it was refused.
func (h *Handlers) userChanged(w http.ResponseWriter, r *http.Request, name string, err error) error {
	if err != nil {
		return h.userAgain(r, name, err, func(*people.UserView, *ui.Problem) {})
	}
	if wantsJSON(r) {
		return h.writeUser(w, r, http.StatusOK, name)
	}
	return redirect(w, r, people.URL(name))
}

// userAgain is an error that answers the page of a user with what was refused; put
// puts it into its place.
func (h *Handlers) userAgain(r *http.Request, name string, err error, put func(*people.UserView, *ui.Problem)) error {
	code := services.CodeOf(err)
	if wantsJSON(r) || code != services.CodeInvalid && code != services.CodeConflict {
		return err
	}
	v, readErr := h.userView(r, name)
	if readErr != nil {
		return readErr
	}
	return &FormError{Err: err, Form: func(p *ui.Problem) templ.Component {
		v.Problem = p
		put(&v, p)
		return h.userPage(r, v)
	}}
}

// userJSON is one user. It has no password, not even a hash.
type userJSON struct {
	Name        string      `json:"name"`
	Role        string      `json:"role"`
	Grants      []grantJSON `json:"grants"`
	Issuer      string      `json:"issuer,omitempty"`
	Factor      bool        `json:"secondFactor"`
	Disabled    bool        `json:"disabled"`
	CreatedAt   time.Time   `json:"createdAt"`
	LastLoginAt *time.Time  `json:"lastLoginAt"`
}

type grantJSON struct {
	Cluster string `json:"cluster,omitempty"`
	Label   string `json:"label,omitempty"`
	Role    string `json:"role"`
}

func newUserJSON(u account.Listed) userJSON {
	out := userJSON{
		Name: u.Name, Role: string(u.Role), Grants: make([]grantJSON, len(u.Grants)), Issuer: u.Issuer,
		Factor: u.Factor, Disabled: u.Disabled, CreatedAt: u.CreatedAt, LastLoginAt: u.LastLoginAt,
	}
	for i, g := range u.Grants {
		out.Grants[i] = grantJSON{Cluster: g.Cluster, Label: g.Label, Role: string(g.Role)}
	}
	return out
}

type userListJSON struct {
	Items []userJSON `json:"items"`
}

func newUserListJSON(users []account.Listed) userListJSON {
	list := userListJSON{Items: make([]userJSON, len(users))}
	for i, u := range users {
		list.Items[i] = newUserJSON(u)
	}
	return list
}

// deletedJSON says that a user is no more.
type deletedJSON struct {
	Name    string `json:"name"`
	Deleted bool   `json:"deleted"`
}

func (h *Handlers) writeUser(w http.ResponseWriter, r *http.Request, status int, name string) error {
	u, err := h.Accounts.Get(r.Context(), name)
	if err != nil {
		return err
	}
	return writeJSON(w, status, newUserJSON(u))
}
