package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/stretchr/testify/require"

	"kube-node-manager/cmd/deploy/program"
)

const source = "../../.."

// own is the platform of this machine, for which the tests build the real programs.
var own = program.Platform{OS: "linux", Arch: runtime.GOARCH}

// otherPlatform is the one that this machine is not.
func otherPlatform() program.Platform {
	for _, p := range program.Platforms() {
		if p != own {
			return p
		}
	}
	return own
}

// theRelease is the release that all tests look at. For other platforms it has another
// program, because it would take minutes to compile these for each.
var theRelease struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(filepath.Dir(theRelease.dir))
	os.Exit(code)
}

func testBuilder(t testing.TB, version string) *builder {
	origin := program.Origin{Version: version, Revision: "0123abc", Created: time.Unix(1_800_000_000, 0).UTC()}
	b := &builder{origin: origin, source: source}
	b.compile = func(ctx context.Context, command string, p program.Platform) ([]byte, error) {
		if p == own {
			return program.Compile(ctx, source, command, version, p)
		}
		return compileOther(t, p), nil
	}
	return b
}

// compileOther returns a program that is compiled in a second, for a platform.
func compileOther(t testing.TB, p program.Platform) []byte {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module other\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() {}\n"), 0o600))
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", "other", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.OS, "GOARCH="+p.Arch)
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", text)
	content, err := os.ReadFile(filepath.Join(dir, "other"))
	require.NoError(t, err)
	return content
}

// release returns the directory of the release.
func release(t testing.TB) string {
	t.Helper()
	theRelease.once.Do(func() {
		parent, err := os.MkdirTemp("", "release-")
		theRelease.dir, theRelease.err = filepath.Join(parent, "release"), err
		if err == nil {
			theRelease.err = testBuilder(t, "v3.0.0").build(t.Context(), theRelease.dir)
		}
	})
	require.NoError(t, theRelease.err)
	return theRelease.dir
}

func TestRelease_names(t *testing.T) {
	entries, err := os.ReadDir(release(t))
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	require.Equal(t, []string{
		"SHA256SUMS",
		"kube-node-manager-3.0.0-1.aarch64.rpm",
		"kube-node-manager-3.0.0-1.x86_64.rpm",
		"kube-node-manager-v3.0.0-linux-amd64.cdx.json",
		"kube-node-manager-v3.0.0-linux-amd64.tar.gz",
		"kube-node-manager-v3.0.0-linux-arm64.cdx.json",
		"kube-node-manager-v3.0.0-linux-arm64.tar.gz",
		"kube-node-manager_3.0.0_amd64.deb",
		"kube-node-manager_3.0.0_arm64.deb",
		"kubectl-node-mgr-3.0.0-1.aarch64.rpm",
		"kubectl-node-mgr-3.0.0-1.x86_64.rpm",
		"kubectl-node-mgr_3.0.0_amd64.deb",
		"kubectl-node-mgr_3.0.0_arm64.deb",
	}, names)
}

// The checksums are of all files, and the usual program checks them.
func TestRelease_checksums(t *testing.T) {
	check := exec.Command("sha256sum", "--check", "--strict", sumsName)
	check.Dir = release(t)
	text, err := check.CombinedOutput()
	require.NoError(t, err, "%s", text)
	entries, err := os.ReadDir(release(t))
	require.NoError(t, err)
	require.Equal(t, len(entries)-1, strings.Count(string(text), ": OK\n"))
}

// unpackArchive unpacks the archive of a platform, and returns the directory in it.
func unpackArchive(t testing.TB, p program.Platform) string {
	t.Helper()
	b := testBuilder(t, "v3.0.0")
	packed, err := os.Open(filepath.Join(release(t), b.name(p)+".tar.gz"))
	require.NoError(t, err)
	defer func() { require.NoError(t, packed.Close()) }()
	plain, err := gzip.NewReader(packed)
	require.NoError(t, err)
	dir := t.TempDir()
	for archive := tar.NewReader(plain); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return filepath.Join(dir, b.name(p))
		}
		require.NoError(t, err)
		require.Equal(t, b.origin.Created, header.ModTime.UTC())
		require.Zero(t, header.Uid)
		path := filepath.Join(dir, header.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		content, err := io.ReadAll(archive)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, content, os.FileMode(header.Mode)))
	}
}

// What is in the archive runs, and completes its words in a shell.
func TestArchive_runs(t *testing.T) {
	dir := unpackArchive(t, own)
	for name, want := range map[string]string{
		"kube-node-manager": "kube-node-manager v3.0.0\n", "kubectl-node_mgr": "kubectl node_mgr version v3.0.0\n",
	} {
		text, err := exec.Command(filepath.Join(dir, name), "--version").Output()
		require.NoError(t, err)
		require.Equal(t, want, string(text))
	}
	script := `source completions/kubectl-node_mgr.bash; complete -p kubectl-node_mgr`
	bash := exec.Command("bash", "-c", script)
	bash.Dir = dir
	text, err := bash.CombinedOutput()
	require.NoError(t, err, "%s", text)
	require.Contains(t, string(text), "-F __start_kubectl-node_mgr")
	text, err = exec.Command(filepath.Join(dir, "kubectl-node_mgr"), "__complete", "dr").CombinedOutput()
	require.NoError(t, err, "%s", text)
	require.Contains(t, string(text), "drain\t")
}

func TestArchive_hasWhatPeopleNeed(t *testing.T) {
	for _, p := range program.Platforms() {
		dir := unpackArchive(t, p)
		for _, name := range []string{
			"LICENSE", "README.md", "README.zh-CN.md", "docs/CHANGELOG.md", "docs/administration.md",
			"kubectl_complete-node_mgr", "completions/kube-node-manager.fish",
			"completions/kubectl-node_mgr.zsh", "completions/kubectl-node_mgr.fish",
			program.LicencesName, "kube-node-manager.cdx.json",
		} {
			require.FileExists(t, filepath.Join(dir, name))
		}
		machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
		f, err := elf.Open(filepath.Join(dir, "kube-node-manager"))
		require.NoError(t, err)
		require.Equal(t, machines[p.Arch], f.Machine)
		require.NoError(t, f.Close())
	}
}

// The list of parts and the licences are those of both programs.
func TestRelease_listsParts(t *testing.T) {
	dir := unpackArchive(t, own)
	raw, err := os.ReadFile(filepath.Join(dir, "kube-node-manager.cdx.json"))
	require.NoError(t, err)
	beside, err := os.ReadFile(filepath.Join(release(t), testBuilder(t, "v3.0.0").name(own)+".cdx.json"))
	require.NoError(t, err)
	require.Equal(t, string(raw), string(beside))
	licences, err := os.ReadFile(filepath.Join(dir, program.LicencesName))
	require.NoError(t, err)
	var bom cdx.BOM
	require.NoError(t, json.Unmarshal(raw, &bom))
	parts := map[string]bool{}
	for _, c := range *bom.Components {
		parts[c.Name] = true
		if c.Type == cdx.ComponentTypeLibrary && c.Name != "std" {
			require.True(t, bytes.Contains(licences, []byte("\n"+c.Name+" "+c.Version)), c.Name)
		}
	}
	for _, name := range []string{program.Server, program.Plugin, "std", "modernc.org/sqlite", "github.com/spf13/cobra"} {
		require.True(t, parts[name], name)
	}
}

// The same source makes the same bytes: the programs are linked twice, too.
func TestRelease_isReproducible(t *testing.T) {
	first, err := os.ReadFile(filepath.Join(release(t), sumsName))
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "release")
	b := testBuilder(t, "v3.0.0")
	require.NoError(t, b.build(t.Context(), dir))
	second, err := os.ReadFile(filepath.Join(dir, sumsName))
	require.NoError(t, err)
	require.Equal(t, string(first), string(second))
}

// An earlier release is replaced, and nothing else is deleted.
func TestRelease_keepsOtherDirectories(t *testing.T) {
	dir := t.TempDir()
	precious := filepath.Join(dir, "precious")
	require.NoError(t, os.WriteFile(precious, nil, 0o600))
	require.ErrorContains(t, clearRelease(dir), "is not an empty directory")
	require.FileExists(t, precious)
	require.NoError(t, writeSums(dir))
	require.NoError(t, clearRelease(dir))
	require.NoDirExists(t, dir)
	require.NoError(t, clearRelease(dir))
}
