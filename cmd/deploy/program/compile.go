package program

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// The commands of the repository, by their directory in cmd.
const (
	Server = "kube-node-manager"
	Plugin = "kubectl-node_mgr"
)

// Platform is an operating system and an architecture, as Go and OCI name them.
type Platform struct{ OS, Arch string }

// String returns the platform as in linux/amd64.
func (p Platform) String() string { return p.OS + "/" + p.Arch }

// Platforms returns those of images, archives and packages.
func Platforms() []Platform { return []Platform{{"linux", "amd64"}, {"linux", "arm64"}} }

// Compile returns a command of the module in source for a platform, with the flags of
// "make build".
func Compile(ctx context.Context, source, command, version string, p Platform) ([]byte, error) {
	dir, err := os.MkdirTemp("", "compile-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, command)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath",
		"-ldflags", "-s -w -X main.version="+version, "-o", path, "./cmd/"+command)
	cmd.Dir = source
	cmd.Env = p.environment()
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("compile %s for %s: %w: %s", command, p, err, text)
	}
	return os.ReadFile(path)
}

// environment returns that of commands of Go which make something for the platform.
func (p Platform) environment() []string {
	return append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.OS, "GOARCH="+p.Arch)
}
