package handlers

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"kube-node-manager/services"
	"kube-node-manager/views/ui"
)

// Render is render for the edge's own pages (errors, limits).
func Render(w http.ResponseWriter, r *http.Request, status int, c templ.Component) error {
	return render(w, r, status, c)
}

// WriteJSON is writeJSON for the edge's own answers (errors, probes).
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	return writeJSON(w, status, v)
}

// WriteProblem answers a script with an error.
func WriteProblem(w http.ResponseWriter, status int, p *ui.Problem) error {
	return writeJSON(w, status, errorJSON{newProblemJSON(p)})
}

// WantsJSON is wantsJSON for the edge.
func WantsJSON(r *http.Request) bool { return wantsJSON(r) }

// IsHTMX is isHTMX for the edge.
func IsHTMX(r *http.Request) bool { return isHTMX(r) }

// render writes a component as the whole answer. It renders into memory first,
// so that an error in the middle becomes an error page and not half a page.
func render(w http.ResponseWriter, r *http.Request, status int, c templ.Component) error {
	page, err := ui.Render(r.Context(), c)
	if err != nil {
		return fmt.Errorf("render the page: %w", err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A failing write means that the reader has gone; nobody is left to tell.
	_, _ = w.Write(page)
	return nil
}

// writeJSON writes v as the whole answer; like render it never writes half.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
	return nil
}

// errorJSON is an error of the HTTP contract.
type errorJSON struct {
	Error problemJSON `json:"error"`
}

type problemJSON struct {
	Code      services.Code     `json:"code"`
	Message   string            `json:"message"`
	Hint      string            `json:"hint,omitempty"`
	Fields    map[string]string `json:"fields,omitempty"` // what is wrong with each field
	RequestID string            `json:"requestId,omitempty"`
}

func newProblemJSON(p *ui.Problem) problemJSON {
	return problemJSON{Code: p.Code, Message: p.Text, Hint: p.Hint, Fields: p.Fields, RequestID: p.RequestID}
}

// redirect sends the reader on with a GET: 303 for a browser, HX-Redirect for
// HTMX, which would otherwise follow a 303 silently and put the page into its
// target. It always returns nil, so that a handler can end with it.
func redirect(w http.ResponseWriter, r *http.Request, to string) error {
	w.Header().Set("Cache-Control", "no-store")
	if r.Header.Get("HX-Request") == "true" {
		w.Header().Set("HX-Redirect", to)
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// isHTMX reports whether a fragment is asked for. Going back in the history
// needs the whole page, although HTMX asks for it.
func isHTMX(r *http.Request) bool {
	return r.Header.Get("HX-Request") == "true" && r.Header.Get("HX-History-Restore-Request") != "true"
}

// wantsJSON reports whether Accept names application/json and prefers it to
// HTML. A bare */* (curl) gets HTML, like a browser.
func wantsJSON(r *http.Request) bool {
	var asJSON, asHTML float64
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		kind, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		switch kind {
		case "application/json":
			asJSON = max(asJSON, quality(params["q"]))
		case "text/html", "application/xhtml+xml":
			asHTML = max(asHTML, quality(params["q"]))
		}
	}
	return asJSON > asHTML
}

func quality(q string) float64 {
	if q == "" {
		return 1
	}
	f, err := strconv.ParseFloat(q, 64)
	if err != nil || f < 0 || f > 1 {
		return 0
	}
	return f
}

// pathParam returns a parameter of the route as the person meant it: chi routes
// on the escaped path when there is one, so that the name "prod/eu" travels as
// "prod%2Feu"; only then has the parameter still to be unescaped.
func pathParam(r *http.Request, name string) string {
	value := chi.URLParam(r, name)
	if r.URL.RawPath == "" {
		return value
	}
	if plain, err := url.PathUnescape(value); err == nil {
		return plain
	}
	return value
}

// LocalPath returns the path of this site that next names, or "/": a person
// signed in by a link must not be sent to another site by it.
func LocalPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return "/"
	}
	// Browsers read a backslash as a slash, and "//host" as another site.
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	// "/x/..//host" must not become "//host" when somebody cleans it.
	if strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, "\\") {
		return "/"
	}
	return u.RequestURI()
}
