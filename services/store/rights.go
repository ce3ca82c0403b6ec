package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// othersMode is the permissions of everybody but the owner.
const othersMode fs.FileMode = 0o077

// chmodFunc is os.Chmod, or a replacement in tests: for root os.Chmod never fails.
type chmodFunc func(path string, mode fs.FileMode) error

// closeToOthers removes the permissions of others from the database files, the
// copies of the database, and their directories, since they contain password
// hashes. An earlier version, a restore or a person may have created them with
// such permissions. It returns an error if others can still access a file. For a
// directory it only logs a warning: the directory may be a volume that belongs to
// another user, and the files in it are protected by their own permissions.
func (s *Store) closeToOthers(ctx context.Context, chmod chmodFunc) error {
	for _, dir := range []string{filepath.Dir(s.file), s.backups()} {
		err := s.tighten(ctx, dir, chmod)
		if errors.Is(err, fs.ErrPermission) {
			s.log.WarnContext(ctx, "Others can list the directory of the database; its permissions cannot be changed",
				"error", err)
			continue
		}
		if err != nil {
			return err
		}
	}
	files, err := s.privateFiles()
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := s.tighten(ctx, file, chmod); err != nil {
			return fmt.Errorf("others may read %s and that cannot be changed; "+
				"give it to the user that runs this program, with mode 0600: %w", file, err)
		}
	}
	return nil
}

// privateFiles returns the files of the database and its copies. Some may not
// exist.
func (s *Store) privateFiles() ([]string, error) {
	files := []string{
		s.file, s.file + "-wal", s.file + "-shm", s.lockPath("serve.lock"), s.lockPath("migrate.lock"),
	}
	copies, err := filepath.Glob(filepath.Join(escapeGlob(s.backups()), "*.db"))
	if err != nil {
		return nil, fmt.Errorf("look for copies of the database: %w", err)
	}
	return append(files, copies...), nil
}

// tighten removes the permissions of others. It does not open the file: closing it
// again would drop the locks that SQLite has on it.
func (s *Store) tighten(ctx context.Context, path string, chmod chmodFunc) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the permissions of %s: %w", path, err)
	}
	if !hasModes || info.Mode()&othersMode == 0 {
		return nil
	}
	if err := chmod(path, info.Mode()&^othersMode); err != nil {
		return fmt.Errorf("remove the permissions of others from %s: %w", path, err)
	}
	s.log.WarnContext(ctx, "Others could read the database; removed their permissions",
		"path", path, "mode", fmt.Sprintf("%#o", info.Mode().Perm()))
	return nil
}

// escapeGlob returns a pattern for filepath.Glob that matches only the path.
func escapeGlob(path string) string {
	var out []rune
	for _, c := range path {
		if c == '*' || c == '?' || c == '[' || c == '\\' {
			out = append(out, '\\')
		}
		out = append(out, c)
	}
	return string(out)
}
