package handlers

import (
	"net/http"
	"time"
)

// Cookies sets every cookie but that of the login session, which is the edge's.
type Cookies struct {
	// Secure keeps them from being sent over plain HTTP. It is for a site that
	// people reach by HTTPS.
	Secure bool
	// Path is the path below which the program is served, or "/".
	Path string
}

// KeepTaste sets the cookies of the language and the theme that somebody who signs in has
// chosen.
func (c Cookies) KeepTaste(w http.ResponseWriter, language, theme string) {
	if language != "" {
		c.keep(w, LangCookie, language, preferencesLast)
	}
	if theme != "" {
		c.keep(w, ThemeCookie, theme, preferencesLast)
	}
}

// keep sets a cookie that lasts for a time; no value forgets it.
func (c Cookies) keep(w http.ResponseWriter, name, value string, lasts time.Duration) {
	cookie := http.Cookie{
		Name: name, Value: value, Path: c.Path, MaxAge: int(lasts / time.Second),
		HttpOnly: true, Secure: c.Secure, SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, &cookie)
}
