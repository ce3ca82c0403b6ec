package handlers

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
	"kube-node-manager/services/saved"
	"kube-node-manager/views/nodes"
	"kube-node-manager/views/ui"
)

// viewListJSON is the list of saved views.
type viewListJSON struct {
	Items []saved.View `json:"items"`
}

// ViewsList answers the saved views that the actor may use: a page that changes them, or
// JSON.
func (h *Handlers) ViewsList(w http.ResponseWriter, r *http.Request) error {
	return h.showViews(w, r, http.StatusOK, nil, 0)
}

// showViews is ViewsList, also with what was wrong with the form of one view.
func (h *Handlers) showViews(w http.ResponseWriter, r *http.Request, status int, problem error, id int64) error {
	views, err := h.Saved.Views(r.Context())
	if err != nil {
		return err
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, viewListJSON{views})
	}
	searches, err := h.Saved.Searches(r.Context())
	if err != nil {
		return err
	}
	v := nodes.SavedPageView{Items: views, Searches: searches, MayShare: mayChange(r), Wrong: id}
	if problem != nil {
		v.Problem = ui.NewProblem(r.Context(), problem)
	}
	return render(w, r, status, nodes.SavedPage(h.frame(r, "views", ui.T(r.Context(), "views_title"), ""), v))
}

// ViewsMenu answers the list of the menu of views, for the table that HTMX says it is
// on.
func (h *Handlers) ViewsMenu(w http.ResponseWriter, r *http.Request) error {
	at, err := url.Parse(cameFrom(r))
	if err != nil {
		at = &url.URL{}
	}
	query, err := tableQuery(at.RawQuery)
	if err != nil {
		query = "" // somebody is typing; the table says what is wrong
	}
	m, err := h.viewsMenu(r, clusterIn(at), query)
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, nodes.SavedList(m))
}

// clusterIn returns the cluster of the address of a table, or "".
func clusterIn(at *url.URL) string {
	rest, found := strings.CutPrefix(at.EscapedPath(), ui.ClustersURL+"/")
	escaped, _, _ := strings.Cut(rest, "/")
	name, err := url.PathUnescape(escaped)
	if !found || err != nil {
		return ""
	}
	return name
}

// viewsMenu returns the menu of views beside a table. query is a result of tableQuery.
func (h *Handlers) viewsMenu(r *http.Request, cluster, query string) (nodes.SavedMenuView, error) {
	views, err := h.Saved.Views(r.Context())
	return nodes.SavedMenuView{Cluster: cluster, Query: query, Items: views, MayShare: mayChange(r)}, err
}

// tableQuery returns the parameters of a table that a view keeps, without those that are
// not known. Errors: CodeInvalid names the wrong parameter.
func tableQuery(text string) (string, error) {
	values, err := url.ParseQuery(strings.TrimPrefix(text, "?"))
	if err != nil {
		return "", services.Invalid("query", "error_view_parameters")
	}
	q, err := nodeQuery(values)
	if err != nil {
		return "", err
	}
	q.Clusters = values["cluster"]
	if err := q.Check(); err != nil {
		return "", err
	}
	return viewQuery(q), nil
}

// viewQuery returns the parameters of a query that a view keeps.
func viewQuery(q node.Query) string {
	q.Page, q.Fresh, q.Apply, q.Text = 0, false, "", strings.TrimSpace(q.Text)
	return ui.QueryValues(q).Encode()
}

// ViewsCreate saves a view: name, query, shared=1; with replace=1 in the place of the
// actor's view of that name. JSON answers 201 with it, HTMX with the menu.
func (h *Handlers) ViewsCreate(w http.ResponseWriter, r *http.Request) error {
	d, err := viewDraft(r)
	if err != nil {
		return err
	}
	made, err := h.Saved.Save(r.Context(), d, r.PostForm.Get("replace") == "1")
	switch {
	case isHTMX(r):
		return h.answerMenu(w, r, d, made, err)
	case err != nil && !wantsJSON(r) && services.CodeOf(err) == services.CodeInvalid:
		return h.showViews(w, r, http.StatusUnprocessableEntity, err, 0)
	case err != nil:
		return err
	case wantsJSON(r):
		w.Header().Set("Location", ui.ViewURL(made.ID))
		return writeJSON(w, http.StatusCreated, made)
	default:
		return redirect(w, r, LocalPath(r.PostForm.Get("back")))
	}
}

// answerMenu answers the menu after a view was saved, or was not.
func (h *Handlers) answerMenu(w http.ResponseWriter, r *http.Request, d saved.Draft, made saved.View, err error) error {
	if err != nil && services.CodeOf(err) != services.CodeInvalid && services.CodeOf(err) != services.CodeForbidden {
		return err
	}
	m, listErr := h.viewsMenu(r, r.PostForm.Get("cluster"), d.Query)
	if listErr != nil {
		return listErr
	}
	m.Saved = made.Name
	if err != nil {
		m.Problem, m.Name, m.Shared = ui.NewProblem(r.Context(), err), d.Name, d.Shared
	}
	return render(w, r, http.StatusOK, nodes.SavedMenu(m))
}

// viewDraft reads the form of a view.
func viewDraft(r *http.Request) (saved.Draft, error) {
	if err := parseForm(r); err != nil {
		return saved.Draft{}, err
	}
	// Whoever may not is told so before what is wrong with the form.
	if err := services.ActorFrom(r.Context()).Require(services.PermitSee); err != nil {
		return saved.Draft{}, err
	}
	d := saved.Draft{
		Name: r.PostForm.Get("name"), Shared: r.PostForm.Get("shared") == "1", KeepQuery: !r.PostForm.Has("query"),
	}
	if d.KeepQuery {
		return d, nil
	}
	var err error
	d.Query, err = tableQuery(r.PostForm.Get("query"))
	return d, err
}

// viewID reads the id of the path; 0 is no view's.
func viewID(r *http.Request) int64 {
	id, err := strconv.ParseInt(pathParam(r, "id"), 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// ViewsShow answers one view; a browser is sent to the table of all clusters with it.
func (h *Handlers) ViewsShow(w http.ResponseWriter, r *http.Request) error {
	v, err := h.Saved.View(r.Context(), viewID(r))
	switch {
	case err != nil:
		return err
	case wantsJSON(r):
		return writeJSON(w, http.StatusOK, v)
	default:
		return redirect(w, r, ui.QueryURL("", v.Query))
	}
}

// ViewsUpdate changes the name of a view, whether it is shared, and its query if there is
// one.
func (h *Handlers) ViewsUpdate(w http.ResponseWriter, r *http.Request) error {
	d, err := viewDraft(r)
	if err != nil {
		return err
	}
	changed, err := h.Saved.Update(r.Context(), viewID(r), d)
	switch {
	case err != nil && !wantsJSON(r) && services.CodeOf(err) == services.CodeInvalid:
		return h.showViews(w, r, http.StatusUnprocessableEntity, err, viewID(r))
	case err != nil:
		return err
	case wantsJSON(r):
		return writeJSON(w, http.StatusOK, changed)
	default:
		return redirect(w, r, ui.ViewsURL)
	}
}

// ViewsDelete deletes a view; JSON answers what it was.
func (h *Handlers) ViewsDelete(w http.ResponseWriter, r *http.Request) error {
	gone, err := h.Saved.Delete(r.Context(), viewID(r))
	switch {
	case err != nil:
		return err
	case wantsJSON(r):
		return writeJSON(w, http.StatusOK, gone)
	default:
		return redirect(w, r, ui.ViewsURL)
	}
}

// ViewsPosted leads to the saved views.
func (h *Handlers) ViewsPosted(w http.ResponseWriter, r *http.Request) error {
	return redirect(w, r, ui.ViewsURL)
}
