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

// migrate brings the schema up to date. There are no migrations to an earlier
// version; instead, migrate saves a copy of the database first.
func (s *Store) migrate(ctx context.Context) (err error) {
	lock, err := waitForLock(ctx, s.lockPath("migrate.lock"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	provider, err := s.provider()
	if err != nil {
		return err
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	switch {
	case current > target:
		// goose would apply nothing and report no error, and the program would write
		// to tables of an unknown schema.
		return fmt.Errorf("its schema has version %d and this program knows only up to %d: "+
			"use the newer program, or restore a copy from %s", current, target, s.backups())
	case current == target:
		return nil
	}
	return s.migrateFrom(ctx, provider, current, target)
}

// migrateFrom saves a copy of an existing database, and applies the migrations.
func (s *Store) migrateFrom(ctx context.Context, provider *goose.Provider, current, target int64) error {
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

// provider returns the provider of the migrations. It must not be closed, which
// would close the pool for writes.
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

// saveBefore saves a copy of the database, whose schema has the given version.
func (s *Store) saveBefore(ctx context.Context, version int64) error {
	if err := os.MkdirAll(s.backups(), 0o700); err != nil {
		return fmt.Errorf("create the backup directory: %w", err)
	}
	name := fmt.Sprintf("schema-%d-%s.db", version, time.Now().UTC().Format("20060102T150405.000000"))
	file := filepath.Join(s.backups(), name)
	if err := s.Backup(ctx, file); err != nil {
		return err
	}
	s.log.InfoContext(ctx, "Saved a copy of the database before migrating it", "file", file)
	return nil
}

// Backup writes a consistent copy of the database to a new file while the program
// runs. It never overwrites a file: the error then wraps fs.ErrExist. The copy
// contains password hashes, so only its owner may read it.
func (s *Store) Backup(ctx context.Context, file string) error {
	// VACUUM INTO accepts an empty file. Creating it here sets its permissions before
	// it has any content.
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("create the backup: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("create the backup: %w", err)
	}
	from := cmp.Or(s.r, s.w) // before a migration there is no reader yet
	if _, err := from.ExecContext(ctx, "VACUUM INTO ?", file); err != nil {
		return errors.Join(fmt.Errorf("write the backup %s: %w", file, err), os.Remove(file))
	}
	return nil
}
