package web

import (
	"net/http"
	"runtime"
	"runtime/debug"

	"kube-node-manager/handlers"
	"kube-node-manager/services"
)

// healthz reports that the process is running.
func (e *edge) healthz(w http.ResponseWriter, r *http.Request) error {
	return e.probe(w, r, http.StatusOK, "ok")
}

// readyz reports whether the program can serve requests. It does not ask the clusters: if
// one is unreachable, people still need the page that shows it.
func (e *edge) readyz(w http.ResponseWriter, r *http.Request) error {
	if !e.ready.Load() {
		return e.probe(w, r, http.StatusServiceUnavailable, "not ready")
	}
	if err := e.store.Ping(r.Context()); err != nil {
		e.log.ErrorContext(r.Context(), "Not ready", "error", err)
		return e.probe(w, r, http.StatusServiceUnavailable, "database unavailable")
	}
	return e.probe(w, r, http.StatusOK, "ready")
}

func (e *edge) probe(w http.ResponseWriter, r *http.Request, status int, text string) error {
	if handlers.WantsJSON(r) {
		return handlers.WriteJSON(w, status, handlers.StatusJSON{Status: text})
	}
	return writeText(w, status, text)
}

// serveMetrics serves the metrics. It requires a login, unless only this machine can send
// requests or --public-metrics is set: the metrics reveal how much the program is used
// and attacked.
func (e *edge) serveMetrics(w http.ResponseWriter, r *http.Request) error {
	if services.ActorFrom(r.Context()).ID == 0 && !e.options.localOnly() && !e.options.PublicMetrics {
		return services.NewError(services.CodeUnauthenticated, "error_metrics_login")
	}
	e.metrics.handler().ServeHTTP(w, r)
	return nil
}

// version returns the version. It tells only signed-in users the commit and the version of
// Go, because these point to known vulnerabilities.
func (e *edge) version(w http.ResponseWriter, r *http.Request) error {
	v := handlers.VersionJSON{Version: e.options.Version}
	if services.ActorFrom(r.Context()).ID != 0 {
		v.Revision, v.Go = revision(), runtime.Version()
	}
	if handlers.WantsJSON(r) {
		return handlers.WriteJSON(w, http.StatusOK, v)
	}
	return writeText(w, http.StatusOK, "kube-node-manager "+v.Version)
}

// revision returns the commit from which the program was built, or "" if it is unknown.
func revision() string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range build.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}

func writeText(w http.ResponseWriter, status int, text string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
	return nil
}
