//go:build unix

package store

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Open removes permissions of others that an earlier version, a restore or a
// person has left, and logs that.
func TestOpen_closesToOthers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data [1]")
	s, err := Open(t.Context(), dir, quiet())
	require.NoError(t, err)
	require.NoError(t, s.Close(t.Context()))
	backups := filepath.Join(dir, "backups")
	require.NoError(t, os.Mkdir(backups, 0o755))
	old := filepath.Join(backups, "schema-1-x.db")
	require.NoError(t, os.WriteFile(old, nil, 0o600))
	wal := filepath.Join(dir, fileName+"-wal")
	require.NoError(t, os.WriteFile(wal, nil, 0o600))
	files := []string{old, wal, filepath.Join(dir, fileName), filepath.Join(dir, "migrate.lock")}
	for _, file := range files {
		require.NoError(t, os.Chmod(file, 0o664))
	}
	for _, d := range []string{dir, backups} {
		require.NoError(t, os.Chmod(d, 0o755|fs.ModeSetgid))
	}

	var log bytes.Buffer
	s, err = Open(t.Context(), dir, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(t.Context())) }()
	for _, file := range files {
		requireMode(t, file, 0o600)
		require.Contains(t, log.String(), file)
	}
	for _, d := range []string{dir, backups} {
		requireMode(t, d, 0o700)
	}
	require.Contains(t, log.String(), "mode=0664")

	log.Reset()
	again, err := Open(t.Context(), dir, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	require.NoError(t, again.Close(t.Context()))
	require.Empty(t, log.String(), "there was nothing to change")
}

func requireMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, want, info.Mode().Perm(), path)
}

// Permissions of others that cannot be removed are an error for a file, and a
// warning for a directory.
func TestOpen_cannotBeClosedToOthers(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // this is the case that the test is about
	var log bytes.Buffer
	s := &Store{file: filepath.Join(dir, fileName), log: slog.New(slog.NewTextHandler(&log, nil))}
	notOurs := func(path string, _ fs.FileMode) error {
		return &fs.PathError{Op: "chmod", Path: path, Err: fs.ErrPermission}
	}
	require.NoError(t, s.closeToOthers(t.Context(), notOurs))
	require.Contains(t, log.String(), "its permissions cannot be changed")

	require.NoError(t, os.WriteFile(s.file, nil, 0o600))
	require.NoError(t, os.Chmod(s.file, 0o640))
	err := s.closeToOthers(t.Context(), notOurs)
	require.ErrorContains(t, err, "others may read "+s.file)
	require.ErrorContains(t, err, "mode 0600")
}
