package handlers

import (
	"net/http"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/views/people"
	"kube-node-manager/views/ui"
)

// UsersList answers the users; q limits them to those whose name, role, grants or
// identity provider has every word.
func (h *Handlers) UsersList(w http.ResponseWriter, r *http.Request) error {
	all, err := h.Accounts.Users(r.Context())
	if err != nil {
		return err
	}
	find := r.URL.Query().Get("q")
	words, wrong := services.SearchWords("q", find)
	if len(wrong) > 0 {
		return services.InvalidFields(wrong...)
	}
	found := slices.DeleteFunc(slices.Clone(all), func(u account.Listed) bool { return !userHas(u, words) })
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, newUserListJSON(found))
	}
	v := people.UsersView{Users: found, Total: len(all), Find: find, Now: h.now()}
	f := h.frame(r, "users", ui.T(r.Context(), "users_title"), "")
	return render(w, r, http.StatusOK, people.UsersPage(f, v))
}

// userHas reports whether each word is somewhere in what the list shows of a user.
func userHas(u account.Listed, words []string) bool {
	text := strings.ToLower(strings.Join([]string{u.Name, string(u.Role), u.Issuer, account.FormatGrants(u.Grants)}, "\n"))
	for _, word := range words {
		if !strings.Contains(text, strings.ToLower(word)) {
			return false
		}
	}
	return true
}

// UsersNew answers the form of a new user.
func (h *Handlers) UsersNew(w http.ResponseWriter, r *http.Request) error {
	if err := services.ActorFrom(r.Context()).Require(services.PermitUsers); err != nil {
		return err
	}
	form := people.AccessForm{Role: services.RoleViewer, Grants: people.RowsOf(nil)}
	return render(w, r, http.StatusOK, h.newUserPage(r, form))
}

// newUserPage returns the page of a new user's form.
func (h *Handlers) newUserPage(r *http.Request, form people.AccessForm) templ.Component {
	form.Clusters = h.clusterNames(r)
	return people.NewPage(h.frame(r, "users", ui.T(r.Context(), "user_new"), ""), form)
}

// clusterNames returns the names of the clusters that the actor of a request sees.
func (h *Handlers) clusterNames(r *http.Request) []string {
	var names []string
	for _, c := range h.clustersSeen(r) {
		names = append(names, c.Name)
	}
	return names
}

// UsersCreate adds a user of a form or of JSON:
//
//	name, password, role   texts
//	grant                  repeated: "prod: viewer", "env=staging: user"
//	grant_about            repeated, with a grant_role each, in place of grant; rows
//	                       without an about do not count
func (h *Handlers) UsersCreate(w http.ResponseWriter, r *http.Request) error {
	form, grants, err := readAccess(r)
	if err != nil {
		return h.newUserAgain(r, form, err)
	}
	form.Name = r.PostForm.Get("name")
	u, err := h.Accounts.AddUser(r.Context(), form.Name, r.PostForm.Get("password"), form.Role, grants...)
	if err != nil {
		return h.newUserAgain(r, form, err)
	}
	if wantsJSON(r) {
		w.Header().Set("Location", people.URL(u.Name))
		return h.writeUser(w, r, http.StatusCreated, u.Name)
	}
	return redirect(w, r, people.URL(u.Name))
}

// newUserAgain is an error that answers the form of a new user again.
func (h *Handlers) newUserAgain(r *http.Request, form people.AccessForm, err error) error {
	if wantsJSON(r) || services.CodeOf(err) != services.CodeInvalid {
		return err
	}
	return &FormError{Err: err, Form: func(p *ui.Problem) templ.Component {
		form.Problem = p
		return h.newUserPage(r, form)
	}}
}

// readAccess reads the role and the grants of a form.
func readAccess(r *http.Request) (people.AccessForm, []services.Grant, error) {
	if err := parseForm(r); err != nil {
		return people.AccessForm{}, nil, err
	}
	form := people.AccessForm{Role: services.Role(r.PostForm.Get("role"))}
	lines := slices.Clone(r.PostForm["grant"])
	roles := r.PostForm["grant_role"]
	for i, about := range r.PostForm["grant_about"] {
		role := services.RoleViewer
		if i < len(roles) {
			role = services.Role(roles[i])
		}
		form.Grants = append(form.Grants, people.GrantRow{About: about, Role: role})
		if strings.TrimSpace(about) != "" {
			lines = append(lines, about+": "+string(role))
		}
	}
	grants, err := account.ParseGrants(lines)
	return form, grants, err
}
