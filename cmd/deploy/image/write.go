package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"kube-node-manager/cmd/deploy/program"
)

// write replaces a directory by one with the image in all its forms.
func (b *built) write(dir string) error {
	if err := b.clear(dir); err != nil {
		return err
	}
	path, err := layout.Write(filepath.Join(dir, "oci"), empty.Index)
	if err != nil {
		return err
	}
	named := map[string]string{"org.opencontainers.image.ref.name": b.version}
	if err := path.AppendIndex(b.index, layout.WithAnnotations(named)); err != nil {
		return err
	}
	for _, p := range program.Platforms() {
		if err := b.writePlatform(dir, p); err != nil {
			return err
		}
	}
	digest, err := b.index.Digest()
	if err != nil {
		return err
	}
	fmt.Printf("%s: %s %s\n", dir, b.version, digest)
	return os.WriteFile(filepath.Join(dir, "digest"), []byte(digest.String()+"\n"), 0o644)
}

// clear deletes an earlier image, and nothing that is not one.
func (b *built) clear(dir string) error {
	_, err := os.Stat(filepath.Join(dir, "digest"))
	if err == nil {
		return os.RemoveAll(dir)
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is not an empty directory, and has no image: %w", dir, err)
	}
	return nil
}

// writePlatform writes an archive with the image of one platform, and what is inside.
func (b *built) writePlatform(dir string, p program.Platform) error {
	tag, err := name.NewTag(program.Server + ":" + b.version)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, strings.Join([]string{program.Server, b.version, p.OS, p.Arch}, "-"))
	if err := tarball.WriteToFile(path+".tar", tag, b.images[p]); err != nil {
		return err
	}
	return os.WriteFile(path+".cdx.json", b.sboms[p], 0o644)
}

// push pushes the image with all platforms to a repository.
func (b *built) push(ctx context.Context, repository string) error {
	ref, err := name.NewTag(repository + ":" + b.version)
	if err != nil {
		return err
	}
	var index v1.ImageIndex = b.index
	err = remote.WriteIndex(ref, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain))
	if err != nil {
		return err
	}
	fmt.Println("pushed", ref)
	return nil
}
