package batch_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/fit"
	"kube-node-manager/services/kube/kubetest"
)

// The plan says whether the pods find room elsewhere, and how sure that is.
func TestDrain_planSaysWhetherPodsFit(t *testing.T) {
	c, _, p := behind(t, usual)
	nodes, ns := c.Nodes(t, 1), c.Namespace(t)
	c.Deployment(t, ns, "web", 3, kubetest.Requests("100m", "64Mi"))
	preview := func() fit.Fit {
		t.Helper()
		p.cache.InvalidateCluster(c.Name)
		plan, err := p.engine.Preview(as(t, services.RoleAdmin), drainRequest(c.Name, nodes))
		require.NoError(t, err)
		return *plan.Fit
	}
	f := preview()
	require.Equal(t, []int{3, 0}, []int{f.Pods, f.Nodes})
	require.Equal(t, fit.Figure{Mark: fit.AtMost}, f.Fits, "there is no other node")

	other := c.Nodes(t, 1)
	f = preview()
	require.Equal(t, fit.Figure{Mark: fit.Exact, Value: 3}, f.Fits)
	require.Equal(t, int64(300), f.Amounts[0].Needed)
	free := f.Amounts[0].Free
	require.Equal(t, fit.Exact, free.Mark)

	c.Deployment(t, ns, "large", 1, kubetest.Requests("1", "64Mi"), kubetest.OnNodes(other...))
	f = preview()
	require.Equal(t, free.Value-1000, f.Amounts[0].Free.Value, "what others request is not free")
}
