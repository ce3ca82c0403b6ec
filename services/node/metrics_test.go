package node

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube/kubetest"
)

// measured is what the proxy calls the nodes of the metrics API.
const measured = "nodes.metrics.k8s.io"

// What nodes use is beside what is requested of them, where the cluster measures it.
func TestInUse(t *testing.T) {
	c := kubetest.Acquire(t)
	names := c.Nodes(t, 2)
	proxy := c.Proxy(t)
	proxy.Inject(kubetest.Fault{Resource: measured, Handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"kind":"NodeMetricsList","items":[{"metadata":{"name":%q},`+
			`"usage":{"cpu":"1500123456n","memory":"2097152Ki"}}]}`, names[0])
	}})
	f := follow(t, proxy.Config())
	page, err := f.List(f.ctx, "a", Query{}, false)
	require.NoError(t, err)
	_, known := page.InUse.Of(page.Nodes[0])
	require.False(t, known)
	require.Zero(t, proxy.Calls("list", measured), "a table is never late for it")
	for range 3 {
		page, err = f.List(f.ctx, "a", Query{}, true)
		require.NoError(t, err)
	}
	used, known := page.InUse.Of(page.Nodes[0])
	require.True(t, known)
	require.Equal(t, Used{CPU: 1501, Memory: 2 << 30}, used)
	_, known = page.InUse.Of(page.Nodes[1])
	require.False(t, known, "it has not been measured yet")
	require.Equal(t, 1, proxy.Calls("list", measured))

	quick, err := f.GetQuick(f.ctx, "a", names[0], false)
	require.NoError(t, err)
	whole, err := f.Get(f.ctx, "a", names[0], false)
	require.NoError(t, err)
	for _, found := range []Found{quick, whole} {
		require.True(t, found.Measured())
		require.Equal(t, []int64{1501, 2 << 30, -1}, inUseOf(found))
	}
	other, err := f.Get(f.ctx, "a", names[1], false)
	require.NoError(t, err)
	require.False(t, other.Measured())
}

// inUseOf returns what a node uses of CPU, memory and pods.
func inUseOf(f Found) []int64 {
	return []int64{f.Resources[0].InUse, f.Resources[1].InUse, f.Resources[2].InUse}
}

// A cluster without metrics, or whose metrics do not answer, is not asked again for some
// time, and is no cluster that does not answer.
func TestInUse_none(t *testing.T) {
	for name, fault := range map[string]kubetest.Fault{
		"none":             {Resource: "none"},
		"out of order":     {Resource: measured, Code: http.StatusServiceUnavailable},
		"not for everyone": {Resource: measured, Code: http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			c := kubetest.Acquire(t)
			c.Nodes(t, 1)
			proxy := c.Proxy(t)
			proxy.Inject(fault)
			f := follow(t, proxy.Config())
			for range 3 {
				page, err := f.List(f.ctx, "a", Query{}, true)
				require.NoError(t, err)
				require.NotNil(t, page.Usage)
				require.Nil(t, page.InUse["a"])
			}
			require.Equal(t, 1, proxy.Calls("list", measured))
		})
	}
}
