//go:build unix

package store

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A database that root restores still belongs to the user of the server.
func TestRestore_keepsTheOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can give files away")
	}
	const user = 65532
	dir := present(t)
	require.NoError(t, os.Chown(dir, user, user))
	_, err := Restore(t.Context(), dir, saved(t), quiet())
	require.NoError(t, err)
	for _, path := range []string{fileName, "backups"} {
		info, err := os.Stat(filepath.Join(dir, path))
		require.NoError(t, err)
		require.EqualValues(t, user, info.Sys().(*syscall.Stat_t).Uid, path)
	}
}
