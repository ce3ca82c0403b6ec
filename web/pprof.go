package web

import (
	"context"
	"net/http"
	"net/http/pprof"
)

// servePprof serves profiles for package pprof on --pprof-addr, if it is set. Profiles
// contain no data of users, but show how the program works and cost time, so only this
// machine may ask for them, by an address and not by a name that somebody else controls.
func (a *App) servePprof(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	return a.serveAlso(ctx, "pprof server", "--pprof-addr", a.options.PprofAddr, onlyLocal(mux))
}

// onlyLocal refuses requests for the name of a host other than localhost: a site whose
// name points to the loopback address could otherwise make them.
func onlyLocal(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostOf(r)
		if host != "localhost" && !isAddress(host) {
			http.Error(w, "unknown host", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
