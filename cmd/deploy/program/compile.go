package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// platform is an operating system and an architecture, as Go and OCI name them.
type platform struct{ os, arch string }

// String returns the platform as in linux/amd64.
func (p platform) String() string { return p.os + "/" + p.arch }

// platforms returns those of the image.
func platforms() []platform { return []platform{{"linux", "amd64"}, {"linux", "arm64"}} }

// compile returns the program for a platform, with the flags of "make build".
func (b *builder) compile(ctx context.Context, p platform) ([]byte, error) {
	dir, err := os.MkdirTemp("", "image-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, programName)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath",
		"-ldflags", "-s -w -X main.version="+b.origin.version, "-o", path, "./cmd/"+programName)
	cmd.Dir = b.source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch)
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("compile for %s: %w: %s", p, err, text)
	}
	return os.ReadFile(path)
}
