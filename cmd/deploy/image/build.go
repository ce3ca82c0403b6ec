package main

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"

	cdx "github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"kube-node-manager/cmd/deploy/program"
)

// A builder makes the image.
type builder struct {
	origin program.Origin
	source string // directory of the program's module

	// For tests: replaces program.Compile.
	compile func(context.Context, program.Platform) ([]byte, error)
}

// built is the image for all platforms.
type built struct {
	version string
	images  map[program.Platform]v1.Image
	sboms   map[program.Platform][]byte
	index   v1.ImageIndex
}

func (b *builder) build(ctx context.Context) (*built, error) {
	base, err := baseFiles(ctx)
	if err != nil {
		return nil, err
	}
	out := &built{
		version: b.origin.Version, index: empty.Index,
		images: map[program.Platform]v1.Image{}, sboms: map[program.Platform][]byte{},
	}
	for _, p := range program.Platforms() {
		own, err := b.ownFiles(ctx, p)
		if err != nil {
			return nil, err
		}
		image, err := b.image(p, base, own)
		if err != nil {
			return nil, err
		}
		out.images[p], out.sboms[p] = image, own[1].content
		out.index = mutate.AppendManifests(out.index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: p.OS, Architecture: p.Arch}},
		})
	}
	out.index = mutate.Annotations(out.index, b.labels()).(v1.ImageIndex)
	return out, nil
}

// ownFiles returns the program, the list of what is in the image, and their licences.
func (b *builder) ownFiles(ctx context.Context, p program.Platform) ([]file, error) {
	binary, err := b.binary(ctx, p)
	if err != nil {
		return nil, err
	}
	sbom, err := inventory(binary, b.origin)
	if err != nil {
		return nil, err
	}
	own, err := os.ReadFile(filepath.Join(b.source, "LICENSE"))
	if err != nil {
		return nil, err
	}
	others, err := program.Licences(ctx, b.source, p, program.Server)
	if err != nil {
		return nil, err
	}
	return []file{
		{path: programPath, mode: 0o755, content: binary},
		{path: sbomPath, mode: 0o644, content: sbom},
		{path: licencesDir + "/LICENSE", mode: 0o644, content: own},
		{path: licencesDir + "/" + program.LicencesName, mode: 0o644, content: others},
	}, nil
}

func (b *builder) binary(ctx context.Context, p program.Platform) ([]byte, error) {
	if b.compile != nil {
		return b.compile(ctx, p)
	}
	return program.Compile(ctx, b.source, program.Server, b.origin.Version, p)
}

// inventory lists what is in the image of one platform: besides the program time zones
// and certificates.
func inventory(binary []byte, o program.Origin) ([]byte, error) {
	zones := cdx.Component{Type: cdx.ComponentTypeData, Name: "zoneinfo", Version: runtime.Version()}
	roots := program.Component(program.OwnModule(rootsModule))
	programs := map[string][]byte{program.Server: binary}
	return program.Inventory(o, cdx.ComponentTypeContainer, programs, zones, roots)
}

// writeRoot writes the files of one platform's image to a directory.
func (b *builder) writeRoot(ctx context.Context, dir string, p program.Platform) error {
	base, err := baseFiles(ctx)
	if err != nil {
		return err
	}
	own, err := b.ownFiles(ctx, p)
	if err != nil {
		return err
	}
	return writeFiles(dir, append(base, own...))
}

// image returns the image of a platform. What seldom changes is a layer of its own, so
// that nodes which have an older version need not load it again.
func (b *builder) image(p program.Platform, base, own []file) (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	config := &v1.ConfigFile{
		OS: p.OS, Architecture: p.Arch, Created: v1.Time{Time: b.origin.Created}, Config: b.config(),
	}
	image, err := mutate.ConfigFile(image, config)
	if err != nil {
		return nil, err
	}
	parts := []struct {
		name  string
		files []file
	}{{"certificates, time zones and users", base}, {program.Server + " " + b.origin.Version, own}}
	for _, part := range parts {
		layer, err := b.layer(part.files)
		if err != nil {
			return nil, err
		}
		image, err = mutate.Append(image, mutate.Addendum{
			Layer:   layer,
			History: v1.History{Created: v1.Time{Time: b.origin.Created}, CreatedBy: part.name},
		})
		if err != nil {
			return nil, err
		}
	}
	return mutate.Annotations(image, b.labels()).(v1.Image), nil
}

// config returns how the image is run. The Dockerfile says the same.
func (b *builder) config() v1.Config {
	return v1.Config{
		User:         fmt.Sprintf("%d:%[1]d", userID),
		Entrypoint:   []string{programPath},
		Env:          []string{"PATH=/usr/bin", "KNM_DATA=" + dataDir, "KNM_LISTEN=:8080"},
		WorkingDir:   dataDir,
		Volumes:      map[string]struct{}{dataDir: {}},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		StopSignal:   "SIGTERM",
		Labels:       b.labels(),
	}
}

// labels returns what the OCI image specification defines to describe an image.
func (b *builder) labels() map[string]string {
	labels := map[string]string{
		"title":       "Kube Node Manager",
		"description": "A web tool for Kubernetes node maintenance",
		"version":     b.origin.Version,
		"created":     b.origin.Created.Format("2006-01-02T15:04:05Z"),
		"licenses":    "Apache-2.0",
	}
	if b.origin.Revision != "" {
		labels["revision"] = b.origin.Revision
	}
	out := map[string]string{}
	for name, value := range maps.All(labels) {
		out["org.opencontainers.image."+name] = value
	}
	return out
}

// layer returns a layer with the files, in the order of their paths.
func (b *builder) layer(files []file) (v1.Layer, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range withParents(files) {
		if err := b.add(w, f); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}

func (b *builder) add(w *tar.Writer, f file) error {
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: f.path[1:], Mode: f.mode, Size: int64(len(f.content)),
		Uid: f.owner, Gid: f.owner, ModTime: b.origin.Created, Format: tar.FormatPAX,
	}
	if f.dir {
		header.Typeflag = tar.TypeDir
		header.Name += "/"
	}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err := w.Write(f.content)
	return err
}
