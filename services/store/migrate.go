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
	gooselock "github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrations embed.FS

// migrate brings the schema of a SQLite database up to date. There are no migrations to an
// earlier version; instead, migrate saves a copy of the database first.
func (s *Store) migrate(ctx context.Context) (err error) {
	held, err := waitForLock(ctx, s.lockPath("migrate.lock"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	return s.migrateAs(ctx, goose.DialectSQLite3, "sqlite", "restore a copy from "+s.backups(), s.saveBefore)
}

// migratePostgres brings the schema of a PostgreSQL database up to date, one replica at a
// time. A copy before it is the matter of those who run the database.
func (s *Store) migratePostgres(ctx context.Context) error {
	locker, err := gooselock.NewPostgresSessionLocker(gooselock.WithLockTimeout(1, 60))
	if err != nil {
		return fmt.Errorf("prepare the lock of the schema: %w", err)
	}
	return s.migrateAs(ctx, goose.DialectPostgres, "postgres", "restore a copy", nil, goose.WithSessionLocker(locker))
}

// migrateAs applies the migrations of one of the engines. Before that it calls before, if it
// is not nil, with the version of a database that is not empty. instead says what helps against a newer schema.
func (s *Store) migrateAs(
	ctx context.Context, dialect goose.Dialect, dir, instead string,
	before func(ctx context.Context, version int64) error, options ...goose.ProviderOption,
) error {
	provider, err := s.provider(dialect, dir, options...)
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
			"use the newer program, or %s", current, target, instead)
	case current == target:
		return nil
	}
	if current > 0 && before != nil {
		if err := before(ctx, current); err != nil {
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
func (s *Store) provider(
	dialect goose.Dialect, dir string, options ...goose.ProviderOption,
) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/"+dir)
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	options = append(options, goose.WithDisableGlobalRegistry(true), goose.WithSlog(s.log))
	p, err := goose.NewProvider(dialect, s.w, files, options...)
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
// contains password hashes, so only its owner may read it. A PostgreSQL database is
// copied with its own tools.
func (s *Store) Backup(ctx context.Context, file string) error {
	if s.file == "" {
		return errors.New("a PostgreSQL database is copied with pg_dump or the tools of who runs it")
	}
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
