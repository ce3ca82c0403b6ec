package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// forOthers are the rights of everybody but the owner.
const forOthers fs.FileMode = 0o077

// changeRights is os.Chmod; as root a test can make no file that it fails on.
type changeRights func(path string, mode fs.FileMode) error

// closeToOthers takes the rights of others away from the database with its log,
// index and locks, from the copies of it, and from their directories. They hold
// hashes of passwords, and an earlier program, a restore or a hand may have made
// them otherwise. A file that stays open to others is an error. A directory is not,
// since a volume may be somebody else's: the files in it are closed by themselves.
func (s *Store) closeToOthers(ctx context.Context, chmod changeRights) error {
	dir := filepath.Dir(s.file)
	for _, d := range []string{dir, s.backups()} {
		err := s.tighten(ctx, d, chmod)
		if errors.Is(err, fs.ErrPermission) {
			s.log.WarnContext(ctx, "Others may look into the directory of the database, and it is not ours to close",
				"error", err)
			continue
		}
		if err != nil {
			return err
		}
	}
	files := []string{
		s.file, s.file + "-wal", s.file + "-shm", s.lockPath("serve.lock"), s.lockPath("migrate.lock"),
	}
	copies, err := filepath.Glob(filepath.Join(escapeGlob(s.backups()), "*.db"))
	if err != nil {
		return fmt.Errorf("look for copies of the database: %w", err)
	}
	for _, file := range append(files, copies...) {
		if err := s.tighten(ctx, file, chmod); err != nil {
			return fmt.Errorf("others may read %s and that cannot be changed; "+
				"give it to the user that runs this program, with mode 0600: %w", file, err)
		}
	}
	return nil
}

// tighten takes the rights of others away, if they have any. Nothing is opened:
// closing a file drops the locks that SQLite has on it.
func (s *Store) tighten(ctx context.Context, path string, chmod changeRights) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the rights of %s: %w", path, err)
	}
	if !hasRights || info.Mode()&forOthers == 0 {
		return nil
	}
	if err := chmod(path, info.Mode()&^forOthers); err != nil {
		return fmt.Errorf("close %s to others: %w", path, err)
	}
	s.log.WarnContext(ctx, "Others could get at the database; closed it to them",
		"path", path, "mode", fmt.Sprintf("%#o", info.Mode().Perm()))
	return nil
}

// escapeGlob makes a pattern of a path that means the path itself.
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
