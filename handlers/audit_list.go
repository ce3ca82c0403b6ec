package handlers

import (
	"context"
	"net/http"
	"strconv"

	"kube-node-manager/services"
	"kube-node-manager/services/audit"
	"kube-node-manager/views/admin"
	"kube-node-manager/views/ui"
)

// AuditList answers a page of the audit log, newest first.
func (h *Handlers) AuditList(w http.ResponseWriter, r *http.Request) error {
	q, err := auditQuery(r)
	var page audit.Page
	if err == nil {
		page, err = h.Audit.List(r.Context(), q)
	}
	switch {
	case wantsJSON(r) && err == nil:
		return writeJSON(w, http.StatusOK, newAuditJSON(r.Context(), page))
	case err == nil:
		return h.showAudit(w, r, http.StatusOK, admin.AuditView{Page: page})
	case wantsJSON(r) || isHTMX(r) || services.CodeOf(err) != services.CodeInvalid:
		return err
	default: // the form comes back with what is wrong in it
		return h.showAudit(w, r, http.StatusUnprocessableEntity, admin.AuditView{
			Page: audit.Page{Query: q}, Problem: ui.NewProblem(r.Context(), err),
		})
	}
}

func (h *Handlers) showAudit(w http.ResponseWriter, r *http.Request, status int, v admin.AuditView) error {
	actor := services.ActorFrom(r.Context())
	v.Everything, v.OnlyLogins, v.Now = actor.May(services.PermitAudit), !actor.May(services.PermitChange), h.now()
	return render(w, r, status, admin.AuditPage(h.frame(r, "audit", ui.T(r.Context(), "audit_title"), ""), v))
}

// auditQuery reads the filters; the service checks what they say. An error goes
// with what was read.
func auditQuery(r *http.Request) (audit.Query, error) {
	values := r.URL.Query()
	q := audit.Query{
		Actor: values.Get("actor"), Object: values.Get("object"), Action: values.Get("action"),
		Cluster: values.Get("cluster"), Node: values.Get("node"), Result: values.Get("result"),
		Since: values.Get("since"), From: values.Get("from"), To: values.Get("to"),
		Zone: ui.Zone(r.Context()), Text: values.Get("q"),
	}
	text := values.Get("before")
	if text == "" {
		return q, nil
	}
	before, err := strconv.ParseInt(text, 10, 64)
	if err != nil || before < 0 {
		return q, services.Invalid("before", "error_number", "Value", text)
	}
	q.Before = before
	return q, nil
}

// auditJSON is a page of the audit log; Older is the path of the next one.
type auditJSON struct {
	Items []audit.Entry `json:"items"`
	Older string        `json:"older,omitempty"`
}

func newAuditJSON(ctx context.Context, p audit.Page) auditJSON {
	out := auditJSON{Items: p.Items}
	if p.Older > 0 {
		out.Older = ui.Outside(ctx, admin.AuditPageURL(p))
	}
	return out
}
