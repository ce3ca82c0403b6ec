package people

import (
	"net/url"
	"slices"
	"strconv"

	"kube-node-manager/views/ui"
)

// TerminalView is the request of a program in a terminal for a token.
type TerminalView struct {
	Host      string // where the program runs, as it says itself
	User      string
	Redirect  string // address of the program; "" for a code that a person copies
	State     string // what the program wants back
	Challenge string // see account.TerminalRequest
	Clusters  []string
	Form      TokenForm
}

// terminalLife is how long the token of a terminal is valid, in days, if nothing else is
// asked for.
const terminalLife = "30"

// terminalLives are the days to choose from. A choice that the program made is one of them.
func terminalLives(asked string) []string {
	lives := []string{"1", "7", terminalLife, "90"}
	_, err := strconv.Atoi(asked)
	if err == nil && !slices.Contains(lives, asked) {
		lives = append(lives, asked)
	}
	return lives
}

// NewTerminalForm returns the form of a request with what the program has asked for.
func NewTerminalForm(label, days string, readOnly bool, clusters []string) TokenForm {
	if days == "" {
		days = terminalLife
	}
	return TokenForm{Label: label, Expires: days, ReadOnly: readOnly, Clusters: clusters}
}

// fields returns what the form sends back without showing it.
func (v TerminalView) fields() [][2]string {
	return [][2]string{
		{"redirect_uri", v.Redirect},
		{"state", v.State},
		{"code_challenge", v.Challenge},
		{"code_challenge_method", "S256"},
		{"host", v.Host},
	}
}

// address returns the page of the request.
func (v TerminalView) address() string {
	values := url.Values{}
	for _, field := range v.fields() {
		values.Set(field[0], field[1])
	}
	return ui.WithQuery(ui.AuthorizeURL, values)
}
