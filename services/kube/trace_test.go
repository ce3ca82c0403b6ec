package kube

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCallName(t *testing.T) {
	for path, want := range map[string]string{
		"/api/v1/nodes":                                       "GET nodes",
		"/api/v1/nodes/node-1":                                "GET nodes",
		"/api/v1/nodes/node-1/status":                         "GET nodes/status",
		"/api/v1/namespaces/shop/pods/web-0/eviction":         "GET pods/eviction",
		"/api/v1/namespaces/shop":                             "GET namespaces",
		"/apis/apps/v1/namespaces/shop/deployments/web":       "GET deployments",
		"/apis/coordination.k8s.io/v1/namespaces/kube/leases": "GET leases",
		"/version": "GET version",
		"/":        "GET ",
		"/apis":    "GET",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://cluster.example.com"+path, nil)
		require.NoError(t, err)
		require.Equal(t, want, callName(r), path)
	}
}
