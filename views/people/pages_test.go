package people_test

import (
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/views/people"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

func TestPages_areSound(t *testing.T) { viewstest.RequirePages(t, peoplePages()) }

// grace has a name to be escaped, and grants of both kinds.
func grace() account.Listed {
	return account.Listed{
		ID: 2, Name: "grace<&>", Role: services.RoleViewer, CreatedAt: viewstest.Noon, LastLoginAt: &viewstest.Noon,
		Grants: []services.Grant{
			{Label: "env=lab", Role: services.RoleNone}, {Cluster: viewstest.OddCluster, Role: services.RoleUser},
		},
	}
}

func tokens() people.TokensView {
	soon, past := viewstest.Noon.Add(time.Hour), viewstest.Noon.Add(-time.Hour)
	return people.TokensView{
		Above: ui.ProfileURL, Clusters: []string{viewstest.OddCluster}, Now: viewstest.Noon,
		Form: people.TokenForm{Expires: people.DefaultLife},
		Tokens: []account.Token{
			{ID: 1, Name: "forever", CreatedAt: past},
			{ID: 2, Name: "expired", CreatedAt: past, ExpiresAt: &past, LastUsedAt: &past},
			{ID: 3, Name: "limited", CreatedAt: past, ExpiresAt: &soon, ReadOnly: true, Clusters: []string{"a", "b"}},
		},
	}
}

func peoplePages() map[string]templ.Component {
	f, p := viewstest.Frame(), viewstest.Problem()
	f.Current, f.Cluster = "users", ""
	wrong := &ui.Problem{Text: "No.", Fields: map[string]string{
		"name": "x", "password": "x", "role": "x", "grants": "x", "current": "x", "password2": "x", "label": "x",
		"expires": "x",
	}}
	gone, elsewhere := grace(), grace()
	gone.Disabled, gone.LastLoginAt = true, nil
	elsewhere.Issuer = "https://id.example"
	access := people.AccessForm{
		Name: "grace", Role: services.RoleViewer, Grants: people.RowsOf(grace().Grants),
		Clusters: []string{viewstest.OddCluster},
	}
	refused := access
	refused.Problem = wrong
	made, refusedTokens := tokens(), tokens()
	made.Made, refusedTokens.Form.Problem = "knm_x", wrong
	sessions := []people.Session{
		{ID: "a", Begun: viewstest.Noon, Seen: viewstest.Noon, Address: "192.0.2.1", Agent: "Firefox/1 Linux", Present: true},
		{ID: "b", Address: "192.0.2.2"},
	}
	list := people.UsersView{Users: []account.Listed{grace(), gone, elsewhere}, Total: 3, Now: viewstest.Noon}
	user := people.UserView{User: grace(), Access: access, Tokens: made, Sessions: sessions, Now: viewstest.Noon}
	refusedUser := user
	refusedUser.User, refusedUser.Access, refusedUser.Problem, refusedUser.Tokens = gone, refused, &p, refusedTokens
	profile := people.ProfileView{
		User: grace(), Clusters: map[string]services.Role{"prod": services.RoleNone}, Tokens: tokens(), Sessions: sessions,
		Done: true, Revoked: 2, Now: viewstest.Noon,
	}
	provided, refusedProfile := profile, profile
	provided.User, provided.Tokens.Tokens = elsewhere, nil
	refusedProfile.Problem = wrong
	ask := people.TerminalView{
		Host: "host<&>", User: "grace<&>", Redirect: "http://127.0.0.1:1/callback", State: "a&b", Challenge: "x",
		Clusters: []string{viewstest.OddCluster}, Form: people.NewTerminalForm("kubectl", "14", true, nil),
	}
	askCode := ask
	askCode.Redirect, askCode.Form.Problem = "", wrong
	return map[string]templ.Component{
		"terminal":         people.TerminalPage(ask),
		"terminal again":   people.TerminalPage(askCode),
		"terminal back":    people.TerminalBack(ask.Redirect+"?code=x&state=y", true),
		"terminal denied":  people.TerminalBack(ask.Redirect+"?error=access_denied", false),
		"terminal code":    people.TerminalCode("AAAAA-BBBBB"),
		"terminal done":    people.TerminalDone(true),
		"nothing allowed":  people.TerminalDone(false),
		"users":            people.UsersPage(f, list),
		"no user matches":  people.UsersPage(f, people.UsersView{Total: 3, Find: "x"}),
		"new":              people.NewPage(f, access),
		"new again":        people.NewPage(f, refused),
		"user":             people.UserPage(f, user),
		"user again":       people.UserPage(f, refusedUser),
		"delete":           people.DeletePage(f, grace(), 2),
		"profile":          people.ProfilePage(f, profile),
		"profile again":    people.ProfilePage(f, refusedProfile),
		"profile, sign-on": people.ProfilePage(f, provided),
	}
}

func TestUserPage_tokens(t *testing.T) {
	page := viewstest.Document(t, viewstest.Render(t, "en", peoplePages()["profile"]))
	lines := page.Find("#tokens .lines li")
	require.Contains(t, viewstest.Spoken(lines.Eq(0)), "never expires")
	require.Contains(t, viewstest.Spoken(lines.Eq(1)), "expired")
	require.Contains(t, viewstest.Squeezed(lines.Eq(2)), "read only · a, b")
	require.Equal(t, "/profile/tokens/3/revoke", lines.Eq(2).Find("form").AttrOr("action", ""))
	require.Zero(t, page.Find(".secret").Length())
}
