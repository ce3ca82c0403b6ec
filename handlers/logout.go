package handlers

import (
	"net"
	"net/http"
	"net/netip"

	"kube-node-manager/views/admin"
	"kube-node-manager/views/ui"
)

// Logout ends login sessions.
type Logout struct {
	sessions ProviderSessions
	ways     Ways
	cookies  Cookies
}

// NewLogout returns the end of login sessions.
func NewLogout(sessions ProviderSessions, ways Ways, cookies Cookies) *Logout {
	return &Logout{sessions: sessions, ways: ways, cookies: cookies}
}

// Submit answers POST /logout, also to somebody who is not signed in. What the
// browser keeps of the person goes too: the last cluster, and what the pages have
// stored. Language and theme stay. Whoever has signed in at the identity provider is
// signed out there too, if it offers that.
func (h *Logout) Submit(w http.ResponseWriter, r *http.Request) error {
	leave := h.leave(r)
	if err := h.sessions.SignOut(r.Context()); err != nil {
		return err
	}
	h.cookies.keep(w, lastCluster, "", 0)
	if h.mayClear(r) {
		w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	}
	if leave == "" || wantsJSON(r) {
		return redirect(w, r, ui.SignInURL)
	}
	// Not a redirect: our content policy lets no form lead to another site.
	w.Header().Set("Refresh", "0; url="+leave)
	return render(w, r, http.StatusOK, admin.SignedOut(leave))
}

// leave returns the address that signs the person out at the identity provider, or "".
func (h *Logout) leave(r *http.Request) string {
	token := h.sessions.IDToken(r.Context())
	if h.ways.Provider == nil || token == "" {
		return ""
	}
	return h.ways.Provider.SignOutURL(token)
}

// mayClear reports whether the browser may remove everything that it stores of this
// site. It must not if the site has other programs at other paths; static/login.js
// removes what is ours. Without HTTPS, browsers only complain about the header.
func (h *Logout) mayClear(r *http.Request) bool {
	return h.cookies.Path == ui.HomeURL && (h.cookies.Secure || isLoopback(r.Host))
}

// isLoopback reports whether a host is this machine, whose pages browsers trust
// without HTTPS too.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
