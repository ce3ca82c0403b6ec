package store

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. Migrations only go forward: the way
// back is the copy that it saves first.
func (s *Store) migrate(ctx context.Context) (err error) {
	turn, err := waitForLock(ctx, s.lockPath("migrate.lock"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, turn.Close()) }()
	provider, err := s.provider()
	if err != nil {
		return err
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if current > target {
		// goose would apply nothing, report no error, and leave us to write
		// into tables that we do not know.
		return fmt.Errorf("its schema has version %d and this program knows only up to %d: "+
			"use the newer program, or restore a copy from %s", current, target, s.backups())
	}
	if current == target {
		return nil
	}
	if current > 0 {
		if err := s.saveBefore(ctx, current); err != nil {
			return err
		}
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the schema from version %d to %d: %w", current, target, err)
	}
	s.log.InfoContext(ctx, "Migrated the database", "from", current, "to", target)
	return nil
}

// provider must not be closed: that would close the writer's pool.
func (s *Store) provider() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, s.w, files,
		goose.WithDisableGlobalRegistry(true), goose.WithSlog(s.log))
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return p, nil
}

func (s *Store) backups() string { return filepath.Join(filepath.Dir(s.file), "backups") }

// saveBefore saves a copy of a database of the given schema version.
func (s *Store) saveBefore(ctx context.Context, version int64) error {
	if err := os.MkdirAll(s.backups(), 0o700); err != nil {
		return fmt.Errorf("make the backup directory: %w", err)
	}
	name := fmt.Sprintf("schema-%d-%s.db", version, time.Now().UTC().Format("20060102T150405.000000"))
	file := filepath.Join(s.backups(), name)
	if err := s.Backup(ctx, file); err != nil {
		return err
	}
	s.log.InfoContext(ctx, "Saved a copy of the database before migrating it", "file", file)
	return nil
}

// Backup writes a consistent copy of the database into a new file while the
// program goes on. It never overwrites: an existing file is an error that wraps
// fs.ErrExist. Only the owner may read the copy; it holds password hashes.
func (s *Store) Backup(ctx context.Context, file string) error {
	// An empty file may be filled by VACUUM INTO; made here, it has its
	// rights from the first byte on.
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make the backup: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("make the backup: %w", err)
	}
	from := cmp.Or(s.r, s.w) // before a migration there is no reader yet
	if _, err := from.ExecContext(ctx, "VACUUM INTO ?", file); err != nil {
		return errors.Join(fmt.Errorf("write the backup %s: %w", file, err), os.Remove(file))
	}
	return nil
}
