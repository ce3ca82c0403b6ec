package handlers

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/views/ui"
)

// The cookies that hold a reader's preferences. They are no secret and hold
// before anybody signs in, so they are no part of the login session.
const (
	LangCookie  = "lang"
	ThemeCookie = "theme"
	ZoneCookie  = "zone" // the browser's IANA time zone, set by follow.js
)

const preferencesLast = 365 * 24 * time.Hour

// tasteKeeper keeps the language and the theme that the actor has chosen; "" is what the
// browser says.
type tasteKeeper interface {
	SetTaste(ctx context.Context, language, theme string) error
}

// Preferences keeps a reader's language and theme: in the browser, and for somebody who is
// signed in with their account.
type Preferences struct {
	cookies Cookies
	tastes  tasteKeeper
}

// NewPreferences returns the keeper of preferences.
func NewPreferences(cookies Cookies, tastes tasteKeeper) *Preferences {
	return &Preferences{cookies: cookies, tastes: tastes}
}

// Submit answers POST /preferences: lang, theme, either may be left out, and
// back, the path to return to. An empty value forgets the choice.
func (h *Preferences) Submit(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	choices := []struct {
		cookie  string
		allowed []string
	}{
		{LangCookie, ui.Locales()},
		{ThemeCookie, []string{"light", "dark"}},
	}
	for _, c := range choices {
		value := r.PostForm.Get(c.cookie)
		if value != "" && !slices.Contains(c.allowed, value) {
			return services.Invalid(c.cookie, "error_choice", "Value", value, "Choices", strings.Join(c.allowed, ", "))
		}
	}
	chosen := map[string]string{}
	for _, c := range choices {
		if r.PostForm.Has(c.cookie) {
			chosen[c.cookie] = r.PostForm.Get(c.cookie)
			h.cookies.keep(w, c.cookie, chosen[c.cookie], preferencesLast)
			continue
		}
		present, err := r.Cookie(c.cookie)
		if err == nil && slices.Contains(c.allowed, present.Value) {
			chosen[c.cookie] = present.Value
		}
	}
	if services.ActorFrom(r.Context()).ID != 0 {
		if err := h.tastes.SetTaste(r.Context(), chosen[LangCookie], chosen[ThemeCookie]); err != nil {
			return err
		}
	}
	return redirect(w, r, LocalPath(r.PostForm.Get("back")))
}
