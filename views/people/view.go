package people

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// UsersView is the list of users.
type UsersView struct {
	Users []account.Listed // that match Find
	Total int              // of all
	Find  string
	Now   time.Time
}

func usersColumns(now time.Time) []ui.Column[account.Listed] {
	return []ui.Column[account.Listed]{
		{Title: "col_user", Cell: nameCell},
		{Title: "col_role", Cell: roleCell},
		{Title: "col_grants", Cell: grantsCell},
		{Title: "col_sign_in", Cell: waysCell},
		{Title: "col_last_login", Class: "num", Cell: ui.CellAt(now, lastLoginCell)},
	}
}

// Session is a login session as its user sees it.
type Session struct {
	ID      string
	Begun   time.Time
	Seen    time.Time
	Address string
	Agent   string // the User-Agent of the browser at sign-in
	Present bool   // it is the session of the request
}

// AccessForm is the role and the grants of a user, as a form has them.
type AccessForm struct {
	Name   string
	Role   services.Role
	Grants []GrantRow
	// Clusters are suggestions for what a grant is about.
	Clusters []string
	Problem  *ui.Problem
}

// GrantRow is a grant as a form has it.
type GrantRow struct {
	About string // a cluster, or a label of clusters
	Role  services.Role
}

// spareRows is how many empty rows a form of grants ends with.
const spareRows = 3

// RowsOf returns the rows of grants, and some empty ones.
func RowsOf(grants []services.Grant) []GrantRow {
	rows := make([]GrantRow, len(grants), len(grants)+spareRows)
	for i, g := range grants {
		rows[i] = GrantRow{About: g.Cluster + g.Label, Role: g.Role}
	}
	for range spareRows {
		rows = append(rows, GrantRow{Role: services.RoleViewer})
	}
	return rows
}

// UserView is the page of one user.
type UserView struct {
	User     account.Listed
	Access   AccessForm
	Tokens   TokensView
	Sessions []Session
	Self     bool        // it is the administrator's own
	Problem  *ui.Problem // of the password form, or of what was refused
	Now      time.Time
}

// ProfileView is the page of one's own account.
type ProfileView struct {
	User     account.Listed
	Clusters map[string]services.Role
	Tokens   TokensView
	Sessions []Session
	Problem  *ui.Problem // of the password form
	Done     bool        // the password was changed
	Revoked  int         // tokens that were revoked with it
	Now      time.Time
}

// FactorView is the page of one's own second factor.
type FactorView struct {
	User      account.Listed
	Factor    account.Factor
	Due       bool              // it must be added before anything else
	Enrolment account.Enrolment // of a new one, which is not in use yet
	Codes     []string          // recovery codes, which are shown once
	Problem   *ui.Problem
	Now       time.Time
}

// factorMark says whether a user has a second factor.
func factorMark(ctx context.Context, u account.Listed) (mark, word string) {
	if u.Factor {
		return "ok", ui.T(ctx, "factor_word_on")
	}
	return "stop", ui.T(ctx, "factor_word_off")
}

// TokensView is the tokens of a user with the form of a new one.
type TokensView struct {
	Above    string // the page that shows them
	Tokens   []account.Token
	Clusters []string // that a token can be limited to
	Form     TokenForm
	Made     string // a new token, which is shown once
	Now      time.Time
}

// TokenForm is a new token, as a form has it.
type TokenForm struct {
	Label, Expires string
	ReadOnly       bool
	Clusters       []string
	Problem        *ui.Problem
}

// Lives are the days that a new token may be valid, as the form offers them; "never"
// is forever.
func Lives() []string { return []string{"7", "30", "90", "365", "never"} }

// DefaultLife is the life that the form begins with.
const DefaultLife = "90"

func lifeName(ctx context.Context, days string) string {
	n, err := strconv.Atoi(days)
	if err != nil {
		return ui.T(ctx, "token_forever")
	}
	return ui.N(ctx, "token_days", n)
}

// userMark is the mark and the word of a user's state.
func userMark(ctx context.Context, u account.Listed) (mark, word string) {
	if u.Disabled {
		return "bad", ui.T(ctx, "user_disabled")
	}
	return "ok", ui.T(ctx, "user_enabled")
}

// issuerWord says where a user signs in.
func issuerWord(ctx context.Context, u account.Listed) string {
	word := u.Issuer
	if word == "" {
		word = ui.T(ctx, "user_local")
	}
	if u.Factor {
		word += " + " + ui.T(ctx, "factor_word")
	}
	return word
}

// tokenEnd says until when a token is valid.
func tokenState(ctx context.Context, t store.Token, now time.Time) (mark, word string) {
	switch {
	case t.ExpiresAt == nil:
		return "warn", ui.T(ctx, "token_no_end")
	case t.Expired(now):
		return "bad", ui.T(ctx, "token_expired")
	default:
		return "ok", ui.T(ctx, "token_until", "Day", t.ExpiresAt.In(ui.Zone(ctx)).Format(time.DateOnly))
	}
}

// roleHelp says what a role may do.
func roleHelp(ctx context.Context, role services.Role) string {
	return ui.T(ctx, "role_about_"+string(role))
}

// grantedRole returns the name of a role in a single cluster.
func grantedRole(ctx context.Context, role services.Role) string {
	if role == services.RoleNone {
		return ui.T(ctx, "grant_none")
	}
	return ui.RoleName(ctx, role)
}

// browserName returns a short name of a browser and its system, as "Firefox, Linux".
// Their own claims are all there is; what is not known is left out.
func browserName(agent string) string {
	first := func(words ...string) string {
		for _, word := range words {
			mark, name, _ := strings.Cut(word, "=")
			if strings.Contains(agent, mark) {
				return name
			}
		}
		return ""
	}
	browser := first("Edg/=Edge", "OPR/=Opera", "Firefox/=Firefox", "Chrome/=Chrome", "Safari/=Safari")
	system := first("Android=Android", "iPhone=iPhone", "iPad=iPad", "Windows=Windows", "Mac OS X=macOS", "Linux=Linux")
	parts := slices.DeleteFunc([]string{browser, system}, func(s string) bool { return s == "" })
	return cmp.Or(strings.Join(parts, ", "), services.Clip(agent), ui.Unknown)
}
