package acceptance

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube/kubetest"
)

// emptyKubeconfig is a kubeconfig without clusters.
func emptyKubeconfig(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "none")
	require.NoError(t, os.WriteFile(path, []byte("apiVersion: v1\nkind: Config\n"), 0o600))
	return path
}

// onLoopback lets imported clusters be on this machine.
const onLoopback = "--cluster-networks=127.0.0.0/8,::1/128"

// accountOf does in a cluster what the page says, with a role of the page, and returns
// the kubeconfig that comes of it.
func (p *program) accountOf(t testing.TB, c *kubetest.Cluster, role string) string {
	t.Helper()
	_, page := p.page(t, "/clusters/new")
	dir := t.TempDir()
	manifest := page.Find(`pre[aria-label^="` + role + `"]`).Text()
	require.Contains(t, manifest, "kind: ClusterRole")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kube-node-manager.yaml"), []byte(manifest), 0o600))
	shell(t, c, dir, page.Find(`pre[aria-label^="Commands"]`).Text())
	t.Cleanup(func() { shell(t, c, dir, "kubectl delete --ignore-not-found --wait=false -f kube-node-manager.yaml\n") })
	text, err := os.ReadFile(filepath.Join(dir, "import.yaml"))
	require.NoError(t, err)
	return string(text)
}

// shell runs commands with kubectl as an administrator of a cluster.
func shell(t testing.TB, c *kubetest.Cluster, dir, commands string) {
	t.Helper()
	cmd := exec.Command("sh", "-e", "-c", commands)
	path := filepath.Dir(c.Plane().Kubectl) + string(filepath.ListSeparator) + os.Getenv("PATH")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+path, "KUBECONFIG="+c.Kubeconfig)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// Whoever follows the page gets a kubeconfig that can be imported, whose account may do
// exactly what its role says.
func TestClusters_importAsThePageSays(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, emptyKubeconfig(t), onLoopback)
	for _, role := range []string{"Viewer", "Operator"} {
		text := p.accountOf(t, c, role)
		form := map[string][]string{"kubeconfig": {text}, "name": {role}, "labels": {"env=test"}}
		require.Equal(t, http.StatusCreated, p.request(t, http.MethodPost, "/clusters/new", form, nil).StatusCode)
		var access struct {
			Reachable   bool
			Permissions []struct {
				Need    string
				Allowed bool
			}
		}
		p.request(t, http.MethodGet, "/clusters/"+role+"/access", nil, &access)
		require.True(t, access.Reachable)
		for _, one := range access.Permissions {
			writes := slices.Contains([]string{"change", "conditions", "report", "evict", "delete"}, one.Need)
			inNeither := slices.Contains([]string{"hold", "maintenances", "restart", "restart_read", "restart_sets"}, one.Need)
			want := !inNeither && (!writes || role == "Operator")
			require.Equal(t, want, one.Allowed, "%s may %s", role, one.Need)
		}
		require.Len(t, p.nodes(t, role, "").Items, 2)
		token := text[strings.LastIndex(text, "token: ")+len("token: "):]
		require.NotContains(t, p.log(t), strings.TrimSpace(token))
	}
	batch := map[string][]string{"operation": {"cordon"}, "node": {names[0]}}
	require.Equal(t, http.StatusOK, p.request(t, http.MethodPost, "/clusters/Operator/batches", batch, nil).StatusCode)
	require.True(t, p.node(t, "Operator", names[0]).Unschedulable)

	require.Equal(t, http.StatusOK, p.request(t, http.MethodPost, "/clusters/Operator/edit",
		map[string][]string{"name": {"renamed/op"}}, nil).StatusCode)
	var history struct{ Items []struct{ Cluster string } }
	p.request(t, http.MethodGet, "/batches?cluster="+url.QueryEscape("renamed/op"), nil, &history)
	require.Len(t, history.Items, 1, "the history has moved along")
}
