package acceptance

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services/kube/kubetest"
)

// pluginBuild is the kubectl plugin.
var pluginBuild = build{flags: []string{"-race"}, of: "kubectl-node_mgr"}

// A plugin is the kubectl plugin with a home of its own.
type plugin struct {
	path, home string
	env        []string
}

func newPlugin(t *testing.T, env ...string) plugin {
	t.Helper()
	home := t.TempDir()
	return plugin{path: pluginBuild.binary(t), home: home, env: append(env, "XDG_CONFIG_HOME="+home, "HOME="+home)}
}

// run runs one command, and returns its exit code and what it says.
func (p plugin) run(t *testing.T, stdin string, args ...string) (code int, out, errs string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), p.path, args...)
	cmd.Env = append(cmd.Environ(), p.env...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		require.IsType(t, &exec.ExitError{}, err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// done runs a command that succeeds.
func (p plugin) done(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := p.run(t, "", args...)
	require.Equal(t, 0, code, "%s\n%s", out, errs)
	return out
}

// signedIn returns a plugin that has signed in to a program.
func signedIn(t *testing.T, p *program, c *kubetest.Cluster) plugin {
	t.Helper()
	own := newPlugin(t)
	code, out, errs := own.run(t, p.Token+"\n", "login", "--server", p.URL, "--cluster", c.Name)
	require.Equal(t, 0, code, errs)
	require.Contains(t, out, "as "+adminName)
	require.NotContains(t, out, p.Token)
	return own
}

// batchID finds the ID of a batch in what the plugin says.
func batchID(t *testing.T, out string) string {
	t.Helper()
	found := regexp.MustCompile(`Batch ([0-9a-zA-Z-]+),`).FindStringSubmatch(out)
	require.Len(t, found, 2, out)
	return found[1]
}

// A token is stored for its user alone, goes to its own server only, and is removed again.
func TestPlugin_signsIn(t *testing.T) {
	c := lease(t)
	p := startProgram(t, c.Kubeconfig)
	own := signedIn(t, p, c)
	path := filepath.Join(own.home, "kubectl-node_mgr", "config.json")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	own.done(t, "history")

	code, _, errs := own.run(t, "", "history", "--token", "knm_wrong")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "kubectl node_mgr login")
	code, _, errs = own.run(t, "knm_wrong\n", "login", "--server", p.URL)
	require.Equal(t, 2, code, errs)
	own.done(t, "history") // the token that was stored is still there

	other := startProgram(t, c.Kubeconfig)
	code, _, errs = own.run(t, "", "history", "--server", other.URL)
	require.Equal(t, 2, code, "the token of another server is not sent: %s", errs)
	code, _, errs = own.run(t, "", "history", "--server", "http://nodes.example.com")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "plain text")

	require.Contains(t, own.done(t, "logout"), p.URL)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(raw), p.Token)
	code, _, errs = own.run(t, "", "history")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "no server")
}

// Cordons, labels and undo: the plan, the change, and the words about it.
func TestPlugin_changesNodes(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3, kubetest.WithLabels(map[string]string{"tier": "gold"}))
	p := startProgram(t, c.Kubeconfig)
	own := signedIn(t, p, c)

	plan := own.done(t, "cordon", names[0], names[1], "--dry-run")
	require.Contains(t, plan, "cordon: "+names[0]+", "+names[1])
	require.Contains(t, plan, "2 to change, 0 unchanged, 0 not possible")
	require.False(t, p.unschedulable(t, c.Name)[names[0]], "a dry run changes nothing")
	code, _, errs := own.run(t, "y\n", "cordon", names[0])
	require.Equal(t, 2, code, "without a terminal nobody is asked")
	require.Contains(t, errs, "--yes")

	said := own.done(t, "cordon", names[0], names[1], "--yes", "--reason", "kernel CVE")
	require.Contains(t, said, "2 of 2 nodes: 2 succeeded")
	cordoned := p.unschedulable(t, c.Name)
	require.True(t, cordoned[names[0]] && cordoned[names[1]] && !cordoned[names[2]])

	raw := own.done(t, "label", "-l", "tier=gold", "tier=silver", "old-", "--yes", "-o", "json")
	var b batchDoc
	require.NoError(t, json.Unmarshal([]byte(raw), &b))
	require.Equal(t, "succeeded", b.State)
	require.Len(t, b.Items, 3, "the answer is the whole batch")
	require.Equal(t, "silver", labels(t, c, names[2])["tier"])

	undone := own.done(t, "undo", b.ID, "--yes")
	require.Contains(t, undone, "label tier=gold (was silver): ")
	require.Equal(t, "gold", labels(t, c, names[2])["tier"])
	listed := own.done(t, "history", "--operation", "cordon")
	require.Contains(t, listed, batchID(t, said))
	require.Contains(t, listed, "kernel CVE")
	require.NotContains(t, listed, b.ID)

	code, out, errs := own.run(t, "", "cordon", names[2]+"-typo", "--yes")
	require.Equal(t, 2, code, out)
	require.Contains(t, out, "NOT POSSIBLE")
	require.Contains(t, errs, "nothing of this is possible")
	code, out, errs = own.run(t, "", "cordon", names[2], names[2]+"-typo", "--yes")
	require.Equal(t, 2, code, "it is the last node that takes pods: %s", out)
	require.Contains(t, errs, "--reach")
	code, out, _ = own.run(t, "", "cordon", names[2], names[2]+"-typo", "--yes", "--reach")
	require.Equal(t, 1, code, out)
	require.True(t, p.unschedulable(t, c.Name)[names[2]], "the node that exists is cordoned all the same")
}

// A drain needs the consents that its plan names with their flags. It waits for a budget and
// says so; an interrupt leaves the batch alone.
func TestPlugin_drains(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	ns := c.Namespace(t)
	c.Pod(t, ns, "alone", names[0])
	pods := c.Deployment(t, ns, "web", 1, kubetest.OnNodes(names[0]))
	c.Budget(t, ns, "web", 1)
	p := startProgram(t, c.Kubeconfig)
	own := signedIn(t, p, c)

	code, out, errs := own.run(t, "", "drain", names[0], "--yes", "--reach")
	require.Equal(t, 2, code, out)
	require.Contains(t, out, ns+"/alone on "+names[0])
	require.Contains(t, errs, "--force")
	code, _, errs = own.run(t, "", "drain", names[0], "--yes", "--reach", "--force")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "--confirm: Type the cluster name, "+c.Name)
	require.False(t, p.unschedulable(t, c.Name)[names[0]], "what is refused changes nothing")

	cmd := exec.Command(own.path, "drain", names[0], "--yes", "--reach", "--force", "--confirm", c.Name, "--wait",
		"--delete_emptydir")
	cmd.Env = append(cmd.Environ(), own.env...)
	said, errors := &output{}, &output{}
	cmd.Stdout, cmd.Stderr = said, errors
	require.NoError(t, cmd.Start())
	said.await(t, "waits for budget "+ns+"/web (1 healthy, 1 needed): 1 pod, such as "+ns+"/"+pods[0].Name)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.Error(t, cmd.Wait())
	require.Equal(t, 130, cmd.ProcessState.ExitCode())
	found := regexp.MustCompile(`batch (\S+) goes on`).FindStringSubmatch(errors.String())
	require.Len(t, found, 2, errors.String())
	id := found[1]
	require.Equal(t, "running", p.batch(t, id).State)
	require.Contains(t, own.done(t, "status"), id)
	require.Contains(t, own.done(t, "status", id), "waits for budget "+ns+"/web")

	own.done(t, "pause", id)
	code, out, _ = own.run(t, "", "status", "--wait", id)
	require.Equal(t, 3, code, out)
	require.Contains(t, out, "kubectl node_mgr resume "+id)
	code, _, errs = own.run(t, "", "resume", id)
	require.Equal(t, 2, code)
	require.Contains(t, errs, "--confirm")
	own.done(t, "resume", id, "--confirm", c.Name)
	err := c.Client.PolicyV1().PodDisruptionBudgets(ns).Delete(t.Context(), "web", metav1.DeleteOptions{})
	require.NoError(t, err)
	require.Contains(t, own.done(t, "status", "--wait", id), "1 of 1 node: 1 succeeded")
}

// Shells are offered the nodes and clusters of the server.
func TestPlugin_completes(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig)
	own := signedIn(t, p, c)
	offered := own.done(t, "__complete", "drain", names[0])
	require.Contains(t, strings.Split(offered, "\n"), names[0])
	require.NotContains(t, offered, names[1]+"\n")
	require.Contains(t, own.done(t, "__complete", "cordon", "--cluster", ""), c.Name+"\n")
	require.Contains(t, own.done(t, "__complete", "status", ""), ":4")
	for _, shell := range []string{"bash", "zsh", "fish"} {
		require.Contains(t, own.done(t, "completion", shell), "kubectl-node_mgr")
	}
}
