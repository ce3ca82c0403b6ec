package handlers

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/views/people"
	"kube-node-manager/views/ui"
)

// tokensView returns the tokens of a user, as the page at above shows them.
func (h *Handlers) tokensView(r *http.Request, above, user string) (people.TokensView, error) {
	tokens, err := h.Accounts.Tokens(r.Context(), user)
	return people.TokensView{
		Above: above, Tokens: tokens, Clusters: h.clusterNames(r), Now: h.now(),
		Form: people.TokenForm{Expires: people.DefaultLife},
	}, err
}

// readToken reads a new token of a form or of JSON:
//
//	label        what it is for
//	expires      days, or "never"; 90 when it is missing
//	read_only=1  it may only see
//	cluster      repeated; none means every cluster of its user
func readToken(r *http.Request) (people.TokenForm, account.NewToken, error) {
	if err := parseForm(r); err != nil {
		return people.TokenForm{}, account.NewToken{}, err
	}
	form := people.TokenForm{
		Label: r.PostForm.Get("label"), Expires: strings.TrimSpace(r.PostForm.Get("expires")),
		ReadOnly: r.PostForm.Get("read_only") == "1" || r.PostForm.Get("read_only") == "true",
		Clusters: r.PostForm["cluster"],
	}
	if form.Expires == "" {
		form.Expires = people.DefaultLife
	}
	life, err := readLife(form.Expires)
	return form, account.NewToken{Label: form.Label, Life: life, ReadOnly: form.ReadOnly, Clusters: form.Clusters}, err
}

// suggestedToken returns the form of a terminal's token with what the terminal suggests.
func suggestedToken(q url.Values, label string) people.TokenForm {
	return people.NewTerminalForm(
		cmp.Or(q.Get("label"), label), q.Get("expires"), q.Get("read_only") == "1", q["cluster"])
}

// readLife reads how long a token is to be valid; 0 means forever.
func readLife(text string) (time.Duration, error) {
	if text == "never" {
		return 0, nil
	}
	const day = 24 * time.Hour
	most := int(account.MaxTokenLife / day)
	days, err := strconv.Atoi(text)
	if err != nil || days < 1 || days > most {
		return 0, services.Invalid("expires", "error_token_days", "Max", most)
	}
	return time.Duration(days) * day, nil
}

// UsersToken creates a token for a user, and shows it once.
func (h *Handlers) UsersToken(w http.ResponseWriter, r *http.Request) error {
	name := pathParam(r, "user")
	form, token, err := readToken(r)
	var made string
	if err == nil {
		made, err = h.Accounts.CreateToken(r.Context(), name, token)
	}
	if err != nil {
		return h.userAgain(r, name, err, func(v *people.UserView, p *ui.Problem) { v.Tokens.Form = refused(form, p) })
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusCreated, newTokenJSON{Token: made})
	}
	v, err := h.userView(r, name)
	if err != nil {
		return err
	}
	v.Tokens.Made = made
	return render(w, r, http.StatusCreated, h.userPage(r, v))
}

// refused returns the form of a token with what is wrong with it.
func refused(form people.TokenForm, p *ui.Problem) people.TokenForm {
	form.Problem = p
	return form
}

// UsersTokenRevoke revokes a token of a user.
func (h *Handlers) UsersTokenRevoke(w http.ResponseWriter, r *http.Request) error {
	if err := services.ActorFrom(r.Context()).Require(services.PermitUsers); err != nil {
		return err
	}
	return h.revoke(w, r, people.URL(pathParam(r, "user")))
}

// ProfileTokenRevoke revokes one of the actor's own tokens.
func (h *Handlers) ProfileTokenRevoke(w http.ResponseWriter, r *http.Request) error {
	return h.revoke(w, r, ui.ProfileURL)
}

// thisToken stands for the token of the request itself, which may not know its id.
const thisToken = "this"

func (h *Handlers) revoke(w http.ResponseWriter, r *http.Request, back string) error {
	id, err := strconv.ParseInt(pathParam(r, "token"), 10, 64)
	if pathParam(r, "token") == thisToken {
		id, err = services.ActorFrom(r.Context()).TokenID, nil
	}
	if err != nil || id <= 0 {
		return services.NewError(services.CodeNotFound, "error_no_token", "ID", pathParam(r, "token"))
	}
	_, err = h.Accounts.RevokeTokens(r.Context(), id)
	switch {
	case err != nil:
		return err
	case wantsJSON(r):
		return writeJSON(w, http.StatusOK, revokedJSON{ID: id, Revoked: true})
	default:
		return redirect(w, r, back)
	}
}

// newTokenJSON is a new token. It is the only answer that has the secret.
type newTokenJSON struct {
	Token string `json:"token"`
}

// revokedJSON says that a token is no more.
type revokedJSON struct {
	ID      int64 `json:"id"`
	Revoked bool  `json:"revoked"`
}

// tokenJSON is one token, without the secret.
type tokenJSON struct {
	ID         int64      `json:"id"`
	Label      string     `json:"label"`
	ReadOnly   bool       `json:"readOnly"`
	Clusters   []string   `json:"clusters"`
	CreatedAt  time.Time  `json:"createdAt"`
	LastUsedAt *time.Time `json:"lastUsedAt"`
	ExpiresAt  *time.Time `json:"expiresAt"`
}

func newTokenListJSON(tokens []account.Token) []tokenJSON {
	list := make([]tokenJSON, len(tokens))
	for i, t := range tokens {
		list[i] = tokenJSON{
			ID: t.ID, Label: t.Name, ReadOnly: t.ReadOnly, Clusters: t.Clusters,
			CreatedAt: t.CreatedAt, LastUsedAt: t.LastUsedAt, ExpiresAt: t.ExpiresAt,
		}
	}
	return list
}
