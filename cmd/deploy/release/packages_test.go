package main

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/sassoftware/go-rpmutils"
	"github.com/stretchr/testify/require"
)

// deb returns the path of a package for this machine.
func deb(t testing.TB, name string) string {
	t.Helper()
	return filepath.Join(release(t), fmt.Sprintf("%s_3.0.0_%s.deb", name, runtime.GOARCH))
}

func rpm(t testing.TB, name string) string {
	t.Helper()
	arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	return filepath.Join(release(t), fmt.Sprintf("%s-3.0.0-1.%s.rpm", name, arch))
}

// A packed file is what a package says of one of its files.
type packed struct {
	mode  fs.FileMode
	owner string
}

// serverFiles are those files of the server's package that are more than documents.
func serverFiles() map[string]packed {
	return map[string]packed{
		"/usr/bin/kube-node-manager":                        {0o755, "root/root"},
		"/usr/lib/systemd/system/kube-node-manager.service": {0o644, "root/root"},
		"/etc/kube-node-manager":                            {0o750, "root/kube-node-manager"},
		"/etc/kube-node-manager/kube-node-manager.env":      {0o600, "root/root"},

		"/usr/share/bash-completion/completions/kube-node-manager":    {0o644, "root/root"},
		"/usr/share/fish/vendor_completions.d/kube-node-manager.fish": {0o644, "root/root"},
	}
}

// inDeb returns the files of a package as dpkg-deb lists them.
func inDeb(t testing.TB, path string) map[string]packed {
	t.Helper()
	text := output(t, "dpkg-deb", "--contents", path)
	all := map[string]packed{}
	line := regexp.MustCompile(`(?m)^[-d]([rwxst-]{9}) (\S+) +\d+ \S+ \S+ \.(/\S*)$`)
	for _, m := range line.FindAllStringSubmatch(text, -1) {
		all["/"+strings.Trim(m[3], "/")] = packed{modeOf(m[1]), m[2]}
	}
	require.NotEmpty(t, all, "%s", text)
	return all
}

// modeOf reads rwxr-x---.
func modeOf(text string) (mode fs.FileMode) {
	for _, c := range text {
		mode <<= 1
		if c != '-' {
			mode |= 1
		}
	}
	return mode
}

func output(t testing.TB, name string, args ...string) string {
	t.Helper()
	_, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("NOT TESTED: this machine has no %s", name)
	}
	text, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s", text)
	return string(text)
}

func TestDeb_contents(t *testing.T) {
	path := deb(t, "kube-node-manager")
	control := output(t, "dpkg-deb", "--field", path)
	for _, want := range []string{
		"Package: kube-node-manager\n", "Version: 3.0.0\n", "Architecture: " + runtime.GOARCH + "\n",
		"Pre-Depends: passwd\n", "Section: admin\n",
	} {
		require.Contains(t, control, want)
	}
	files := inDeb(t, path)
	for name, want := range serverFiles() {
		require.Equal(t, want, files[name], name)
	}
	for _, name := range []string{"copyright", "README.md", "THIRD-PARTY-LICENSES.txt", "docs/configuration.md"} {
		require.Contains(t, files, "/usr/share/doc/kube-node-manager/"+name)
	}
	require.Contains(t, files, "/usr/share/zsh/vendor-completions/_kube-node-manager")
	settings := output(t, "dpkg-deb", "--info", path, "conffiles")
	require.Equal(t, "/etc/kube-node-manager/kube-node-manager.env\n", settings)

	plugin := inDeb(t, deb(t, "kubectl-node-mgr"))
	for _, name := range []string{
		"/usr/bin/kubectl-node_mgr", "/usr/bin/kubectl_complete-node_mgr",
		"/usr/share/bash-completion/completions/kubectl-node_mgr",
		"/usr/share/zsh/vendor-completions/_kubectl-node_mgr",
		"/usr/share/fish/vendor_completions.d/kubectl-node_mgr.fish",
	} {
		require.Contains(t, plugin, name)
	}
	require.NotContains(t, plugin, "/usr/bin/kube-node-manager")
}

// inRPM returns a package with the files that it lists.
func inRPM(t testing.TB, path string) (*rpmutils.Rpm, map[string]packed) {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	read, err := rpmutils.ReadRpm(bufio.NewReader(file))
	require.NoError(t, err)
	listed, err := read.Header.GetFiles()
	require.NoError(t, err)
	all := map[string]packed{}
	for _, f := range listed {
		mode := fs.FileMode(f.Mode()) & fs.ModePerm
		all[strings.TrimSuffix(f.Name(), "/")] = packed{mode, f.UserName() + "/" + f.GroupName()}
	}
	return read, all
}

// expandRPM unpacks a package. The library does not set permissions.
func expandRPM(t testing.TB, read *rpmutils.Rpm, listed map[string]packed) (root string) {
	t.Helper()
	root = t.TempDir()
	require.NoError(t, read.ExpandPayload(root))
	for name, f := range listed {
		require.NoError(t, os.Chmod(filepath.Join(root, name), f.mode))
	}
	return root
}

// The package for RPM has the same files, and what it unpacks runs.
func TestRPM_runs(t *testing.T) {
	read, files := inRPM(t, rpm(t, "kube-node-manager"))
	version, err := read.Header.GetNEVRA()
	require.NoError(t, err)
	require.Equal(t, "kube-node-manager", version.Name)
	require.Equal(t, "3.0.0", version.Version)
	for name, want := range serverFiles() {
		require.Equal(t, want, files[name], name)
	}
	host, err := read.Header.GetString(rpmutils.BUILDHOST)
	require.NoError(t, err)
	require.Equal(t, "localhost", host, "the name of the machine that built it is nobody's business")
	before, err := read.Header.GetString(rpmutils.PREIN)
	require.NoError(t, err)
	require.Contains(t, before, "useradd --system")

	root := expandRPM(t, read, files)
	text, err := exec.Command(filepath.Join(root, "usr/bin/kube-node-manager"), "--version").Output()
	require.NoError(t, err)
	require.Equal(t, "kube-node-manager v3.0.0\n", string(text))

	read, files = inRPM(t, rpm(t, "kubectl-node-mgr"))
	root = expandRPM(t, read, files)
	require.FileExists(t, filepath.Join(root, "usr/share/zsh/site-functions/_kubectl-node_mgr"))
	text, err = exec.Command(filepath.Join(root, "usr/bin/kubectl-node_mgr"), "--version").Output()
	require.NoError(t, err)
	require.Equal(t, "kubectl node_mgr version v3.0.0\n", string(text))
}

// A version that is not released yet is older than the release, for both kinds of packages.
func TestPackages_versionsBeforeARelease(t *testing.T) {
	b := testBuilder(t, "v3.1.0-rc.1")
	made, err := b.make(t.Context(), otherPlatform())
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, b.writePackages(dir, made))
	for _, pattern := range []string{"kube-node-manager_3.1.0~rc.1_*.deb", "kube-node-manager-3.1.0~rc.1-1.*.rpm"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		require.Len(t, found, 1, pattern)
	}
}

// The settings that the file of the service names are those of the program.
func TestSettings_exist(t *testing.T) {
	help, err := exec.Command(filepath.Join(unpackArchive(t, own), "kube-node-manager"), "serve", "--help").Output()
	require.NoError(t, err)
	settings, err := os.ReadFile(filepath.Join(source, packageSources, "kube-node-manager.env"))
	require.NoError(t, err)
	named := regexp.MustCompile(`(?m)^#(\w+)=`).FindAllStringSubmatch(string(settings), -1)
	require.Greater(t, len(named), 5)
	for _, m := range named {
		require.Contains(t, string(help), "$"+m[1]+")")
	}
}

// mostExposed is the most that systemd may count against the unit, of 10.
const mostExposed = 1.5

// systemd finds no mistake in the unit, and little that the service could do to others.
func TestUnit_isHardened(t *testing.T) {
	read, files := inRPM(t, rpm(t, "kube-node-manager"))
	root := expandRPM(t, read, files)
	unit := filepath.Join(root, "usr/lib/systemd/system/kube-node-manager.service")
	text := output(t, "systemd-analyze", "security", "--offline=yes", "--no-pager", unit)
	m := regexp.MustCompile(`Overall exposure level for \S+: ([\d.]+)`).FindStringSubmatch(text)
	require.NotNil(t, m, "%s", text)
	exposed, err := strconv.ParseFloat(m[1], 64)
	require.NoError(t, err)
	t.Log(m[0])
	require.Less(t, exposed, mostExposed, "%s", text)
}
