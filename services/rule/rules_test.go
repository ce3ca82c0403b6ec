package rule

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/store"
	"kube-node-manager/services/store/storetest"
)

func as(t *testing.T, role services.Role) context.Context {
	t.Helper()
	return services.WithActor(t.Context(), services.Actor{ID: 1, Name: "ada", Role: role})
}

func newService(t *testing.T) (*Service, *store.Store) {
	t.Helper()
	st, err := storetest.Open(t, t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close(context.WithoutCancel(t.Context()))) })
	return New(st, func() time.Time { return time.UnixMilli(1_800_000_000_123) }), st
}

func TestSet(t *testing.T) {
	s, st := newService(t)
	found, err := s.Get(as(t, services.RoleViewer), "prod")
	require.NoError(t, err)
	require.Equal(t, Record{Rules: Default()}, found)

	set, err := s.Set(as(t, services.RoleAdmin), "prod", form.Fields{"reason_required": {"1"}})
	require.NoError(t, err)
	require.True(t, set.Reason.Required)
	found, err = s.Get(as(t, services.RoleViewer), "prod")
	require.NoError(t, err)
	require.Equal(t, set.Rules, found.Rules)
	require.Equal(t, "ada", found.UpdatedBy)
	require.True(t, set.UpdatedAt.Equal(found.UpdatedAt))
	other, err := s.Of(t.Context(), "staging")
	require.NoError(t, err)
	require.Equal(t, Default(), other)

	entries, err := st.Entries(t.Context(), store.EntryQuery{Limit: 10})
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, store.ActionClusterRules, entries[0].Action)
	require.Contains(t, string(entries[0].After), `"required":true`)
}

func TestSet_onlyAdministrators(t *testing.T) {
	s, _ := newService(t)
	for _, role := range []services.Role{services.RoleViewer, services.RoleUser} {
		_, err := s.Set(as(t, role), "prod", form.Fields{})
		require.Equal(t, services.CodeForbidden, services.CodeOf(err), role)
	}
	_, err := s.Get(t.Context(), "prod")
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
}

// What a form shows is what it sends; a script names only what it changes.
func TestRules_revise(t *testing.T) {
	all := Default()
	all.Reason.Required = true
	all.Limits = Limits{Cluster: "10%", Pool: "2", Wait: true}
	all.Workloads.Namespaces = []drain.NamespaceRule{
		{Namespaces: "ci-*", Action: drain.ActionWait, Seconds: 5400},
		{Namespaces: "team in (a,b)", Action: drain.ActionAsk},
		{Namespaces: "shop", Action: drain.ActionEvict},
	}
	all.Signals = Signals{Conditions: Off, Events: On}
	all.Lease = Lease{Hold: true, Namespace: "leases"}
	more := 3
	all.Health = Health{
		Nodes: true, Pending: &more, Workloads: 95, Prometheus: "http://prometheus:9090", Query: "sum(up)", Below: 0.5,
		For: 90, Timeout: 3600,
	}
	again, err := Default().Revise(all.Fields())
	require.NoError(t, err)
	require.Equal(t, all, again)

	kept, err := all.Revise(form.Fields{})
	require.NoError(t, err)
	require.Equal(t, all, kept)

	none, err := all.Revise(form.Fields{"options": {"1"}})
	require.NoError(t, err)
	require.False(t, none.Reason.Required)

	_, err = all.Revise(form.Fields{"reason_required": {"perhaps"}})
	require.Equal(t, services.CodeInvalid, services.CodeOf(err))
	require.Equal(t, "reason_required", services.AsError(err).Fields[0].Field)
}

// A rule that cannot be read is named by its line; none is kept then.
func TestRules_namespaces(t *testing.T) {
	for text, line := range map[string]int{
		"ci-* wait 2h\nshop": 2, "# why\n\nci wait soon": 3, "wait": 1, "a b evict": 1, "ci wait -1h": 1, "ci wait 9999h": 1,
		"Ci evict": 0, "team evict": 0, "team=a,tier!=b wait": 0,
	} {
		revised, err := Default().Revise(form.Fields{"namespace_rules": {text}})
		if line == 0 {
			require.NoError(t, err, text)
			require.Equal(t, text, drain.FormatNamespaceRules(revised.Workloads.Namespaces))
			continue
		}
		require.Equal(t, services.CodeInvalid, services.CodeOf(err), text)
		wrong := services.AsError(err).Fields[0]
		require.Equal(t, "namespace_rules", wrong.Field)
		require.Equal(t, line, wrong.Args["Line"], text)
	}
	_, err := Default().Revise(form.Fields{"namespace_rules": {strings.Repeat("a evict\n", 101)}})
	require.Equal(t, "error_namespace_rules_many", services.AsError(err).Fields[0].Text)
	_, err = Default().Revise(form.Fields{"namespace_rules": {strings.Repeat("a", 20_000)}})
	require.Equal(t, "error_namespace_rules_long", services.AsError(err).Fields[0].Text)
}

func TestRules_lease(t *testing.T) {
	revised, err := Default().Revise(form.Fields{"node_lease": {"1"}, "lease_namespace": {" "}})
	require.NoError(t, err)
	require.Equal(t, Lease{Hold: true, Namespace: "medik8s-leases"}, revised.Lease)
	_, err = Default().Revise(form.Fields{"lease_namespace": {"Not/One"}})
	require.Equal(t, "error_lease_namespace_name", services.AsError(err).Fields[0].Text)
	require.Equal(t, "lease_namespace", services.AsError(err).Fields[0].Field)
}
