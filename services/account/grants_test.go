package account

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

// roles are roles by cluster; "" is the whole program.
type roles = map[string]services.Role

func TestParseGrants(t *testing.T) {
	grants, err := ParseGrants([]string{
		"prod: viewer", " env=staging : user ", "arn:aws:eks:eu-west-1:1:cluster/x: admin", "k8s.example.com/tier=gold: none",
	})
	require.NoError(t, err)
	require.Equal(t, []services.Grant{
		{Cluster: "prod", Role: services.RoleViewer},
		{Label: "env=staging", Role: services.RoleUser},
		{Cluster: "arn:aws:eks:eu-west-1:1:cluster/x", Role: services.RoleAdmin},
		{Label: "k8s.example.com/tier=gold", Role: services.RoleNone},
	}, grants)
	again, err := ParseGrants(strings.Split(FormatGrants(grants), ", "))
	require.NoError(t, err)
	require.Equal(t, grants, again)

	_, err = ParseGrants([]string{"prod"})
	requireField(t, err, "grants", "error_grant_line")
}

func TestSetAccess(t *testing.T) {
	s, st, _ := newTest(t)
	s.clusters = func() map[string]map[string]string {
		return map[string]map[string]string{"prod": {"env": "prod"}, "stage": {"env": "staging"}}
	}
	changes := 0
	s.OnChange(func() { changes++ })
	u, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleViewer)
	require.NoError(t, err)
	require.Nil(t, u.Clusters)

	staging := services.Grant{Label: "env=staging", Role: services.RoleUser}
	hidden := services.Grant{Cluster: "prod", Role: services.RoleNone}
	_, err = s.SetAccess(asAdmin(t), "ada", services.RoleViewer, []services.Grant{staging, hidden})
	require.NoError(t, err)
	require.Equal(t, 1, changes)
	u, err = s.ByID(t.Context(), u.ID)
	require.NoError(t, err)
	require.Equal(t, roles{"stage": services.RoleUser, "prod": services.RoleNone}, u.Clusters)

	_, err = s.SetAccess(asAdmin(t), "ada", services.RoleViewer, []services.Grant{hidden, staging})
	require.Equal(t, services.CodeConflict, services.CodeOf(err), "the order does not matter")
	_, err = s.SetAccess(asAdmin(t), "ada", services.RoleAdmin, []services.Grant{hidden})
	require.NoError(t, err)
	u, err = s.ByID(t.Context(), u.ID)
	require.NoError(t, err)
	require.Nil(t, u.Clusters, "an administrator has no grants")
	_, err = s.SetAccess(asAdmin(t), "ada", services.RoleUser, nil)
	require.Equal(t, "error_last_admin", services.AsError(err).Text)
	require.Equal(t, []string{
		`command line user.create ada  {"role":"viewer"}`,
		`command line user.grants ada  {"grants":["env=staging: user","prod: none"]}`,
		`command line user.role ada  {"role":"admin"}`,
		`command line user.grants ada  {"grants":["prod: none"]}`,
	}, entries(t, st))
}

func TestSetAccess_refused(t *testing.T) {
	s, _, _ := newTest(t)
	_, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleViewer)
	require.NoError(t, err)
	var many []services.Grant
	for range maxGrants + 1 {
		many = append(many, services.Grant{Cluster: "x", Role: services.RoleUser})
	}
	for text, grants := range map[string][]services.Grant{
		"error_grant_about": {{Role: services.RoleUser}},
		"error_grant_role":  {{Cluster: "prod", Role: "root"}},
		"error_grant_twice": {{Cluster: "prod", Role: services.RoleUser}, {Cluster: "prod", Role: services.RoleNone}},
		"error_grants_many": many,
	} {
		_, err := s.SetAccess(asAdmin(t), "ada", services.RoleViewer, grants)
		requireField(t, err, "grants", text)
	}
	_, err = s.SetAccess(asAdmin(t), "ada", "root", nil)
	requireField(t, err, "role", "error_no_role")
	_, err = s.SetAccess(asAdmin(t), "bob", services.RoleViewer, nil)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
}

// A token may never do more than its user, and as little as was said.
func TestToken_limits(t *testing.T) {
	s, _, _ := newTest(t)
	_, err := s.AddUser(asAdmin(t), "root", goodPassword, services.RoleAdmin)
	require.NoError(t, err)
	_, err = s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser,
		services.Grant{Cluster: "prod", Role: services.RoleViewer},
		services.Grant{Cluster: "secret", Role: services.RoleNone})
	require.NoError(t, err)
	actor := func(user string, n NewToken) services.Actor {
		n.Label = "x"
		token, err := s.CreateToken(asAdmin(t), user, n)
		require.NoError(t, err)
		u, err := s.ByToken(t.Context(), token)
		require.NoError(t, err)
		return u.Actor("", "")
	}
	for name, tt := range map[string]struct {
		user  string
		limit NewToken
		want  roles
	}{
		"all":       {"ada", NewToken{}, roles{"": "user", "prod": "viewer", "secret": "none", "lab": "user"}},
		"read only": {"ada", NewToken{ReadOnly: true}, roles{"": "viewer", "secret": "none", "lab": "viewer"}},
		"clusters": {
			"ada",
			NewToken{Clusters: []string{"lab", "prod", "secret"}},
			roles{"": "none", "lab": "user", "prod": "viewer", "secret": "none", "other": "none"},
		},
		"administrator":           {"root", NewToken{Clusters: []string{"lab"}}, roles{"": "none", "lab": "admin"}},
		"read-only administrator": {"root", NewToken{ReadOnly: true}, roles{"": "viewer", "lab": "viewer"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := actor(tt.user, tt.limit)
			for cluster, role := range tt.want {
				if cluster == "" {
					require.Equal(t, role, a.Role)
				} else {
					require.Equal(t, role, a.In(cluster).Role, cluster)
				}
			}
		})
	}
	require.False(t, actor("root", NewToken{Clusters: []string{"lab"}}).May(services.PermitUsers))
}

// A leaked token must not become a way to sign in, or a token that may do more.
func TestToken_cannotChangeItsAccount(t *testing.T) {
	s, _, _ := newTest(t)
	u, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser)
	require.NoError(t, err)
	actor := u.Actor("", "")
	own := services.WithActor(t.Context(), actor)
	_, err = s.CreateToken(own, "ada", NewToken{Label: "mine"})
	require.NoError(t, err)
	actor.Token = true
	token := services.WithActor(t.Context(), actor)
	for name, try := range map[string]func() error{
		"token":    func() error { _, err := s.CreateToken(token, "ada", NewToken{Label: "x"}); return err },
		"revoke":   func() error { _, err := s.RevokeTokens(token, 1); return err },
		"password": func() error { _, _, err := s.ChangePassword(token, goodPassword, "another good one"); return err },
		"logins":   func() error { return s.EndLogins(token, "ada") },
	} {
		require.Equal(t, "error_needs_session", services.AsError(try()).Text, name)
	}
}

func TestChangePassword(t *testing.T) {
	s, _, c := newTest(t)
	u, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser)
	require.NoError(t, err)
	own := services.WithActor(t.Context(), u.Actor("192.0.2.1", ""))
	_, err = s.CreateToken(own, "ada", NewToken{Label: "mine"})
	require.NoError(t, err)

	_, _, err = s.ChangePassword(own, goodPassword, "short")
	requireField(t, err, "password", "error_password_short")
	_, _, err = s.ChangePassword(own, goodPassword, goodPassword)
	requireField(t, err, "password", "error_password_same")
	for range nearPolicy().free {
		_, _, err = s.ChangePassword(own, "wrong", "another good one")
		requireField(t, err, "current", "error_password_current")
	}
	_, _, err = s.ChangePassword(own, goodPassword, "another good one")
	require.Equal(t, services.CodeThrottled, services.CodeOf(err), "a stolen session cannot try passwords")
	c.add(time.Hour)
	renewed, tokens, err := s.ChangePassword(own, goodPassword, "another good one")
	require.NoError(t, err)
	require.Equal(t, 1, tokens)
	require.Greater(t, renewed.Epoch, u.Epoch)
	standing, err := s.Standing(t.Context(), u.ID)
	require.NoError(t, err)
	require.True(t, standing.ResetAt.IsZero(), "their batches go on")
}

func TestSignInAs(t *testing.T) {
	s, st, _ := newTest(t)
	id := Identity{
		Issuer: "https://id.example", Subject: "42", Name: "ada", Groups: []string{"ops"}, Role: services.RoleUser,
	}
	u, err := s.SignInAs(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, []string{"ops"}, u.Groups)
	id.Groups = nil
	require.Equal(t, services.RoleUser, u.Role)
	_, err = s.Authenticate(t.Context(), "ada", "")
	require.Equal(t, "error_login", services.AsError(err).Text, "there is no password")
	_, err = s.SetPassword(asAdmin(t), "ada", goodPassword)
	require.Equal(t, "error_password_elsewhere", services.AsError(err).Text)

	id.Name, id.Role = "renamed", services.RoleViewer
	id.Grants = []services.Grant{{Cluster: "prod", Role: services.RoleUser}}
	again, err := s.SignInAs(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, u.ID, again.ID, "the subject is who it is")
	require.Equal(t, "ada", again.Name)
	require.Empty(t, again.Groups, "as they are now")
	require.Equal(t, services.RoleViewer, again.Role)
	require.Equal(t, roles{"prod": services.RoleUser}, again.Clusters)

	for name, tt := range map[string]struct {
		id   Identity
		text string
	}{
		"no access":    {Identity{Issuer: "i", Subject: "1", Name: "bob"}, "error_signon_access"},
		"a local name": {Identity{Issuer: "i", Subject: "1", Name: "ADA", Role: services.RoleUser}, "error_signon_taken"},
		"not a name":   {Identity{Issuer: "i", Subject: "1", Name: "a b", Role: services.RoleUser}, "error_signon_name"},
		"other subject": {
			Identity{Issuer: id.Issuer, Subject: "43", Name: "ada", Role: services.RoleUser}, "error_signon_taken",
		},
	} {
		_, err := s.SignInAs(t.Context(), tt.id)
		require.Equal(t, tt.text, services.AsError(err).Text, name)
	}
	_, err = s.AddUser(asAdmin(t), "root", goodPassword, services.RoleAdmin)
	require.NoError(t, err)
	_, err = s.Disable(asAdmin(t), "ada")
	require.NoError(t, err)
	_, err = s.SignInAs(t.Context(), id)
	require.Equal(t, "error_signon_disabled", services.AsError(err).Text)
	row, err := st.UserByIdentity(t.Context(), id.Issuer, id.Subject)
	require.NoError(t, err)
	require.True(t, row.Disabled)
	_, err = st.UserByIdentity(t.Context(), "", "")
	require.Equal(t, services.CodeNotFound, services.CodeOf(err), "a local user is no identity")
}

// The last administrator stays one, whatever the provider says.
func TestSignInAs_lastAdministrator(t *testing.T) {
	s, _, _ := newTest(t)
	id := Identity{Issuer: "https://id.example", Subject: "42", Name: "ada", Role: services.RoleAdmin}
	_, err := s.SignInAs(t.Context(), id)
	require.NoError(t, err)
	id.Role = services.RoleViewer
	u, err := s.SignInAs(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, services.RoleAdmin, u.Role)
}

func TestStanding(t *testing.T) {
	s, _, c := newTest(t)
	u, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser, services.Grant{Cluster: "a", Role: "viewer"})
	require.NoError(t, err)
	c.add(time.Minute)
	_, err = s.SetPassword(asAdmin(t), "ada", "another good one")
	require.NoError(t, err)
	_, err = s.Disable(asAdmin(t), "ada")
	require.NoError(t, err)
	standing, err := s.Standing(t.Context(), u.ID)
	require.NoError(t, err)
	require.True(t, standing.Disabled)
	require.True(t, standing.ResetAt.Equal(c.now()))
	require.Equal(t, services.RoleViewer, standing.Actor.In("a").Role)
	_, err = s.Standing(t.Context(), 99)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
}
