package account

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

func equal(a, b string) bool { return a == b }

func TestGroups(t *testing.T) {
	groups, err := ParseGroups([]string{
		"platform=admin", " ops = user ", "dev=viewer", "ops=viewer", "dev=user @ staging", "ops=user@env=prod",
		"night=viewer@staging", "CN=Node Admins,OU=Groups,DC=example,DC=com=admin@arn:aws:eks:eu-1:1:cluster/prod",
		"kube=user@kubernetes-admin@kubernetes", "*=viewer@lab", "role=user=user",
	})
	require.NoError(t, err)
	lab := services.Grant{Cluster: "lab", Role: services.RoleViewer}
	staging := func(role services.Role) services.Grant { return services.Grant{Cluster: "staging", Role: role} }
	for in, tt := range map[string]struct {
		role   services.Role
		grants []services.Grant
	}{
		"":             {"", nil},
		"Platform":     {"", nil},
		"platform":     {services.RoleAdmin, nil},
		"ops":          {services.RoleUser, []services.Grant{{Label: "env=prod", Role: services.RoleUser}}},
		"dev|platform": {services.RoleAdmin, []services.Grant{staging(services.RoleUser)}},
		"night":        {"", []services.Grant{staging(services.RoleViewer)}},
		"night|dev":    {services.RoleViewer, []services.Grant{staging(services.RoleUser)}},
		"kube":         {"", []services.Grant{{Cluster: "kubernetes-admin@kubernetes", Role: services.RoleUser}}},
		"role=user":    {services.RoleUser, nil},
		"role":         {"", nil},
		"ops=user":     {"", nil},
		"CN=Node Admins,OU=Groups,DC=example,DC=com": {
			"", []services.Grant{{Cluster: "arn:aws:eks:eu-1:1:cluster/prod", Role: services.RoleAdmin}},
		},
	} {
		role, grants := groups.Access(strings.Split(in, "|"), equal)
		require.Equal(t, tt.role, role, in)
		require.ElementsMatch(t, append(tt.grants, lab), grants, in)
	}
	role, _ := groups.Access([]string{"DEV"}, strings.EqualFold)
	require.Equal(t, services.RoleViewer, role)
	// Nobody is in a group with the name of the mark for everybody by accident.
	role, grants := Groups(nil).Access([]string{"*"}, equal)
	require.Empty(t, role)
	require.Empty(t, grants)
}

func TestParseGroups_wrong(t *testing.T) {
	for _, text := range []string{
		"", "ops", "=admin", "ops=", "ops=king", "ops=Admin", "ops=none", "ops=admin@", "ops:admin",
	} {
		_, err := ParseGroups([]string{"a=admin", text})
		require.Error(t, err, text)
	}
	_, err := ParseGroups([]string{"ops=king\x1b[31m"})
	require.ErrorContains(t, err, "ops=king")
	require.NotContains(t, err.Error(), "\x1b")
}
