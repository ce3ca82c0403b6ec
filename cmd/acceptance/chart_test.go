package acceptance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"kube-node-manager/services/kube/kubetest"
)

// chartNeeds are the values of the chart without a default. The nodes of tests have no
// volumes.
const chartNeeds = "image.repository=registry.example.com/knm,publicURL=https://nodes.example.com," +
	"persistence.enabled=false"

// allAccess turns on every switch of what the program may do.
const allAccess = "access.deletePods=true,access.conditions=true,access.events=true"

// chartProgram renders the chart. It is built when a test first needs it.
var chartProgram struct {
	once sync.Once
	path string
	err  error
}

// renderChart returns the manifests of the chart with values. The release has the name of
// its namespace, because its roles belong to no namespace.
func renderChart(t testing.TB, namespace string, values ...string) string {
	t.Helper()
	chartProgram.once.Do(func() {
		chartProgram.path = filepath.Join(filepath.Dir(releaseBuild.binary(t)), "chart")
		cmd := exec.Command("go", "build", "-ldflags=-w", "-o", chartProgram.path, "./chart")
		cmd.Dir = "../deploy"
		out, err := cmd.CombinedOutput()
		if err != nil {
			chartProgram.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	require.NoError(t, chartProgram.err)
	args := []string{"-chart", "../../docs/deploy/chart", "-namespace", namespace, "-name", namespace}
	for _, one := range append([]string{chartNeeds}, values...) {
		args = append(args, "-set", one)
	}
	out, err := command(chartProgram.path, "", args...)
	require.NoError(t, err)
	return out
}

// clusterRole returns the ClusterRole among manifests.
func clusterRole(t testing.TB, manifests string) rbacv1.ClusterRole {
	t.Helper()
	for text := range strings.SplitSeq(manifests, "---\n") {
		var role rbacv1.ClusterRole
		require.NoError(t, yaml.Unmarshal([]byte(text), &role))
		if role.Kind == "ClusterRole" {
			return role
		}
	}
	t.Fatal("there is no ClusterRole")
	return rbacv1.ClusterRole{}
}

// allowed returns what a role allows, one verb on one resource each, sorted.
func allowed(role rbacv1.ClusterRole) (calls []string) {
	for _, rule := range role.Rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					calls = append(calls, verb+" "+group+"/"+resource)
				}
			}
		}
	}
	slices.Sort(calls)
	return slices.Compact(calls)
}

// The chart knows every setting of the README, so that a mistyped one is refused, but
// for those that it makes from other values.
func TestReadme_settingsOfTheChart(t *testing.T) {
	made := []string{
		"listen", "data", "kubeconfig", "key-file", "public-url", "trusted-proxies", "tls-cert", "tls-key",
		"insecure-http", "metrics-addr", "database", "replica-addr",
	}
	var want []string
	for _, flag := range firstCells(t, "README.md", "Configuration") {
		name := strings.TrimPrefix(strings.TrimPrefix(flag, "--"), "[no-]")
		if strings.HasPrefix(flag, "--") && !slices.Contains(made, name) {
			want = append(want, name)
		}
	}
	require.Greater(t, len(want), 15)
	var schema struct {
		Properties struct {
			Settings struct{ PropertyNames struct{ Enum []string } }
		}
	}
	text := readDocument(t, "docs/deploy/chart/values.schema.json")
	require.NoError(t, json.Unmarshal([]byte(text), &schema))
	require.ElementsMatch(t, want, schema.Properties.Settings.PropertyNames.Enum,
		"settings of docs/deploy/chart/values.schema.json")
}

// The roles of the chart are those of the page for imported clusters, one without
// changes and one with everything, and of the documents, whose role another test proves
// to be enough and to have nothing that is not used.
func TestReadme_rolesOfTheChart(t *testing.T) {
	p := startProgram(t, emptyKubeconfig(t))
	_, page := p.page(t, "/clusters/new")
	ofPage := func(role string) []string {
		return allowed(clusterRole(t, page.Find(`pre[aria-label^="`+role+`"]`).Text()))
	}
	viewer, operator := ofPage("Viewer"), ofPage("Operator")
	require.Equal(t, viewer, allowed(clusterRole(t, renderChart(t, "ops", allAccess, "access.write=false"))))
	require.Equal(t, operator, allowed(clusterRole(t, renderChart(t, "ops", allAccess))))
	_, documented, ok := strings.Cut(readDocument(t, "docs/configuration.md"), "```yaml\n")
	require.True(t, ok)
	documented, _, _ = strings.Cut(documented, "```")
	require.Equal(t, operator, allowed(clusterRole(t, documented)))
	for values, call := range map[string]string{
		"access.drain=false":      "create /pods/eviction",
		"access.deletePods=false": "delete /pods",
		"access.conditions=false": "patch /nodes/status",
		"access.events=false":     "create /events",
		"access.metrics=false":    "list metrics.k8s.io/nodes",
	} {
		require.Contains(t, operator, call)
		without := slices.DeleteFunc(slices.Clone(operator), func(one string) bool { return one == call })
		require.Equal(t, without, allowed(clusterRole(t, renderChart(t, "ops", allAccess, values))), values)
	}
}

// What the guide says that an option needs is what its switch adds.
func TestReadme_optionsOfTheChart(t *testing.T) {
	base := allowed(clusterRole(t, renderChart(t, "ops")))
	for values, resource := range map[string]string{
		"access.restart=true": "deployments", "access.drainRules=true": "machinedrainrules",
	} {
		added := allowed(clusterRole(t, renderChart(t, "ops", values)))
		added = slices.DeleteFunc(added, func(call string) bool { return slices.Contains(base, call) })
		var role rbacv1.ClusterRole
		require.NoError(t, yaml.Unmarshal([]byte("rules:\n"+guideRole(t, resource)), &role))
		require.Equal(t, allowed(role), added)
	}
	lease := guideRole(t, "leases")
	rendered := renderChart(t, "ops", "access.leaseNamespace=medik8s-leases")
	rules := "rules:\n  - apiGroups: [coordination.k8s.io]\n    resources: [leases]\n    verbs: [get, list, create"
	require.Contains(t, lease, rules)
	require.Contains(t, rendered, rules)
	require.NotContains(t, renderChart(t, "ops", "access.leaseNamespace=medik8s-leases,access.write=false"), rules)
}

// guideRole returns the block of YAML in the guide that has rules for a resource.
func guideRole(t testing.TB, resource string) string {
	t.Helper()
	for _, block := range strings.Split(readDocument(t, "docs/operations.md"), "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		if strings.Contains(block, "resources: ["+resource) {
			return block
		}
	}
	t.Fatalf("the guide has no rules for %s", resource)
	return ""
}

// The account that changes nodes in the name of users has what the documents say.
func TestReadme_actingRoleOfTheChart(t *testing.T) {
	_, text, ok := strings.Cut(readDocument(t, "docs/configuration.md"), "    apiVersion: rbac.authorization.k8s.io/v1\n")
	require.True(t, ok)
	text, _, _ = strings.Cut(text, "\n\n")
	got := allowed(clusterRole(t, renderChart(t, "ops", "access.write=false,access.actAsUser=true")))
	for _, call := range allowed(clusterRole(t, "    apiVersion: rbac.authorization.k8s.io/v1\n"+text)) {
		require.Contains(t, got, call)
	}
}

// restricted returns a new namespace that accepts only pods without rights.
func restricted(t testing.TB, c *kubetest.Cluster) string {
	t.Helper()
	name := c.Namespace(t)
	label := []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`)
	namespaces := c.Client.CoreV1().Namespaces()
	_, err := namespaces.Patch(t.Context(), name, types.MergePatchType, label, metav1.PatchOptions{})
	require.NoError(t, err)
	return name
}

// applyStrictly applies manifests until the end of the test. Unknown fields are errors.
func applyStrictly(t testing.TB, c *kubetest.Cluster, manifests string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "manifests.yaml"), []byte(manifests), 0o600))
	t.Cleanup(func() { shell(t, c, dir, "kubectl delete --ignore-not-found --wait=false -f manifests.yaml\n") })
	shell(t, c, dir, "kubectl apply --server-side --force-conflicts --validate=strict -f manifests.yaml\n")
}

// installed installs the chart with values and returns its account, once the cluster
// knows its rights.
func installed(t testing.TB, c *kubetest.Cluster, values string) *rest.Config {
	t.Helper()
	namespace := restricted(t, c)
	manifests := renderChart(t, namespace, "persistence.enabled=true", values) // its pod waits for a volume
	applyStrictly(t, c, manifests)
	request := &authenticationv1.TokenRequest{}
	accounts := c.Client.CoreV1().ServiceAccounts(namespace)
	token, err := accounts.CreateToken(t.Context(), namespace, request, metav1.CreateOptions{})
	require.NoError(t, err)
	review := &authorizationv1.SubjectAccessReview{}
	review.Spec.User = "system:serviceaccount:" + namespace + ":" + namespace
	review.Spec.ResourceAttributes = &authorizationv1.ResourceAttributes{Verb: "list", Resource: "nodes"}
	c.Eventually(t, func(ctx context.Context) error {
		answer, err := c.Client.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err == nil && !answer.Status.Allowed {
			err = errors.New("the cluster does not know the rights of the account yet")
		}
		return err
	})
	config := c.Config()
	config.BearerToken = token.Status.Token
	return config
}

// A cluster accepts everything of the chart, also in a namespace that is restricted to
// pods without rights, and starts its pod.
func TestChart_isAccepted(t *testing.T) {
	c := lease(t)
	c.Nodes(t, 1)
	for kind, plural := range map[string]string{"ServiceMonitor": "servicemonitors", "PrometheusRule": "prometheusrules"} {
		c.Install(t, kubetest.Resource{Group: "monitoring.coreos.com", Version: "v1", Kind: kind, Plural: plural})
	}
	namespace := restricted(t, c)
	applyStrictly(t, c, renderChart(t, namespace, allAccess, "ingress.enabled=true",
		"metrics.enabled=true,metrics.serviceMonitor.enabled=true",
		"metrics.alerts.enabled=true,metrics.dashboard.enabled=true"))
	c.Eventually(t, func(ctx context.Context) error {
		pod, err := c.Client.CoreV1().Pods(namespace).Get(ctx, namespace+"-0", metav1.GetOptions{})
		if err == nil && pod.Status.Phase != corev1.PodRunning {
			err = fmt.Errorf("the pod is %s", pod.Status.Phase)
		}
		return err
	})
	plain := readDocument(t, "docs/deploy/manifests/kube-node-manager.yaml")
	applyStrictly(t, c, strings.ReplaceAll(plain, "kube-node-manager", c.Namespace(t)))
}

// With the account of the chart and nothing else, the program does everything: no call
// is refused.
func TestChart_accountIsEnough(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 4)
	namespace := c.Namespace(t)
	c.Deployment(t, namespace, "web", 2, kubetest.OnNodes(names[0], names[1]))
	c.Budget(t, namespace, "web", 1)
	alone := c.Deployment(t, namespace, "alone", 1, kubetest.OnNodes(names[2], names[3]))[0].Spec.NodeName
	leases := c.Namespace(t)
	more := ",access.restart=true,access.drainRules=true,access.leaseNamespace=" + leases
	proxy := kubetest.NewProxy(t, installed(t, c, allAccess+more))
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	p.setRules(t, c.Name, url.Values{
		"node_conditions": {"on"}, "node_events": {"on"}, "node_lease": {"on"}, "lease_namespace": {leases},
	})
	batches := "/clusters/" + c.Name + "/batches"
	for _, form := range []url.Values{
		{"operation": {"drain"}, "node": names[:1]},
		{"operation": {"drain"}, "node": {alone}, "restart_first": {"1"}},
		{"operation": {"cordon"}, "node": names},
		{"operation": {"label"}, "node": names, "label": {"tier=gold"}},
		{"operation": {"taint"}, "node": names, "taint": {"team=web:NoSchedule"}},
		{"operation": {"annotate"}, "node": names, "annotation": {"note=x"}},
		{"operation": {"uncordon"}, "node": names},
	} {
		require.Equal(t, "succeeded", p.made(t, batches, form).State, form)
	}
	node := c.Node(t, names[3])
	require.Equal(t, "gold", node.Labels["tier"])
	require.False(t, node.Spec.Unschedulable)
	done := map[string]bool{}
	for _, r := range proxy.Requests() {
		require.NotEqual(t, http.StatusForbidden, r.Code, "%s %s", r.Verb, r.Path)
		done[r.Verb+" "+r.Resource] = true
	}
	for _, call := range []string{
		"patch nodes", "create pods/eviction", "patch nodes/status", "create events", "create leases", "patch deployments",
	} {
		require.True(t, done[call], "nobody did %s", call)
	}
}

// What a switch of the chart takes away, the cluster refuses, and the program says so.
func TestChart_switchesRefuse(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	namespace := c.Namespace(t)
	c.Deployment(t, namespace, "web", 1, kubetest.OnNodes(names[0]))
	refused := func(t *testing.T, values string, form url.Values) {
		p := startProgram(t, kubetest.WriteKubeconfig(t, c.Name, installed(t, c, values)))
		batch := p.made(t, "/clusters/"+c.Name+"/batches", form)
		require.Equal(t, "failed", batch.State)
		require.Contains(t, batch.Items[0].Error, "not allow", "%v", batch.Items)
	}
	t.Run("drain", func(t *testing.T) {
		refused(t, "access.drain=false", url.Values{"operation": {"drain"}, "node": names[:1]})
		require.Len(t, c.WaitRunning(t, namespace, "web", 1), 1)
	})
	t.Run("write", func(t *testing.T) {
		refused(t, "access.write=false", url.Values{"operation": {"cordon"}, "node": names[1:]})
		require.False(t, c.Node(t, names[1]).Spec.Unschedulable)
	})
	t.Run("deletePods", func(t *testing.T) {
		pod := c.WaitRunning(t, namespace, "web", 1)[0]
		refused(t, "access.deletePods=false", url.Values{
			"operation": {"delete-pod"}, "node": {pod.Spec.NodeName}, "pod": {namespace + "/" + pod.Name},
			"uid": {string(pod.UID)}, "confirm": {pod.Name},
		})
		require.Equal(t, pod.UID, c.WaitRunning(t, namespace, "web", 1)[0].UID)
	})
}
