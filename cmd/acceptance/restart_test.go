package acceptance

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"kube-node-manager/services/kube/kubetest"
)

// A drain that restarts workloads first, over the JSON contract and with its kubectl
// commands.
func TestRestartFirst_contract(t *testing.T) {
	c := lease(t)
	names, ns := c.Nodes(t, 1), c.Namespace(t)
	c.Deployment(t, ns, "cart", 1)
	c.Budget(t, ns, "cart", 1)
	c.StatefulSet(t, ns, "db", 1)
	c.Budget(t, ns, "db", 1)
	p := startProgram(t, c.Kubeconfig)
	form := url.Values{"operation": {"drain"}, "node": names, "restart_first": {"1"}}
	var plan struct {
		Drain struct {
			Workloads []struct {
				Name, Why   string
				Pods, Nodes int
			}
			Summary struct{ Restart, Never int }
		}
	}
	p.request(t, http.MethodPost, "/clusters/"+c.Name+"/batches/preview", form, &plan)
	require.Equal(t, []int{1, 1}, []int{plan.Drain.Summary.Restart, plan.Drain.Summary.Never})
	require.Len(t, plan.Drain.Workloads, 2)
	require.Equal(t, ns+"/StatefulSet/db", plan.Drain.Workloads[0].Name)
	require.Contains(t, plan.Drain.Workloads[0].Why, "only a Deployment can start a new pod")
	require.Equal(t, ns+"/cart", plan.Drain.Workloads[1].Name)
	require.Empty(t, plan.Drain.Workloads[1].Why)
	response, raw := p.call(t, http.MethodPost, "/clusters/"+c.Name+"/batches/preview", "text/html", formKind,
		strings.NewReader(form.Encode()))
	require.Equal(t, http.StatusOK, response.StatusCode)
	lines := strings.Join([]string{
		"kubectl cordon " + names[0],
		"kubectl -n " + ns + " rollout restart deployment/cart",
		"kubectl -n " + ns + " rollout status deployment/cart --timeout=900s",
		"kubectl drain " + names[0] + " --ignore-daemonsets --timeout=900s",
	}, "\n")
	require.Contains(t, string(raw), ">"+lines)
}

// The permissions that the guide names are enough to restart workloads first.
func TestRestartFirst_rulesOfTheGuide(t *testing.T) {
	block := func(document, after string) string {
		_, rest, ok := strings.Cut(readDocument(t, document), after)
		require.True(t, ok)
		_, rest, _ = strings.Cut(rest, "```yaml\n")
		text, _, _ := strings.Cut(rest, "```")
		return text
	}
	var role rbacv1.ClusterRole
	require.NoError(t, yaml.UnmarshalStrict([]byte(block("docs/configuration.md", "## Permissions")), &role))
	var more []rbacv1.PolicyRule
	require.NoError(t, yaml.UnmarshalStrict([]byte(block("docs/operations.md", "## Restart first")), &more))
	c := lease(t)
	names, ns := c.Nodes(t, 1), c.Namespace(t)
	c.Deployment(t, ns, "cart", 1)
	c.Budget(t, ns, "cart", 1)
	c.Nodes(t, 1)
	proxy := kubetest.NewProxy(t, c.User(t, append(role.Rules, more...)...))
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	var b batchDoc
	p.request(t, http.MethodPost, "/clusters/"+c.Name+"/batches", url.Values{
		"operation": {"drain"}, "node": names, "restart_first": {"1"}, "reason": {"kernel CVE"},
	}, &b)
	require.Equal(t, "succeeded", p.awaitBatch(t, b.ID).State)
	require.Equal(t, 1, proxy.Calls("patch", "deployments"))
	for _, r := range proxy.Requests() {
		require.NotEqual(t, http.StatusForbidden, r.Code, "%s %s", r.Verb, r.Path)
	}
}
