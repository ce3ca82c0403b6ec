package handlers

import (
	"net/http"

	"kube-node-manager/views"
)

// Logout ends login sessions.
type Logout struct{ sessions LoginSessions }

// NewLogout returns the end of login sessions.
func NewLogout(sessions LoginSessions) *Logout { return &Logout{sessions: sessions} }

// Submit answers POST /logout, also to somebody who is not signed in.
func (h *Logout) Submit(w http.ResponseWriter, r *http.Request) error {
	if err := h.sessions.SignOut(r.Context()); err != nil {
		return err
	}
	return redirect(w, r, views.SignInURL)
}
