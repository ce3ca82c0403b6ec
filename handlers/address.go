package handlers

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

// maxAddress is how long an address may be, in bytes, before its form is kept
// here: proxies and chat programs cut longer ones.
const maxAddress = 2000

// handler is what every method here is that answers a route.
type handler = func(http.ResponseWriter, *http.Request) error

// page answers a page that a form leads to. A browser that posts the form is
// sent to an address that GET answers, so that reloading it, going back to it
// and sharing it work; scripts and HTMX are answered at once.
func (h *Handlers) page(show handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := h.requireChange(r); err != nil {
			return err
		}
		if err := h.readPage(r); err != nil {
			return err
		}
		switch {
		case wantsJSON(r), isHTMX(r), r.Method != http.MethodPost && len(r.Form) > 0:
			return show(w, r)
		case r.Method != http.MethodPost: // the bare address, which somebody has typed
			return redirect(w, r, ui.NodesURL(pathParam(r, "cluster"), node.Query{}))
		default:
			return h.goTo(w, r, r.URL.EscapedPath())
		}
	}
}

// requireChange returns an error unless the actor may change nodes in the cluster of a
// page, or in one of all clusters for a page without.
func (h *Handlers) requireChange(r *http.Request) error {
	actor, cluster := services.ActorFrom(r.Context()), pathParam(r, "cluster")
	if cluster != "" {
		return actor.In(cluster).Require(services.PermitChange)
	}
	for _, name := range h.ClusterNames(actor.Scope()) {
		if actor.In(name).May(services.PermitChange) {
			return nil
		}
	}
	return actor.Require(services.PermitChange)
}

// goTo sends a person to the page at path that the request's form leads to.
func (h *Handlers) goTo(w http.ResponseWriter, r *http.Request, path string) error {
	address, err := h.address(r, path)
	if err != nil {
		return err
	}
	return redirect(w, r, address)
}

// followAddress makes the address of a page follow the form of which HTMX has
// loaded a part again.
func (h *Handlers) followAddress(w http.ResponseWriter, r *http.Request) error {
	if !isHTMX(r) {
		return nil
	}
	address, err := h.address(r, r.URL.EscapedPath())
	if err == nil {
		w.Header().Set("HX-Replace-Url", address)
	}
	return err
}

// readPage reads the form of a page, from the body, from the address, or from
// what was kept for it.
func (h *Handlers) readPage(r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	if r.Method != http.MethodPost && r.Form.Has("draft") {
		kept, err := h.drafts.Find(r.Context(), r.Form.Get("draft"))
		if err != nil {
			return err
		}
		r.Form = kept
	}
	if r.Method != http.MethodPost {
		dropConsents(r.Form)
	}
	return nil
}

// dropConsents takes out what a person has to say anew each time.
func dropConsents(form url.Values) {
	for _, name := range []string{"idempotency_key", "plan", "confirm", "exceed", "confirm_pods", "others", "draft"} {
		form.Del(name)
	}
}

// address returns the address at path of the page that the request's form leads
// to.
func (h *Handlers) address(r *http.Request, path string) (string, error) {
	form := make(url.Values, len(r.Form))
	for name, values := range r.Form {
		form[name] = values
	}
	dropConsents(form)
	form.Set("back", backOf(r))
	form.Del("except")
	form.Del("include")
	if out := leftOut(r.Form); len(out) > 0 {
		form.Set("except", strings.Join(slices.Sorted(maps.Keys(out)), " "))
	}
	if names := nodeNames(form); len(names) > 1 {
		form.Del("node")
		form.Set("nodes", strings.Join(names, " "))
	}
	if address := path + "?" + form.Encode(); len(address) <= maxAddress {
		return address, nil
	}
	id, err := h.drafts.Keep(r.Context(), form)
	return path + "?draft=" + id, err
}

// nodeNames returns the nodes that a form names, each in a field of its own or
// many in one.
func nodeNames(form url.Values) []string {
	return slices.Concat(form["node"], fieldWords(form["nodes"]))
}

// fieldWords returns the words of some values of a form: one more than a batch may
// have nodes at most.
func fieldWords(values []string) []string {
	var out []string
	for _, value := range values {
		for word := range strings.FieldsSeq(value) {
			if len(out) > batch.MaxNodes {
				return out // the engine says that these are too many
			}
			out = append(out, word)
		}
	}
	return out
}

// backOf returns the page that the form came from, as a path: what the form says,
// else what the browser does, else the table of the cluster's nodes.
func backOf(r *http.Request) string {
	table := ui.NodesURL(pathParam(r, "cluster"), node.Query{})
	from := r.Form.Get("back")
	if from == "" {
		from = cameFrom(r)
	}
	if path := LocalPath(from); path != "/" && len(path) <= maxAddress/2 {
		return path
	}
	return table
}

// cameFrom returns the path of the page of ours that a browser was on, or "".
func cameFrom(r *http.Request) string {
	from := r.Header.Get("HX-Current-URL")
	if from == "" {
		from = r.Referer()
	}
	u, err := url.Parse(from)
	if err != nil || u.Path == r.URL.Path {
		return ""
	}
	return u.RequestURI()
}
