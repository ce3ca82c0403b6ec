package kubetest

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseRequest(t *testing.T) {
	const budget = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets/web"
	const review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
	for _, test := range []struct{ method, target, verb, resource, namespace, name string }{
		{"GET", "/api/v1/nodes", "list", "nodes", "", ""},
		{"GET", "/api/v1/nodes?watch=true", "watch", "nodes", "", ""},
		{"GET", "/api/v1/nodes/ip-10-0-1-2.prod", "get", "nodes", "", "ip-10-0-1-2.prod"},
		{"PATCH", "/api/v1/nodes/a", "patch", "nodes", "", "a"},
		{"PATCH", "/api/v1/nodes/a/status", "patch", "nodes/status", "", "a"},
		{"GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Da", "list", "pods", "", ""},
		{"POST", "/api/v1/namespaces/shop/pods/web-1/eviction", "create", "pods/eviction", "shop", "web-1"},
		{"DELETE", "/api/v1/namespaces/shop/pods/web-1", "delete", "pods", "shop", "web-1"},
		{"DELETE", "/api/v1/namespaces/shop/pods", "deletecollection", "pods", "shop", ""},
		{"GET", "/api/v1/namespaces/shop", "get", "namespaces", "", "shop"},
		{"PUT", "/api/v1/namespaces/shop/finalize", "update", "namespaces/finalize", "", "shop"},
		{"GET", "/apis/apps/v1/daemonsets", "list", "daemonsets", "", ""},
		{"GET", budget, "get", "poddisruptionbudgets", "shop", "web"},
		{"POST", review, "create", "selfsubjectaccessreviews", "", ""},
		{"GET", "/version", "get", "", "", ""},
		{"GET", "/apis/apps/v1", "get", "", "", ""},
		{"GET", "/api/v1", "get", "", "", ""},
	} {
		r := parseRequest(httptest.NewRequest(test.method, test.target, nil))
		require.Equal(t, [4]string{test.verb, test.resource, test.namespace, test.name},
			[4]string{r.Verb, r.Resource, r.Namespace, r.Name}, "%s %s", test.method, test.target)
	}
}
