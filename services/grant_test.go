package services

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRolesIn(t *testing.T) {
	clusters := map[string]map[string]string{
		"prod": {"env": "prod", "region": "eu"}, "stage": {"env": "staging", "region": "eu"}, "lab": nil,
	}
	for name, tt := range map[string]struct {
		grants []Grant
		want   map[string]Role
	}{
		"none":      {nil, nil},
		"a cluster": {[]Grant{{Cluster: "prod", Role: RoleViewer}}, map[string]Role{"prod": RoleViewer}},
		"a label": {
			[]Grant{{Label: "region=eu", Role: RoleUser}}, map[string]Role{"prod": RoleUser, "stage": RoleUser},
		},
		"the name overrides the label, also with more rights": {
			[]Grant{{Label: "region=eu", Role: RoleNone}, {Cluster: "prod", Role: RoleAdmin}},
			map[string]Role{"prod": RoleAdmin, "stage": RoleNone},
		},
		"of two labels the fewest rights count": {
			[]Grant{{Label: "region=eu", Role: RoleUser}, {Label: "env=prod", Role: RoleViewer}},
			map[string]Role{"prod": RoleViewer, "stage": RoleUser},
		},
		"a cluster that is not there": {[]Grant{{Cluster: "gone", Role: RoleNone}}, map[string]Role{"gone": RoleNone}},
		"an empty value":              {[]Grant{{Label: "env=", Role: RoleUser}}, map[string]Role{}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, RolesIn(tt.grants, clusters)) })
	}
}

func TestActor_in(t *testing.T) {
	a := Actor{ID: 1, Role: RoleViewer, Clusters: map[string]Role{"stage": RoleUser, "hidden": RoleNone, "lab": RoleAdmin}}
	for cluster, want := range map[string][]Permission{
		"any":    {PermitSee},
		"stage":  {PermitSee, PermitChange},
		"hidden": nil,
		"lab":    {PermitSee, PermitChange, PermitDrain, PermitForce},
	} {
		var may []Permission
		for _, p := range []Permission{PermitSee, PermitChange, PermitDrain, PermitForce, PermitUsers, PermitAudit} {
			if a.In(cluster).May(p) {
				may = append(may, p)
			}
		}
		require.Equal(t, want, may, cluster)
	}
	require.False(t, a.May(PermitChange), "not outside of the clusters")
	require.Equal(t, "error_no_access", AsError(a.In("hidden").Require(PermitSee)).Text)
	require.Equal(t, "error_role_cluster", AsError(a.In("any").Require(PermitChange)).Text)
	require.Equal(t, "error_role", AsError(a.Require(PermitChange)).Text)
}

func TestActor_scope(t *testing.T) {
	require.Equal(t, Scope{}, Actor{}.Scope())
	require.Equal(t, Scope{All: true}, Actor{Role: RoleViewer, Clusters: map[string]Role{"a": RoleUser}}.Scope())

	all := Actor{Role: RoleViewer, Clusters: map[string]Role{"b": RoleNone, "a": RoleNone, "c": RoleUser}}.Scope()
	require.Equal(t, Scope{All: true, But: []string{"a", "b"}}, all)
	require.True(t, all.Has("c"))
	require.False(t, all.Has("a"))

	some := Actor{Role: RoleNone, Clusters: map[string]Role{"b": RoleNone, "a": RoleViewer}}
	require.Equal(t, Scope{But: []string{"a"}}, some.Scope())
	require.True(t, some.Scope().Has("a"))
	require.False(t, some.Scope().Has("b"))
	require.True(t, some.May(PermitSee), "of something")
	require.False(t, Actor{Role: RoleNone}.May(PermitSee))
}
