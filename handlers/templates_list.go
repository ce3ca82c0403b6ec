package handlers

import (
	"net/http"
	"slices"
	"strconv"

	"kube-node-manager/services"
	"kube-node-manager/services/template"
	"kube-node-manager/views/templates"
	"kube-node-manager/views/ui"
)

// TemplatesList answers one page of the templates of a kind.
func (h *Handlers) TemplatesList(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	number, err := numberField(query, "page")
	if err != nil {
		return err
	}
	if !cleanText(query.Get("q")) {
		return services.Invalid("q", "error_text")
	}
	page, err := h.Templates.List(r.Context(), template.Query{
		Kind: pathParam(r, "kind"), Text: query.Get("q"), Page: number,
	})
	if err != nil {
		return err
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, templateListJSON{
			Kind: page.Query.Kind, Items: page.Items, Total: page.Total, Page: page.Query.Page, Size: template.PageSize,
		})
	}
	v := templates.ListView{Page: page, MayChange: mayChange(r), Now: h.now()}
	return render(
		w, r, http.StatusOK, templates.ListPage(h.templateFrame(r, templates.Title(r.Context(), page.Query.Kind)), v),
	)
}

// templateListJSON is the list of the HTTP contract.
type templateListJSON struct {
	Kind  string              `json:"kind"`
	Total int                 `json:"total"` // that the search lets through
	Page  int                 `json:"page"`
	Size  int                 `json:"size"`
	Items []template.Template `json:"items"`
}

// TemplatesShow answers one template, and where it can be applied.
func (h *Handlers) TemplatesShow(w http.ResponseWriter, r *http.Request) error {
	t, err := h.templateOf(r)
	if err != nil {
		return err
	}
	return h.showTemplate(w, r, http.StatusOK, t)
}

func (h *Handlers) showTemplate(w http.ResponseWriter, r *http.Request, status int, t template.Template) error {
	if wantsJSON(r) {
		return writeJSON(w, status, t)
	}
	v := templates.View{Template: t, MayChange: mayChange(r), Now: h.now()}
	for _, c := range h.clusterViews(services.ActorFrom(r.Context()).Scope()) {
		if t.UsableIn(c.Name) {
			v.Clusters = append(v.Clusters, c)
		}
	}
	v.Unknown = slices.DeleteFunc(slices.Clone(t.Clusters), h.knowsCluster)
	return render(w, r, status, templates.Page(h.templateFrame(r, t.Name), v))
}

func (h *Handlers) knowsCluster(name string) bool {
	_, err := h.Clusters.Get(name)
	return err == nil
}

// TemplatesDuplicate makes a copy of a template; a browser goes on to change it.
func (h *Handlers) TemplatesDuplicate(w http.ResponseWriter, r *http.Request) error {
	id, err := templateID(r)
	if err != nil {
		return err
	}
	t, err := h.Templates.Duplicate(r.Context(), pathParam(r, "kind"), id)
	if err != nil {
		return err
	}
	if wantsJSON(r) {
		w.Header().Set("Location", templates.URL(t.Kind, t.ID))
		return writeJSON(w, http.StatusCreated, t)
	}
	return redirect(w, r, templates.ActionURL(t.Kind, t.ID, "edit"))
}

// TemplatesDeleteForm asks whether a template is to go.
func (h *Handlers) TemplatesDeleteForm(w http.ResponseWriter, r *http.Request) error {
	t, err := h.changeableTemplate(r)
	if err != nil {
		return err
	}
	title := ui.T(r.Context(), "template_delete_title", "Name", t.Name)
	return render(w, r, http.StatusOK, templates.DeletePage(h.templateFrame(r, title), t))
}

// TemplatesDelete removes a template; JSON answers what it was.
func (h *Handlers) TemplatesDelete(w http.ResponseWriter, r *http.Request) error {
	id, err := templateID(r)
	if err != nil {
		return err
	}
	t, err := h.Templates.Delete(r.Context(), pathParam(r, "kind"), id)
	if err != nil {
		return err
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, t)
	}
	return redirect(w, r, ui.TemplatesURL(t.Kind))
}

// templateOf returns the template that the path names.
func (h *Handlers) templateOf(r *http.Request) (template.Template, error) {
	id, err := templateID(r)
	if err != nil {
		return template.Template{}, err
	}
	return h.Templates.Get(r.Context(), pathParam(r, "kind"), id)
}

// changeableTemplate is templateOf for the pages that lead to a change.
func (h *Handlers) changeableTemplate(r *http.Request) (template.Template, error) {
	if err := services.ActorFrom(r.Context()).Require(services.PermitChange); err != nil {
		return template.Template{}, err
	}
	return h.templateOf(r)
}

// templateID reads the id of the path; what is none names no template.
func templateID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(pathParam(r, "id"), 10, 64)
	if err != nil || id <= 0 {
		return 0, services.NewError(services.CodeNotFound, "error_template_none")
	}
	return id, nil
}

// templateKind returns the kind of a form's page, for those who may change.
func templateKind(r *http.Request) (string, error) {
	if err := services.ActorFrom(r.Context()).Require(services.PermitChange); err != nil {
		return "", err
	}
	kind := pathParam(r, "kind")
	if !slices.Contains(template.Kinds(), kind) {
		return "", services.NewError(services.CodeNotFound, "error_no_page")
	}
	return kind, nil
}

func mayChange(r *http.Request) bool {
	return services.ActorFrom(r.Context()).May(services.PermitChange)
}

func (h *Handlers) templateFrame(r *http.Request, title string) ui.Frame {
	return h.frame(r, "templates", title, "")
}
