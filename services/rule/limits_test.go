package rule

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
)

func TestAmount(t *testing.T) {
	for _, tt := range []struct {
		amount  Amount
		of      int
		most    int
		limited bool
	}{
		{"", 10, 0, false},
		{"3", 10, 3, true},
		{"3", 2, 3, true},
		{"10%", 100, 10, true},
		{"10%", 19, 1, true},
		{"10%", 3, 1, true},
		{"100%", 7, 7, true},
		{"x", 10, 0, true},
	} {
		most, limited := tt.amount.Of(tt.of)
		require.Equal(t, tt.most, most, tt)
		require.Equal(t, tt.limited, limited, tt)
	}
}

func TestLimits_read(t *testing.T) {
	r, err := Default().Revise(form.Fields{"limit_cluster": {" 10 %"}, "limit_pool": {"2"}, "limit_wait": {"1"}})
	require.NoError(t, err)
	require.Equal(t, Limits{Cluster: "10%", Pool: "2", Wait: true}, r.Limits)
	require.False(t, r.Limits.None())
	r, err = r.Revise(form.Fields{"limit_cluster": {""}})
	require.NoError(t, err)
	require.Equal(t, Limits{Pool: "2", Wait: true}, r.Limits)
	for _, wrong := range []string{"0", "-1", "101%", "0%", "ten", "1.5", "%", "10%%", "99999999999999999999"} {
		_, err := r.Revise(form.Fields{"limit_pool": {wrong}})
		require.Equal(t, services.CodeInvalid, services.CodeOf(err), wrong)
		require.Equal(t, "limit_pool", services.AsError(err).Fields[0].Field)
	}
}
