package web

import (
	"net/http"
	"net/url"
	"strings"

	"kube-node-manager/views/ui"
)

// belowBase returns middleware that serves the program below a base. It takes the base
// out of the addresses of a request and adds it to those of the response, so the rest
// of the program does not know it. Requests arrive with the base or without it: a proxy
// may remove it, and probes of the same machine do not know it.
func belowBase(base *ui.Base) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		if base == nil {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r = inside(base, r)
			next.ServeHTTP(&baseWriter{ResponseWriter: w, base: base}, r.WithContext(ui.WithBase(r.Context(), base)))
		})
	}
}

// forwardedPrefix is the header in which a proxy names the base that it has removed.
// Without it, the base "/nodes" could not be told from our own page "/nodes". It needs
// no trust: whoever sends it chooses only between our own pages.
const forwardedPrefix = "X-Forwarded-Prefix"

// inside returns a request with the addresses that the program knows.
func inside(base *ui.Base, r *http.Request) *http.Request {
	out := *r
	out.Header = r.Header.Clone()
	for _, name := range []string{"Hx-Current-Url", "Referer"} {
		insideHeader(base, out.Header, name)
	}
	if strings.TrimRight(r.Header.Get(forwardedPrefix), "/") != base.Path() {
		out.URL = insideURL(base, r.URL)
	}
	return &out
}

func insideURL(base *ui.Base, u *url.URL) *url.URL {
	out := *u
	path, below := base.Inside(u.Path)
	raw, rawBelow := base.Inside(u.RawPath)
	if below && (rawBelow || u.RawPath == "") {
		out.Path, out.RawPath = path, raw
	}
	return &out
}

// insideHeader removes the base from a header with the address of a page. If the page is
// not below the base, it is not ours, and the header is removed.
func insideHeader(base *ui.Base, header http.Header, name string) {
	if header.Get(name) == "" {
		return
	}
	u, err := url.Parse(header.Get(name))
	if err == nil {
		_, below := base.Inside(u.Path)
		if below {
			header.Set(name, insideURL(base, u).String())
			return
		}
	}
	header.Del(name)
}

// baseWriter adds the base to the addresses in the headers of a response.
type baseWriter struct {
	http.ResponseWriter
	base *ui.Base
	sent bool
}

// WriteHeader sends the headers.
func (w *baseWriter) WriteHeader(status int) {
	if !w.sent {
		w.addBase()
	}
	w.sent = w.sent || status >= http.StatusOK
	w.ResponseWriter.WriteHeader(status)
}

// Write writes a part of the body.
func (w *baseWriter) Write(p []byte) (int, error) {
	if !w.sent {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap returns the writer below, for http.ResponseController.
func (w *baseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *baseWriter) addBase() {
	for _, name := range []string{"Location", "Hx-Redirect", "Hx-Replace-Url"} {
		if address := w.Header().Get(name); address != "" {
			w.Header().Set(name, w.base.Outside(address))
		}
	}
}
