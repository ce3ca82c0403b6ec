package web

import (
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/httprate"

	"kube-node-manager/services"
)

// contentPolicy lets a page load from here and from nowhere else, run no inline
// script and use no inline style.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secure sets the headers that make browsers careful.
func (e *edge) secure(next http.Handler) http.Handler {
	headers := map[string]string{
		"Content-Security-Policy":      contentPolicy,
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
	}
	if e.options.https() {
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

// sameSite refuses what another site makes a browser send. Programs that are no
// browsers send no Origin and are let through: they have no cookies to abuse.
func (e *edge) sameSite() (func(http.Handler) http.Handler, error) {
	protection := http.NewCrossOriginProtection()
	if origin := e.options.origin(); origin != "" {
		// Behind a proxy that rewrites Host, Origin and Host differ.
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("--public-url: %w", err)
		}
	}
	protection.SetDenyHandler(e.handle(func(http.ResponseWriter, *http.Request) error {
		return services.NewError(services.CodeForbidden, "error_cross_site")
	}))
	return protection.Handler, nil
}

// loginsPerClient is how many tries a client has a minute; an office may share one
// address. What all clients together may take is bounded where passwords are hashed.
const loginsPerClient = 30

// limitLogins bounds how often a client can try passwords and set-up codes.
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
