package people

import (
	"net/url"
	"strconv"

	"kube-node-manager/views/ui"
)

// URL returns the page of a user.
func URL(name string) string { return ui.UsersURL + "/" + url.PathEscape(name) }

// ActionURL is where something is done to a user, by verb.
func ActionURL(name, verb string) string { return URL(name) + "/" + verb }

// RevokeURL is where a token is revoked; above is the page that lists it.
func RevokeURL(above string, id int64) string {
	return above + "/tokens/" + strconv.FormatInt(id, 10) + "/revoke"
}

// EndURL is where a login session of the profile is ended.
func EndURL(id string) string { return ui.ProfileURL + "/sessions/" + url.PathEscape(id) + "/end" }
