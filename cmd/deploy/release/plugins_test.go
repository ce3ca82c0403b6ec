package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"debug/macho"
	"debug/pe"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"kube-node-manager/cmd/deploy/program"
)

// thePlugins returns the directory of the plugins. The program is real for this machine
// and small for the others.
func thePlugins(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "plugin")
	require.NoError(t, testBuilder(t, "v3.0.0").plugins(t.Context(), dir, "https://files.example.com"))
	return dir
}

// inArchive returns the files of an archive, and their modes.
func inArchive(t *testing.T, name string) (content map[string][]byte, modes map[string]int64) {
	t.Helper()
	packed, err := os.Open(name)
	require.NoError(t, err)
	defer func() { require.NoError(t, packed.Close()) }()
	plain, err := gzip.NewReader(packed)
	require.NoError(t, err)
	content, modes = map[string][]byte{}, map[string]int64{}
	for archive := tar.NewReader(plain); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return content, modes
		}
		require.NoError(t, err)
		content[header.Name], err = io.ReadAll(archive)
		require.NoError(t, err)
		modes[header.Name] = header.Mode
	}
}

// Each archive has the plugin for its platform, and all that has to be passed on with it.
func TestPlugins(t *testing.T) {
	dir := thePlugins(t)
	own, err := os.ReadFile(filepath.Join(source, "LICENSE"))
	require.NoError(t, err)
	for _, p := range pluginPlatforms() {
		name := fmt.Sprintf("kubectl-node_mgr-v3.0.0-%s-%s.tar.gz", p.OS, p.Arch)
		files, modes := inArchive(t, filepath.Join(dir, name))
		require.Equal(t, own, files["LICENSE"], name)
		licences := string(files[program.LicencesName])
		for _, module := range []string{"github.com/spf13/cobra", "golang.org/x/term", "Go"} {
			require.Contains(t, licences, "\n"+module+" ", name)
		}
		require.Equal(t, p.OS == "windows", strings.Contains(licences, "\ngithub.com/inconshreveable/mousetrap "), name)
		require.NotContains(t, licences, "\nhtmx\n")
		var parts cdx.BOM
		require.NoError(t, json.Unmarshal(files["kubectl-node_mgr.cdx.json"], &parts))
		require.Equal(t, program.Plugin, parts.Metadata.Component.Name)

		command := "kubectl-node_mgr"
		if p.OS == "windows" {
			command += ".exe"
			_, err = pe.NewFile(bytes.NewReader(files[command]))
		} else {
			require.Contains(t, files, "kubectl_complete-node_mgr")
		}
		if p.OS == "darwin" {
			_, err = macho.NewFile(bytes.NewReader(files[command]))
		}
		require.NoError(t, err, name)
		require.Equal(t, int64(0o755), modes[command], name)
	}
}

// The manifest for krew has a place for each archive that is built, and for no other, with
// the checksum of the archive.
func TestPlugins_manifest(t *testing.T) {
	dir := thePlugins(t)
	text, err := os.ReadFile(filepath.Join(dir, manifestName))
	require.NoError(t, err)
	var manifest struct {
		Spec struct {
			Version   string
			Platforms []struct {
				Selector         struct{ MatchLabels map[string]string }
				URI, Sha256, Bin string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &manifest))
	require.Equal(t, "v3.0.0", manifest.Spec.Version)
	require.Len(t, manifest.Spec.Platforms, len(pluginPlatforms()))
	for i, p := range pluginPlatforms() {
		got := manifest.Spec.Platforms[i]
		require.Equal(t, map[string]string{"os": p.OS, "arch": p.Arch}, got.Selector.MatchLabels)
		name, found := strings.CutPrefix(got.URI, "https://files.example.com/")
		require.True(t, found, got.URI)
		content, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%x", sha256.Sum256(content)), got.Sha256)
		files, _ := inArchive(t, filepath.Join(dir, name))
		require.Contains(t, files, got.Bin)
	}
	check := exec.Command("sha256sum", "--check", "--strict", sumsName)
	check.Dir = dir
	said, err := check.CombinedOutput()
	require.NoError(t, err, "%s", said)
	require.Equal(t, len(pluginPlatforms())+1, strings.Count(string(said), ": OK\n"))
}

// The same commit makes the same bytes, and a directory with something else is left alone.
func TestPlugins_again(t *testing.T) {
	first, second := thePlugins(t), thePlugins(t)
	sums := func(dir string) string {
		text, err := os.ReadFile(filepath.Join(dir, sumsName))
		require.NoError(t, err)
		return string(text)
	}
	require.Equal(t, sums(first), sums(second))
	b := testBuilder(t, "v3.0.0")
	b.compile = func(context.Context, string, program.Platform) ([]byte, error) { return nil, errors.New("no compiler") }
	require.ErrorContains(t, b.plugins(t.Context(), first, unpublished), "no compiler")
	other := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(other, "letter"), nil, 0o600))
	require.ErrorContains(t, b.plugins(t.Context(), other, unpublished), "has no release")
	require.FileExists(t, filepath.Join(other, "letter"))
}
