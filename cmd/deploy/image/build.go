package main

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A builder makes the image.
type builder struct {
	origin origin
	source string // directory of the program's module

	// For tests: replaces compile.
	program func(context.Context, platform) ([]byte, error)
}

// built is the image for all platforms.
type built struct {
	version string
	images  map[platform]v1.Image
	sboms   map[platform][]byte
	index   v1.ImageIndex
}

func (b *builder) build(ctx context.Context) (*built, error) {
	base, err := baseFiles(ctx)
	if err != nil {
		return nil, err
	}
	out := &built{
		version: b.origin.version, images: map[platform]v1.Image{}, sboms: map[platform][]byte{}, index: empty.Index,
	}
	for _, p := range platforms() {
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
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: p.os, Architecture: p.arch}},
		})
	}
	out.index = mutate.Annotations(out.index, b.labels()).(v1.ImageIndex)
	return out, nil
}

// ownFiles returns the program and the list of what is in the image.
func (b *builder) ownFiles(ctx context.Context, p platform) ([]file, error) {
	compile := b.compile
	if b.program != nil {
		compile = b.program
	}
	program, err := compile(ctx, p)
	if err != nil {
		return nil, err
	}
	sbom, err := inventory(program, b.origin)
	if err != nil {
		return nil, err
	}
	return []file{
		{path: programPath, mode: 0o755, content: program},
		{path: sbomPath, mode: 0o644, content: sbom},
	}, nil
}

// writeRoot writes the files of one platform's image to a directory.
func (b *builder) writeRoot(ctx context.Context, dir string, p platform) error {
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
func (b *builder) image(p platform, base, own []file) (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	config := &v1.ConfigFile{
		OS: p.os, Architecture: p.arch, Created: v1.Time{Time: b.origin.created}, Config: b.config(),
	}
	image, err := mutate.ConfigFile(image, config)
	if err != nil {
		return nil, err
	}
	parts := []struct {
		name  string
		files []file
	}{{"certificates, time zones and users", base}, {programName + " " + b.origin.version, own}}
	for _, part := range parts {
		layer, err := b.layer(part.files)
		if err != nil {
			return nil, err
		}
		image, err = mutate.Append(image, mutate.Addendum{
			Layer:   layer,
			History: v1.History{Created: v1.Time{Time: b.origin.created}, CreatedBy: part.name},
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
		"version":     b.origin.version,
		"created":     b.origin.created.Format("2006-01-02T15:04:05Z"),
		"licenses":    "Apache-2.0",
	}
	if b.origin.revision != "" {
		labels["revision"] = b.origin.revision
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
		Uid: f.owner, Gid: f.owner, ModTime: b.origin.created, Format: tar.FormatPAX,
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
