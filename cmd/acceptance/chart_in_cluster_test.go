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
	"k8s.io/client-go/rest"
)

// inPod is a command that runs its arguments as in a pod of a cluster: the files of the
// account in $ACCOUNT are where Kubernetes puts them, which nobody else sees.
var inPod = []string{
	"unshare", "--map-root-user", "--mount", "sh", "-e", "-c", `
mount -t tmpfs none /run
mkdir -p /run/secrets/kubernetes.io
cp -r "$ACCOUNT" /run/secrets/kubernetes.io/serviceaccount
unset ACCOUNT KUBECONFIG
exec "$@"`, "sh",
}

// podEnvironment writes the files of an account, and returns the environment of a pod
// that has it.
func podEnvironment(t testing.TB, account *rest.Config) []string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "token"), []byte(account.BearerToken), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.crt"), account.CAData, 0o600))
	server, err := url.Parse(account.Host)
	require.NoError(t, err)
	return []string{
		"ACCOUNT=" + dir, "HOME=/nonexistent",
		"KUBERNETES_SERVICE_HOST=" + server.Hostname(), "KUBERNETES_SERVICE_PORT=" + server.Port(),
	}
}

// In a pod of the chart, the program finds its cluster and its account by itself.
func TestChart_findsItsCluster(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	environment := podEnvironment(t, installed(t, c, "access.drain=true"))
	try := exec.Command(inPod[0], append(slices.Clone(inPod[1:]), "true")...)
	try.Env = append(os.Environ(), environment...)
	if out, err := try.CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED: this machine does not allow to mount files for one process: %s", out)
	}
	p := emptyProgram(t, releaseBuild.binary(t), "")
	p.Token = copySeed(t, p.Data)
	p.args = append(slices.Clone(inPod[1:]), append([]string{p.path}, withoutKubeconfig(p.args)...)...)
	p.path, p.env = inPod[0], environment
	p.start(t)
	list := p.nodes(t, "in-cluster", "")
	require.Len(t, list.Items, 2)
	for operation, fields := range map[string]url.Values{"cordon": {}, "label": {"label": {"tier=gold"}}, "drain": {}} {
		fields["operation"], fields["node"] = []string{operation}, names[:1]
		require.Equal(t, "succeeded", p.made(t, "/clusters/in-cluster/batches", fields).State, operation)
	}
	node := c.Node(t, names[0])
	require.True(t, node.Spec.Unschedulable)
	require.Equal(t, "gold", node.Labels["tier"])
	_, body := p.call(t, http.MethodGet, "/metrics", "text/plain", "", nil)
	require.Contains(t, string(body), `knm_clusters{state="reachable"} 1`)
	require.NotContains(t, strings.ToLower(p.log(t)), "level=error")
}

// withoutKubeconfig returns arguments without the flag that names a kubeconfig.
func withoutKubeconfig(args []string) []string {
	i := slices.Index(args, "--kubeconfig")
	return slices.Delete(slices.Clone(args), i, i+2)
}
