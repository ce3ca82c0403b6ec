package handlers

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/views/people"
	"kube-node-manager/views/ui"
)

// How a terminal gets a token by the sign-in of its user in a browser, as RFC 8252
// describes it for native apps, with the names of its fields:
//
//	redirect_uri           address of the program on the machine of the browser; without it
//	                       the page shows the code, for people to copy
//	code_challenge, code_challenge_method=S256, state
//	host                   name of the machine, for the person who is asked
//
// The token has the fields of readToken, which the person can change.

const (
	maxState = 256
	maxHost  = 40 // characters that are shown
)

// loopback matches the addresses of programs on the machine of the browser. Names, such as
// localhost, may lead elsewhere (RFC 8252, section 8.3).
var loopback = regexp.MustCompile(`^http://(?:127\.0\.0\.1|\[::1\]):([1-9][0-9]{0,4})(?:/[A-Za-z0-9._~/-]{0,64})?$`)

// checkRedirect refuses an address to which no code may go.
func checkRedirect(address string) error {
	found := loopback.FindStringSubmatch(address)
	if found != nil {
		_, err := strconv.ParseUint(found[1], 10, 16)
		if err == nil {
			return nil
		}
	}
	return services.Invalid("redirect_uri", "error_terminal_redirect")
}

// AuthorizeShow asks a person whether a terminal may have a token.
func (h *Handlers) AuthorizeShow(w http.ResponseWriter, r *http.Request) error {
	v, err := h.terminalView(r)
	if err != nil {
		return err
	}
	v.Form = suggestedToken(r.URL.Query(), ui.T(r.Context(), "terminal_label", "Host", v.Host))
	return render(w, r, http.StatusOK, people.TerminalPage(v))
}

// AuthorizeSubmit takes what the person has decided, "allow" or "deny", and leads back to
// the terminal.
func (h *Handlers) AuthorizeSubmit(w http.ResponseWriter, r *http.Request) error {
	v, err := h.terminalView(r)
	if err != nil {
		return err
	}
	switch r.PostForm.Get("decision") {
	case "allow":
	case "deny":
		return backToTerminal(w, r, v, "")
	default:
		return services.Invalid("decision", "error_terminal_decision")
	}
	form, token, err := readToken(r)
	var code string
	if err == nil {
		code, err = h.Accounts.AllowTerminal(r.Context(), account.TerminalRequest{
			Challenge: v.Challenge, Token: token, Typed: v.Redirect == "",
		})
	}
	if services.CodeOf(err) == services.CodeInvalid {
		return &FormError{Err: err, Form: func(p *ui.Problem) templ.Component {
			v.Form = refused(form, p)
			return people.TerminalPage(v)
		}}
	}
	if err != nil {
		return err
	}
	return backToTerminal(w, r, v, code)
}

// AuthorizeDone is the page to which the terminal sends the browser at the end.
func (h *Handlers) AuthorizeDone(w http.ResponseWriter, r *http.Request) error {
	return render(w, r, http.StatusOK, people.TerminalDone(r.URL.Query().Get("denied") == ""))
}

// terminalView returns the request of a terminal. Whatever is wrong with it is not for the
// person to correct, and nobody is sent to an address that is wrong.
func (h *Handlers) terminalView(r *http.Request) (people.TerminalView, error) {
	actor := services.ActorFrom(r.Context())
	if actor.Token {
		return people.TerminalView{}, services.NewError(services.CodeForbidden, "error_needs_session")
	}
	if err := parseForm(r); err != nil {
		return people.TerminalView{}, err
	}
	host := services.Clip(r.Form.Get("host"))
	v := people.TerminalView{
		Host: cmp.Or(string([]rune(host)[:min(maxHost, len([]rune(host)))]), ui.T(r.Context(), "terminal_host")),
		User: actor.Name, Redirect: r.Form.Get("redirect_uri"), State: r.Form.Get("state"),
		Challenge: r.Form.Get("code_challenge"), Clusters: h.clusterNames(r),
	}
	var wrong services.FieldErrors
	if v.Redirect != "" {
		wrong.Append(checkRedirect(v.Redirect))
	}
	if len(v.State) > maxState {
		wrong.Add("state", "error_terminal_state", "Max", maxState)
	}
	if r.Form.Get("code_challenge_method") != "S256" || !account.IsChallenge(v.Challenge) {
		wrong.Add("code_challenge", "error_terminal_challenge")
	}
	return v, wrong.Err()
}

// backToTerminal hands a code to the terminal, or "" if the person has denied it.
func backToTerminal(w http.ResponseWriter, r *http.Request, v people.TerminalView, code string) error {
	if v.Redirect == "" && code != "" {
		return render(w, r, http.StatusOK, people.TerminalCode(code))
	}
	if v.Redirect == "" {
		return render(w, r, http.StatusOK, people.TerminalDone(false))
	}
	values := url.Values{"state": {v.State}}
	if code == "" {
		values.Set("error", "access_denied")
	} else {
		values.Set("code", code)
	}
	address := v.Redirect + "?" + values.Encode()
	// Not a redirect: our content policy lets no form lead to another site.
	w.Header().Set("Refresh", "0; url="+address)
	return render(w, r, http.StatusOK, people.TerminalBack(address, code != ""))
}

// terminalRedeemer is what Redeem needs of account.Service.
type terminalRedeemer interface {
	RedeemTerminal(ctx context.Context, code, verifier string) (account.TerminalToken, error)
}

// Redeem is where a terminal gets its token.
type Redeem struct{ accounts terminalRedeemer }

// NewRedeem returns where terminals get their tokens.
func NewRedeem(accounts terminalRedeemer) *Redeem { return &Redeem{accounts} }

// terminalTokenJSON is a token for a terminal. It is the only answer that has the secret.
type terminalTokenJSON struct {
	Token     string    `json:"token"`
	User      string    `json:"user"`
	Label     string    `json:"label"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// Submit answers POST /authorize/token, with code and code_verifier.
func (h *Redeem) Submit(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	t, err := h.accounts.RedeemTerminal(r.Context(), r.PostForm.Get("code"), r.PostForm.Get("code_verifier"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, terminalTokenJSON{
		Token: t.Secret, User: t.User, Label: t.Label, ExpiresAt: t.Expires.UTC(),
	})
}
