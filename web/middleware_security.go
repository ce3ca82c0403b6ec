package web

import (
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/httprate"

	"kube-node-manager/handlers"
	"kube-node-manager/services"
)

// contentPolicy lets pages load resources from this site only, and forbids inline scripts
// and styles.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

const permissionsPolicy = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"

// secure sets the security headers.
func (e *edge) secure(next http.Handler) http.Handler {
	headers := map[string]string{
		"Content-Security-Policy":      contentPolicy,
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           permissionsPolicy,
	}
	// A browser would remember it for all ports of "localhost".
	if e.options.https() && !e.options.localOnly() {
		headers["Strict-Transport-Security"] = "max-age=31536000"
		if e.options.HSTSSubdomains {
			headers["Strict-Transport-Security"] += "; includeSubDomains"
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		next.ServeHTTP(w, r)
	})
}

// redirectToHTTPS redirects browsers to the same page at an address that begins with
// https. It refuses everything else: a script that sends its token in plain text must
// not appear to work.
func redirectToHTTPS(to string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		if !reads || r.Header.Get("Authorization") != "" {
			http.Error(w, "This address is only for HTTPS: "+to, http.StatusForbidden)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, to+handlers.LocalPath(r.URL.RequestURI()), http.StatusTemporaryRedirect)
	})
}

// sameSite returns middleware that refuses requests which another site makes a browser
// send. Other clients send no Origin and pass: they have no cookies that could be abused.
func (e *edge) sameSite() (func(http.Handler) http.Handler, error) {
	protection := http.NewCrossOriginProtection()
	if origin := e.options.origin(); origin != "" {
		// Behind a proxy that rewrites Host, it differs from Origin.
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("--public-url: %w", err)
		}
	}
	protection.SetDenyHandler(e.handle(func(http.ResponseWriter, *http.Request) error {
		return services.NewError(services.CodeForbidden, "error_cross_site")
	}))
	return protection.Handler, nil
}

// loginsPerClient is how many tries one client has per limitWindow. It is not smaller
// because an office may share one address. Package account limits the tries of all
// clients together.
const loginsPerClient = 30

// limitLogins returns middleware that limits how often a client can try a password or
// a set-up code.
func (e *edge) limitLogins() func(http.Handler) http.Handler {
	refuse := httprate.WithLimitHandler(e.handle(func(http.ResponseWriter, *http.Request) error {
		e.metrics.logins.WithLabelValues("limited").Inc()
		return services.NewError(services.CodeThrottled, "error_throttled")
	}))
	byClient := func(r *http.Request) (string, error) {
		return httprate.CanonicalizeIP(middleware.GetClientIP(r.Context())), nil
	}
	return httprate.LimitBy(loginsPerClient, limitWindow, byClient, refuse)
}
