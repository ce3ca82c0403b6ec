package rule

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
)

// Revise returns rules that it returns again for their own fields, or names what is wrong.
func FuzzRevise(f *testing.F) {
	for _, query := range []string{
		"", "options=1&windows_only=1", "reason_required=1&limit_cluster=10%25&limit_pool=3&limit_wait=1",
		"window_days_1=mon&window_days_1=tue&window_start_1=22:00&window_zone_1=Europe%2FBerlin",
		"approval_drain=1&node_conditions=on&node_events=off&node_lease=1&lease_namespace=medik8s-leases",
		"health_nodes=1&health_pending=5&health_workloads=90&health_for=5m&health_timeout=1h",
		"namespace_rules=shop+wait+1h%0Aci-*+evict&limit_cluster=-1&health_for=x",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		rules, err := Default().Revise(form.Fields(values))
		if err != nil {
			require.Equal(t, services.CodeInvalid, services.CodeOf(err))
			require.NotEmpty(t, services.AsError(err).Fields)
			return
		}
		fields := rules.Fields()
		fields["options"] = []string{"1"}
		again, err := Default().Revise(fields)
		require.NoError(t, err)
		require.Equal(t, rules, again)
	})
}
