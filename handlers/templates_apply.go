package handlers

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/template"
	"kube-node-manager/views/templates"
	"kube-node-manager/views/ui"
)

// TemplatesApply answers the page on which a template is chosen for some nodes,
// and its values; its form leads to the plan. The nodes are those of
// BatchesCreate. kind and template name the template, or choose does both at
// once ("labels-3"); without any of them the page offers those that may be used
// in the cluster.
func (h *Handlers) TemplatesApply(w http.ResponseWriter, r *http.Request) error {
	return h.page(h.apply)(w, r)
}

func (h *Handlers) apply(w http.ResponseWriter, r *http.Request) error {
	q, err := h.selection(r)
	if err != nil {
		return err
	}
	v, err := h.templateApply(r, q)
	if err != nil {
		return h.applyAgain(r, v, err)
	}
	if err := h.followAddress(w, r); err != nil {
		return err
	}
	return render(w, r, http.StatusOK, h.applyPage(r, v))
}

// templateApply fills in the page for what a form asks.
func (h *Handlers) templateApply(r *http.Request, q batch.Request) (v templates.Apply, err error) {
	v = templates.Apply{
		Cluster: q.Cluster, Names: q.Nodes, Reason: q.Reason, Mode: r.Form.Get("mode"), Values: r.Form, Back: backOf(r),
	}
	clusters := clustersOf(q)
	v.Usable, err = h.Templates.Usable(r.Context(), clusters...)
	if err != nil {
		return v, err
	}
	v.Template, err = h.chosenTemplate(r, clusters, v.Usable)
	return v, err
}

// refuseTemplate shows the page again when its form could not be planned.
func (h *Handlers) refuseTemplate(r *http.Request, q batch.Request, problem error) error {
	v, err := h.templateApply(r, q)
	if err != nil && services.CodeOf(err) != services.CodeInvalid {
		return problem
	}
	return h.applyAgain(r, v, problem)
}

// chosenTemplate returns the template that a form names, nil when it names none.
func (h *Handlers) chosenTemplate(
	r *http.Request, clusters []string, usable []template.Template,
) (*template.Template, error) {
	kind, text := chosenName(r.Form)
	if text == "" {
		return nil, nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return nil, services.Invalid("template", "error_template_choice")
	}
	at := slices.IndexFunc(usable, func(t template.Template) bool { return t.ID == id && (kind == "" || t.Kind == kind) })
	if at >= 0 {
		return &usable[at], nil
	}
	if kind == "" {
		return nil, services.NewError(services.CodeNotFound, "error_template_none")
	}
	for _, cluster := range clusters {
		_, err := h.Templates.Template(r.Context(), kind, id, cluster)
		if err != nil {
			return nil, err // it says why not
		}
	}
	return nil, services.NewError(services.CodeNotFound, "error_template_none")
}

// chosenName returns the kind and the id that a form names.
func chosenName(form url.Values) (kind, id string) {
	if kind, id, both := strings.Cut(form.Get("choose"), "-"); both {
		return kind, id
	}
	return form.Get("kind"), form.Get("template")
}

func (h *Handlers) applyAgain(r *http.Request, v templates.Apply, err error) error {
	if services.CodeOf(err) != services.CodeInvalid || isHTMX(r) {
		return err // HTMX shows it above the page, which stays
	}
	return &FormError{Err: err, Form: func(p *ui.Problem) templ.Component {
		v.Problem = p
		return h.applyPage(r, v)
	}}
}

func (h *Handlers) applyPage(r *http.Request, v templates.Apply) templ.Component {
	if v.Mode != operation.ModeReplace {
		v.Mode = operation.ModeAdd
	}
	f := h.frame(r, framePart(v.Cluster), ui.N(r.Context(), "template_apply_title", len(v.Names)), v.Cluster)
	return templates.ApplyPage(f, v)
}
