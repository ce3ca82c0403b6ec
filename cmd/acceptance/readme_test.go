package acceptance

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"kube-node-manager/services/kube/kubetest"
)

func readDocument(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("../..", path))
	require.NoError(t, err)
	return string(content)
}

// The table of settings in the README equals the output of the program.
func TestReadme_settings(t *testing.T) {
	cmd := exec.Command(releaseBuild.binary(t), "serve", "--help")
	cmd.Env = append(os.Environ(), "COLUMNS=1000")
	help, err := cmd.Output()
	require.NoError(t, err)
	line := regexp.MustCompile(`(?m)^ +(--\S+?)(?:=(\S+))? {2,}(.+) \(\$(KNM_\w+)\)\.$`)
	var want strings.Builder
	want.WriteString("| flag | variable | default | what it is |\n|---|---|---|---|\n")
	found := line.FindAllStringSubmatch(string(help), -1)
	require.Greater(t, len(found), 15, "%s", help)
	for _, m := range found {
		_, _ = fmt.Fprintf(&want, "| `%s` | `%s` | %s | %s |\n", m[1], m[4], settingDefault(m[1], m[2]), m[3])
	}
	readme := readDocument(t, "README.md")
	_, rest, ok := strings.Cut(readme, "<!-- settings")
	require.True(t, ok)
	_, rest, _ = strings.Cut(rest, "-->\n")
	got, _, ok := strings.Cut(rest, "<!-- /settings")
	require.True(t, ok)
	require.Equal(t, want.String(), got)
}

// settingDefault returns a default as the table shows it. A value in capitals
// is only a placeholder.
func settingDefault(flag, shown string) string {
	switch value := strings.Trim(shown, `"`); {
	case value == "" && strings.HasPrefix(flag, "--[no-]"):
		return "`true`"
	case value == "":
		return "`false`"
	case value == strings.ToUpper(value) && strings.ToLower(value) != value && !strings.HasPrefix(shown, `"`):
		return ""
	default:
		return "`" + value + "`"
	}
}

// Every file and picture that the documents link to exists.
func TestReadme_links(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+)[^)]*\)|(?:src|srcset)="([^"]+)"`)
	documents := []string{
		"README.md", "README.zh-CN.md", "docs/getting-started.md", "docs/administration.md", "docs/batches.md",
		"docs/architecture.md", "docs/configuration.md", "docs/api.md", "docs/security.md", "docs/CHANGELOG.md",
		"docs/operations.md", "docs/kubectl.md", "docs/deploy/README.md",
	}
	for _, path := range documents {
		for _, m := range link.FindAllStringSubmatch(readDocument(t, path), -1) {
			target := m[1] + m[2]
			if strings.Contains(target, "://") {
				continue
			}
			_, err := os.Stat(filepath.Join("../..", filepath.Dir(path), target))
			require.NoError(t, err, "%s links to %s", path, target)
		}
	}
}

// The permissions that the documents give to the account of the program are
// sufficient for everything it does, and none is unused.
func TestReadme_clusterRoleIsEnough(t *testing.T) {
	_, rest, ok := strings.Cut(readDocument(t, "docs/configuration.md"), "```yaml\n")
	require.True(t, ok)
	text, _, _ := strings.Cut(rest, "```")
	var role rbacv1.ClusterRole
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), &role))

	c := lease(t)
	names := c.Nodes(t, 3)
	namespace := c.Namespace(t)
	c.Deployment(t, namespace, "web", 2, kubetest.OnNodes(names[0], names[1]))
	c.DaemonSet(t, namespace, "agent", 3)
	c.Budget(t, namespace, "web", 1)
	proxy := kubetest.NewProxy(t, c.User(t, role.Rules...))
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	require.Len(t, p.nodes(t, c.Name, "usage=1").Items, 3)
	p.request(t, http.MethodGet, "/clusters/"+c.Name+"/nodes/"+names[0], nil, new(map[string]any))
	for _, tab := range []string{"pods", "events", "images", "heartbeat"} {
		p.request(t, http.MethodGet, "/clusters/"+c.Name+"/nodes/"+names[0]+"?tab="+tab, nil, new(map[string]any))
	}
	for _, operation := range []string{"cordon", "cordon", "uncordon"} { // a node that needs no change is read
		b, _ := p.submit(t, c.Name, operation, names...)
		require.Equal(t, "succeeded", p.awaitBatch(t, b.ID).State)
	}
	require.Equal(t, http.StatusOK,
		p.request(t, http.MethodPost, "/clusters/"+c.Name+"/batches/preview",
			url.Values{"operation": {"drain"}, "node": names[:1]}, nil).StatusCode)
	b, _ := p.submit(t, c.Name, "drain", names[0])
	require.Equal(t, "succeeded", p.awaitBatch(t, b.ID).State)
	pod := c.WaitRunning(t, namespace, "web", 2)[0]
	p.request(t, http.MethodPost, "/clusters/"+c.Name+"/batches", url.Values{
		"operation": {"delete-pod"}, "node": {pod.Spec.NodeName},
		"pod": {namespace + "/" + pod.Name}, "uid": {string(pod.UID)}, "confirm": {pod.Name},
	}, &b)
	require.Equal(t, "succeeded", p.awaitBatch(t, b.ID).State)
	require.Contains(t, p.log(t), "Invalidated cache for cluster "+c.Name+" after batch pod delete")

	asked := map[string]bool{}
	for _, r := range proxy.Requests() {
		require.NotEqual(t, http.StatusForbidden, r.Code, "%s %s", r.Verb, r.Path)
		asked[r.Verb+" "+r.Resource] = true
	}
	for _, rule := range role.Rules {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				require.True(t, asked[verb+" "+resource], "nobody asks for %s %s", verb, resource)
			}
		}
	}
}
