package main

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"

	"kube-node-manager/cmd/deploy/program"
)

const (
	source = "../../.."
	// mostBytes is the most that a node has to load. Unpacked, the image is three times
	// as large.
	mostBytes = 60_000_000
)

// own is the platform of this machine, for which the tests build the real program.
var own = program.Platform{OS: "linux", Arch: runtime.GOARCH}

// theImage is the image that all tests look at. For other platforms it has another
// program, because it would take minutes to compile this one for each.
var theImage struct {
	once  sync.Once
	built *built
	err   error
}

func testOrigin() program.Origin {
	return program.Origin{Version: "v3.0.0-test", Revision: "0123abc", Created: time.Unix(1_800_000_000, 0).UTC()}
}

func testBuilder(t testing.TB) *builder {
	b := &builder{origin: testOrigin(), source: source}
	b.compile = func(ctx context.Context, p program.Platform) ([]byte, error) {
		if p == own {
			return program.Compile(ctx, source, program.Server, b.origin.Version, p)
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

func image(t testing.TB) *built {
	t.Helper()
	theImage.once.Do(func() { theImage.built, theImage.err = testBuilder(t).build(t.Context()) })
	require.NoError(t, theImage.err)
	return theImage.built
}

// entries returns the files of an image by path, with their content.
func entries(t testing.TB, image v1.Image) map[string]file {
	t.Helper()
	all := map[string]file{}
	r := mutate.Extract(image)
	defer func() { require.NoError(t, r.Close()) }()
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		content, err := io.ReadAll(archive)
		require.NoError(t, err)
		require.Equal(t, header.Uid, header.Gid)
		require.Equal(t, testOrigin().Created, header.ModTime.UTC(), header.Name)
		path := "/" + strings.TrimSuffix(header.Name, "/")
		all[path] = file{
			path: path, mode: header.Mode, owner: header.Uid, content: content, dir: header.Typeflag == tar.TypeDir,
		}
	}
}

func TestImage_runsAsAUserOnEveryPlatform(t *testing.T) {
	index, err := image(t).index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, index.Manifests, len(program.Platforms()))
	for i, p := range program.Platforms() {
		require.Equal(t, &v1.Platform{OS: p.OS, Architecture: p.Arch}, index.Manifests[i].Platform)
		image, err := image(t).index.Image(index.Manifests[i].Digest)
		require.NoError(t, err)
		config, err := image.ConfigFile()
		require.NoError(t, err)
		require.Equal(t, p, program.Platform{OS: config.OS, Arch: config.Architecture})
		require.Equal(t, "65532:65532", config.Config.User)
		require.Contains(t, config.Config.Volumes, "/data")
		require.Equal(t, "v3.0.0-test", config.Config.Labels["org.opencontainers.image.version"])
		require.Equal(t, "0123abc", config.Config.Labels["org.opencontainers.image.revision"])
		require.Equal(t, testOrigin().Created, config.Created.UTC())
		files := entries(t, image)
		require.Equal(t, config.Config.Entrypoint, []string{files[programPath].path})
		requireMachine(t, files[programPath].content, p)
	}
}

func requireMachine(t testing.TB, binary []byte, p program.Platform) {
	t.Helper()
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	f, err := elf.NewFile(bytes.NewReader(binary))
	require.NoError(t, err)
	require.Equal(t, machines[p.Arch], f.Machine)
	libraries, err := f.ImportedLibraries()
	require.NoError(t, err)
	require.Empty(t, libraries, "the image has no libraries")
}

// Only the volume and the directory for temporary files can be written by the user, and
// nothing but the program can be run.
func TestImage_hasOnlyWhatIsNeeded(t *testing.T) {
	files := entries(t, image(t).images[own])
	for path, f := range files {
		require.Zero(t, f.mode&0o6000, "%s has the rights of its owner", path)
		switch {
		case path == dataDir:
			require.Equal(t, file{path: dataDir, mode: 0o700, owner: userID, content: []byte{}, dir: true}, f)
		case path == "/tmp":
			require.EqualValues(t, 0o1777, f.mode)
		default:
			require.Zero(t, f.owner, path)
			require.Zero(t, f.mode&0o022, "%s can be written", path)
			require.Equal(t, f.dir || path == programPath, f.mode&0o111 != 0, "%s can be run", path)
		}
	}
	require.Contains(t, string(files["/etc/passwd"].content), "nonroot:x:65532:65532:")
	require.Contains(t, files, "/usr/share/zoneinfo/Europe/Berlin")
	require.Greater(t, bytes.Count(files["/etc/ssl/certs/ca-certificates.crt"].content, []byte("BEGIN CERT")), 100)
}

func TestImage_isSmall(t *testing.T) {
	layers, err := image(t).images[own].Layers()
	require.NoError(t, err)
	var compressed int64
	for _, layer := range layers {
		size, err := layer.Size()
		require.NoError(t, err)
		compressed += size
	}
	var unpacked int
	for _, f := range entries(t, image(t).images[own]) {
		unpacked += len(f.content)
	}
	t.Logf("%.1f MB to load, %.1f MB unpacked", float64(compressed)/1e6, float64(unpacked)/1e6)
	require.Less(t, compressed, int64(mostBytes))
}

// The list of parts has every module that is in the program, with its version.
func TestImage_listsItsParts(t *testing.T) {
	files := entries(t, image(t).images[own])
	info, err := buildinfo.Read(bytes.NewReader(files[programPath].content))
	require.NoError(t, err)
	require.Greater(t, len(info.Deps), 50)
	var bom cdx.BOM
	require.NoError(t, json.Unmarshal(files[sbomPath].content, &bom))
	require.Equal(t, "v3.0.0-test", bom.Metadata.Component.Version)
	listed := map[string]string{}
	for _, c := range *bom.Components {
		listed[c.Name] = c.Version
	}
	for _, module := range info.Deps {
		require.Equal(t, module.Version, listed[module.Path], module.Path)
	}
	require.Equal(t, info.GoVersion, "go"+listed["std"])
	require.Contains(t, listed[rootsModule], "v0.0.0-")
}

// Whoever passes the image on passes on the licence of every module in it.
func TestImage_hasLicences(t *testing.T) {
	files := entries(t, image(t).images[own])
	info, err := buildinfo.Read(bytes.NewReader(files[programPath].content))
	require.NoError(t, err)
	licences := string(files[licencesDir+"/"+program.LicencesName].content)
	for _, module := range info.Deps {
		require.Regexp(t, "(?m)^"+regexp.QuoteMeta(module.Path+" "+module.Version)+"(,|$)", licences)
	}
	require.Contains(t, string(files[licencesDir+"/LICENSE"].content), "Apache License")
}

// The same source makes the same bytes: the program is linked twice, too.
func TestImage_isReproducible(t *testing.T) {
	first, second := filepath.Join(t.TempDir(), "image"), filepath.Join(t.TempDir(), "image")
	require.NoError(t, image(t).write(first))
	again, err := testBuilder(t).build(t.Context())
	require.NoError(t, err)
	require.NoError(t, again.write(second))
	require.NoError(t, again.write(second), "an earlier image is replaced")
	require.Equal(t, contents(t, first), contents(t, second))
}

// contents returns the files below a directory.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir)] = string(content)
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

func TestImage_keepsOtherDirectories(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "precious"), nil, 0o600))
	require.ErrorContains(t, image(t).write(dir), "is not an empty directory")
	require.FileExists(t, filepath.Join(dir, "precious"))
}

// The layout on disk has the name by which tools find the image in it.
func TestImage_layout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "image")
	require.NoError(t, image(t).write(dir))
	index, err := layout.ImageIndexFromPath(filepath.Join(dir, "oci"))
	require.NoError(t, err)
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 1)
	require.Equal(t, "v3.0.0-test", manifest.Manifests[0].Annotations["org.opencontainers.image.ref.name"])
	digest, err := os.ReadFile(filepath.Join(dir, "digest"))
	require.NoError(t, err)
	require.Equal(t, manifest.Manifests[0].Digest.String()+"\n", string(digest))
}

func TestImage_push(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	repository := strings.TrimPrefix(server.URL, "http://") + "/ops/kube-node-manager"
	require.NoError(t, image(t).push(t.Context(), repository))
	ref, err := name.NewTag(repository + ":v3.0.0-test")
	require.NoError(t, err)
	pulled, err := remote.Index(ref)
	require.NoError(t, err)
	got, err := pulled.Digest()
	require.NoError(t, err)
	want, err := image(t).index.Digest()
	require.NoError(t, err)
	require.Equal(t, want, got)
}
