package acceptance

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The binaries of the program. Most tests use it as it is released. With the race detector
// it takes several times as long for everything, so only those tests use that which have
// all of its parts at work at once: under a load, and with replicas.
var (
	releaseBuild = build{env: []string{"CGO_ENABLED=0"}}
	raceBuild    = build{flags: []string{"-race"}}
)

// build is one binary. It is built when a test first needs it.
type build struct {
	flags, env []string
	of         string // the directory in cmd; "" for that of the program

	once sync.Once
	dir  string
	err  error
}

// binary returns the path of the binary.
func (b *build) binary(t testing.TB) string {
	t.Helper()
	b.once.Do(func() { b.err = b.make() })
	require.NoError(t, b.err)
	return b.path()
}

func (b *build) path() string { return filepath.Join(b.dir, b.name()) }

func (b *build) name() string { return cmp.Or(b.of, "kube-node-manager") }

func (b *build) make() error {
	var err error
	b.dir, err = os.MkdirTemp("", "acceptance-")
	if err != nil {
		return err
	}
	args := append([]string{"build", "-ldflags", "-w -X main.version=v0.0.0-test", "-o", b.path()}, b.flags...)
	cmd := exec.Command("go", append(args, "../"+b.name())...)
	cmd.Env = append(os.Environ(), b.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// remove deletes the binary. It does nothing if there is none.
func (b *build) remove() {
	if b.dir != "" {
		_ = os.RemoveAll(b.dir)
	}
}

// seed is a data directory with an administrator, of which programs get a copy.
var seed struct {
	once  sync.Once
	data  string
	token string
	err   error
}

// copySeed fills an empty data directory and returns the administrator's token.
func copySeed(t testing.TB, data string) (token string) {
	t.Helper()
	path := releaseBuild.binary(t)
	seed.once.Do(func() {
		seed.data = filepath.Join(releaseBuild.dir, "data")
		seed.token, seed.err = addAdministrator(path, "--data", seed.data)
	})
	require.NoError(t, seed.err)
	files, err := os.ReadDir(seed.data)
	require.NoError(t, err)
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(seed.data, f.Name()))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(data, f.Name()), content, 0o600))
	}
	return seed.token
}
