package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	password = "correct horse battery"
	patience = time.Minute
	service  = "kube-node-manager"
	stateDir = "/var/lib/kube-node-manager"
)

// machine is a copy of this machine whose files can be changed without changing those of
// this one: a layer in memory above them, which only its own processes see. Packages are
// installed into it as into a real one.
type machine struct {
	t      testing.TB
	holder int    // a process in it
	root   string // of its files, as its own processes see it
}

// holderScript mounts the files and stays.
const holderScript = `
mount --make-rprivate /
mount -t tmpfs none "$0"
mkdir "$0/upper" "$0/work" "$0/root"
mount -t overlay none -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" "$0/root"
for dir in proc dev sys; do mount --rbind /$dir "$0/root/$dir"; done
mount -t tmpfs none "$0/root/run"
echo ready
exec sleep infinity`

func newMachine(t *testing.T) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can install packages")
	}
	dir := t.TempDir()
	holder := exec.Command("unshare", "--mount", "sh", "-e", "-c", holderScript, dir)
	holder.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said strings.Builder
	holder.Stderr = &said
	out, err := holder.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, holder.Start())
	t.Cleanup(func() {
		_ = holder.Process.Kill()
		_ = holder.Wait()
	})
	line, _ := bufio.NewReader(out).ReadString('\n')
	if line != "ready\n" {
		_ = holder.Wait()
		t.Skipf("NOT TESTED: this machine does not allow to mount a layer above its files: %s", said.String())
	}
	return &machine{t: t, holder: holder.Process.Pid, root: filepath.Join(dir, "root")}
}

// path returns that of a file of the machine for this process.
func (m *machine) path(name string) string {
	return filepath.Join(fmt.Sprintf("/proc/%d/root", m.holder), m.root, name)
}

// command returns a command that runs on the machine as root.
func (m *machine) command(args ...string) *exec.Cmd {
	namespace := fmt.Sprintf("--mount=/proc/%d/ns/mnt", m.holder)
	cmd := exec.Command("nsenter", append([]string{namespace, "chroot", m.root}, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/root"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (m *machine) run(args ...string) string {
	m.t.Helper()
	text, err := m.command(args...).CombinedOutput()
	require.NoError(m.t, err, "%s: %s", args, text)
	return string(text)
}

// install installs packages from this machine.
func (m *machine) install(packages ...string) string {
	m.t.Helper()
	args := []string{"dpkg", "--install"}
	for _, file := range packages {
		args = append(args, m.copy(file))
	}
	return m.run(args...)
}

// copy puts a file of this process on the machine, and returns its path there.
func (m *machine) copy(file string) string {
	m.t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(m.t, err)
	name := filepath.Join("/root", filepath.Base(file))
	require.NoError(m.t, os.WriteFile(m.path(name), content, 0o600))
	return name
}

// unit returns the settings of a section of the unit by name.
func (m *machine) unit() map[string][]string {
	m.t.Helper()
	text, err := os.ReadFile(m.path("/usr/lib/systemd/system/kube-node-manager.service"))
	require.NoError(m.t, err)
	settings := map[string][]string{}
	for _, found := range regexp.MustCompile(`(?m)^(\w+)=(.*)$`).FindAllStringSubmatch(string(text), -1) {
		settings[found[1]] = append(settings[found[1]], found[2])
	}
	return settings
}

// asService returns a command that runs as the unit says: as its user, without
// capabilities, with its environment and nothing else.
func (m *machine) asService(args ...string) *exec.Cmd {
	m.t.Helper()
	unit := m.unit()
	user := unit["User"][0]
	cmd := m.command(append([]string{
		"setpriv", "--reuid=" + user, "--regid=" + unit["Group"][0], "--clear-groups", "--no-new-privs",
		"--bounding-set=-all", "--inh-caps=-all",
	}, args...)...)
	cmd.Env = append(cmd.Env, unit["Environment"]...)
	file := strings.TrimPrefix(unit["EnvironmentFile"][0], "-")
	text, err := os.ReadFile(m.path(file))
	require.NoError(m.t, err)
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			cmd.Env = append(cmd.Env, line)
		}
	}
	return cmd
}

// start makes the directories that systemd would make, and runs the service. It returns
// its address.
func (m *machine) start() string {
	m.t.Helper()
	unit := m.unit()
	m.run("install", "--directory", "--owner="+unit["User"][0], "--group="+unit["Group"][0],
		"--mode="+unit["StateDirectoryMode"][0], "/var/lib/"+unit["StateDirectory"][0])
	cmd := m.asService(strings.Fields(unit["ExecStart"][0])...)
	cmd.Env = append(cmd.Env, "KNM_LISTEN=127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	require.NoError(m.t, err)
	cmd.Stderr = os.Stderr
	require.NoError(m.t, cmd.Start())
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	require.NoError(m.t, err)
	m.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, lines)
		require.NoError(m.t, cmd.Wait())
	})
	fields := strings.Fields(first)
	return fields[len(fields)-1]
}

// setting changes a line of the file of settings.
func (m *machine) setting(name, value string) {
	m.t.Helper()
	m.run("sed", "-i", fmt.Sprintf("s|^#*%s=.*|%s=%s|", name, name, value), "/etc/kube-node-manager/kube-node-manager.env")
}

// The package is installed with dpkg. The service runs as its unit says, people can sign
// in, and it writes to its directories only. Where there is a cluster, the plugin from its
// own package cordons the nodes of it.
func TestDeb_isUsed(t *testing.T) {
	m := newMachine(t)
	text := m.install(deb(t, "kube-node-manager"), deb(t, "kubectl-node-mgr"))
	require.Contains(t, text, "systemctl enable --now kube-node-manager")
	require.Contains(t, m.run("getent", "passwd", service), ":"+stateDir+":/usr/sbin/nologin")
	kubeconfig := os.Getenv("KUBECONFIG")
	if kubeconfig != "" {
		content, err := os.ReadFile(kubeconfig)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(m.path("/etc/kube-node-manager/kubeconfig"), content, 0o600))
		m.run("chown", "root:"+service, "/etc/kube-node-manager/kubeconfig")
		m.run("chmod", "0640", "/etc/kube-node-manager/kubeconfig")
		m.setting("KNM_KUBECONFIG", "/etc/kube-node-manager/kubeconfig")
	}
	address := m.start()
	add := m.asService("kube-node-manager", "user", "add", "admin", "--role", "admin")
	add.Stdin = strings.NewReader(password + "\n")
	said, err := add.CombinedOutput()
	require.NoError(t, err, "%s", said)
	signIn(t, address)
	require.Equal(t, service+" 600\n", m.run("stat", "--format=%U %a", stateDir+"/kube-node-manager.db"))
	elsewhere, err := m.asService("kube-node-manager", "user", "list", "--data", "/etc/kube-node-manager").CombinedOutput()
	require.Error(t, err, "%s", elsewhere)
	if kubeconfig == "" {
		t.Log("NOT TESTED: no batch, because KUBECONFIG names no cluster")
		return
	}
	m.cordon(address)
}

// signIn signs in as a person does.
func signIn(t testing.TB, address string) {
	t.Helper()
	cookies, err := cookiejar.New(nil)
	require.NoError(t, err)
	client := &http.Client{Jar: cookies, Timeout: patience}
	defer client.CloseIdleConnections()
	require.Equal(t, http.StatusOK, get(t, client, address+"/healthz"))
	require.Eventually(t, func() bool { return get(t, client, address+"/readyz") == http.StatusOK },
		patience, 50*time.Millisecond)
	require.Equal(t, http.StatusOK, get(t, client, address+"/login"))
	response, err := client.PostForm(address+"/login", url.Values{"name": {"admin"}, "password": {password}})
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.NotContains(t, response.Request.URL.Path, "/login", "where the sign-in leads")
	require.Equal(t, http.StatusOK, get(t, client, address+"/users"))
}

func get(t testing.TB, client *http.Client, address string) int {
	t.Helper()
	response, err := client.Get(address)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

// cordon cordons the workers of the only cluster with the plugin, and undoes it.
func (m *machine) cordon(address string) {
	m.t.Helper()
	token, err := m.asService("kube-node-manager", "user", "token", "admin").Output()
	require.NoError(m.t, err)
	plugin := func(args ...string) string {
		cmd := m.command(append([]string{"kubectl-node_mgr"}, args...)...)
		cmd.Env = append(cmd.Env, "NODE_MGR_SERVER="+address, "NODE_MGR_TOKEN="+strings.TrimSpace(string(token)))
		text, err := cmd.CombinedOutput()
		require.NoError(m.t, err, "%s: %s", args, text)
		return string(text)
	}
	text := plugin("cordon", "-l", "!node-role.kubernetes.io/control-plane", "--reason", "installed", "--reach",
		"--yes", "--wait", "-o", "json")
	require.Contains(m.t, text, `"state":"succeeded"`)
	require.NotContains(m.t, text, `"total":0`)
	id := regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(text)
	require.NotNil(m.t, id, text)
	require.Contains(m.t, plugin("undo", id[1], "--yes", "--wait", "-o", "json"), `"state":"succeeded"`)
}

// An upgrade keeps the settings and the database; a removal keeps the database, and says
// where it is.
func TestDeb_upgradeAndRemoval(t *testing.T) {
	m := newMachine(t)
	m.install(deb(t, "kube-node-manager"))
	m.setting("KNM_PUBLIC_URL", "https://nodes.example.com")
	m.run("install", "--directory", "--owner="+service, "--mode=0700", stateDir)
	text := m.run("dpkg", "--install", m.newer())
	require.NotContains(t, text, "systemctl enable", "only a first installation needs a decision")
	require.Equal(t, "kube-node-manager v3.0.1\n", m.run("kube-node-manager", "--version"))
	settings := m.run("cat", "/etc/kube-node-manager/kube-node-manager.env")
	require.Contains(t, settings, "\nKNM_PUBLIC_URL=https://nodes.example.com\n")
	require.Equal(t, "600 root:root\n", m.run("stat", "--format=%a %U:%G", "/etc/kube-node-manager/kube-node-manager.env"))

	text = m.run("dpkg", "--purge", service)
	require.Contains(t, text, "the database stays in "+stateDir)
	m.run("test", "-d", stateDir)
	m.run("test", "!", "-e", "/usr/bin/kube-node-manager")
	m.run("test", "!", "-e", "/etc/kube-node-manager/kube-node-manager.env")
}
