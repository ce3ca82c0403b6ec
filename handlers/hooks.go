package handlers

import (
	"net/http"
	"strconv"

	"github.com/a-h/templ"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
	"kube-node-manager/services/notify"
	"kube-node-manager/services/store"
	"kube-node-manager/views/admin"
	"kube-node-manager/views/ui"
)

// hooksJSON is the webhooks and the newest of what they were told.
type hooksJSON struct {
	Items      []store.Hook     `json:"items"`
	Deliveries []store.Delivery `json:"deliveries"`
}

// HooksList answers the webhooks, and what was sent to them.
func (h *Handlers) HooksList(w http.ResponseWriter, r *http.Request) error {
	hooks, log, err := h.Notify.List(r.Context())
	if err != nil {
		return err
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, hooksJSON{hooks, log})
	}
	return render(w, r, http.StatusOK, h.hooksPage(r, hooks, log, nil))
}

func (h *Handlers) hooksPage(
	r *http.Request, hooks []store.Hook, log []store.Delivery, p *ui.Problem,
) templ.Component {
	return admin.HooksPage(h.frame(r, "hooks", ui.T(r.Context(), "hooks_title"), ""), admin.HooksView{
		Hooks: hooks, Log: log, Now: h.now(), Form: h.hookForm(r, nil, p),
	})
}

// hookForm returns the form of a webhook, nil for a new one.
func (h *Handlers) hookForm(r *http.Request, stored *store.Hook, p *ui.Problem) admin.HookForm {
	return admin.HookForm{Hook: stored, Clusters: h.clusterNames(r), Typed: r.PostForm, Problem: p}
}

// HooksCreate adds a webhook.
func (h *Handlers) HooksCreate(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	made, err := h.Notify.Create(r.Context(), form.Fields(r.PostForm), h.clusterNames(r))
	switch {
	case err == nil && wantsJSON(r):
		return writeJSON(w, http.StatusCreated, made)
	case err == nil:
		return redirect(w, r, ui.HooksURL)
	case services.CodeOf(err) != services.CodeInvalid || wantsJSON(r):
		return err
	}
	hooks, log, readErr := h.Notify.List(r.Context())
	if readErr != nil {
		return readErr
	}
	return &FormError{Err: err, Form: func(p *ui.Problem) templ.Component { return h.hooksPage(r, hooks, log, p) }}
}

// HooksEdit answers a webhook with its form.
func (h *Handlers) HooksEdit(w http.ResponseWriter, r *http.Request) error {
	hook, err := h.Notify.Hook(r.Context(), hookID(r))
	switch {
	case err != nil:
		return err
	case wantsJSON(r):
		return writeJSON(w, http.StatusOK, hook)
	default:
		return render(w, r, http.StatusOK, h.hookPage(r, hook, nil))
	}
}

func (h *Handlers) hookPage(r *http.Request, hook store.Hook, p *ui.Problem) templ.Component {
	title := ui.T(r.Context(), "hook_edit_title", "Name", hook.Name)
	return admin.HookPage(h.frame(r, "hooks", title, ""), h.hookForm(r, &hook, p))
}

// HooksUpdate changes a webhook.
func (h *Handlers) HooksUpdate(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	hook, err := h.Notify.Update(r.Context(), hookID(r), form.Fields(r.PostForm), h.clusterNames(r))
	switch {
	case err == nil && wantsJSON(r):
		return writeJSON(w, http.StatusOK, hook)
	case err == nil:
		return redirect(w, r, ui.HooksURL)
	case services.CodeOf(err) != services.CodeInvalid || wantsJSON(r):
		return err
	}
	return &FormError{Err: err, Form: func(p *ui.Problem) templ.Component { return h.hookPage(r, hook, p) }}
}

// HooksAskDelete answers the page that asks whether to delete a webhook.
func (h *Handlers) HooksAskDelete(w http.ResponseWriter, r *http.Request) error {
	hook, err := h.Notify.Hook(r.Context(), hookID(r))
	if err != nil {
		return err
	}
	title := ui.T(r.Context(), "hook_delete_title", "Name", hook.Name)
	return render(w, r, http.StatusOK, admin.HookDeletePage(h.frame(r, "hooks", title, ""), hook))
}

// HooksTest sends a message to a webhook.
func (h *Handlers) HooksTest(w http.ResponseWriter, r *http.Request) error {
	return h.changeHook(w, r, func(id int64) error { return h.Notify.Test(r.Context(), id) })
}

// HooksDisable stops what is sent to a webhook.
func (h *Handlers) HooksDisable(w http.ResponseWriter, r *http.Request) error {
	return h.changeHook(w, r, func(id int64) error { return h.Notify.Switch(r.Context(), id, true) })
}

// HooksEnable sends to a webhook again.
func (h *Handlers) HooksEnable(w http.ResponseWriter, r *http.Request) error {
	return h.changeHook(w, r, func(id int64) error { return h.Notify.Switch(r.Context(), id, false) })
}

// HooksDelete deletes a webhook.
func (h *Handlers) HooksDelete(w http.ResponseWriter, r *http.Request) error {
	return h.changeHook(w, r, func(id int64) error { return h.Notify.Delete(r.Context(), id) })
}

// HooksPosted leads to the webhooks: the address of a form was opened.
func (h *Handlers) HooksPosted(w http.ResponseWriter, r *http.Request) error {
	return redirect(w, r, ui.HooksURL)
}

// changeHook does something to a webhook and answers the list.
func (h *Handlers) changeHook(w http.ResponseWriter, r *http.Request, change func(id int64) error) error {
	if err := change(hookID(r)); err != nil {
		return err
	}
	if !wantsJSON(r) {
		return redirect(w, r, ui.HooksURL)
	}
	hooks, log, err := h.Notify.List(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, hooksJSON{hooks, log})
}

// hookID returns the id of the webhook in the path; one that is no number is of no webhook.
func hookID(r *http.Request) int64 {
	id, err := strconv.ParseInt(pathParam(r, "hook"), 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// hookRoutes are the routes of webhooks.
func hookRoutes() []apiRoute {
	change := func(verb, name, summary string) apiRoute {
		return apiRoute{
			method: "POST", path: "/hooks/{hook}/" + verb, group: "program", name: name, summary: summary,
			answers: ok(hooksJSON{}),
		}
	}
	return []apiRoute{
		{
			method: "GET", path: "/hooks", group: "program", name: "listHooks",
			summary: "List the webhooks, and the newest of what was sent to them.", answers: ok(hooksJSON{}),
		},
		{
			method: "POST", path: "/hooks", group: "program", name: "createHook",
			summary: "Add a webhook.", form: hookFields(), answers: map[int]any{http.StatusCreated: store.Hook{}},
		},
		{
			method: "GET", path: "/hooks/{hook}/edit", group: "program", name: "showHook",
			summary: "Show a webhook, without its address and its secret.", answers: ok(store.Hook{}),
		},
		{
			method: "POST", path: "/hooks/{hook}/edit", group: "program", name: "updateHook",
			summary: "Change a webhook; a field that is not sent keeps its value.", answers: ok(store.Hook{}),
			form: append(hookFields(), onlyOne("secret_remove", "Take the secret away.")),
		},
		change("test", "testHook", "Send a test to a webhook; the list says what came of it."),
		change("disable", "disableHook", "Send nothing to a webhook until it is enabled."),
		change("enable", "enableHook", "Send to a webhook again."),
		change("delete", "deleteHook", "Delete a webhook and its log."),
	}
}

func hookFields() []apiField {
	return []apiField{
		textField("name", "Name, at most 60 characters."),
		textField("url", "Address. It is stored encrypted and not shown again."),
		textField("secret", "What requests are signed with, at least 16 characters; needed for the format json."),
		textField("cluster", "Only this cluster; all if left out."),
		choiceField("format", "What is sent.", notify.Formats()...),
		choiceField("language", "Language of the texts.", notify.Languages()...),
		listField("event", "What is told: started, blocked, approval, failed, ended; all if left out."),
		numberOf("minutes", "Minutes that a drain is blocked before it is told, 1 to 1440; 10 if left out."),
	}
}
