package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
)

// Restored says what Restore has put in the place of the database.
type Restored struct {
	Users      int
	Unfinished int    // batches, which wait for somebody to resume or cancel them
	Aside      string // where the database before is now; "" if there was none
}

// Restore replaces the database in dir by a copy of one. It checks the copy, brings its
// schema up to date, and keeps the database before in dir/backups. That one is not opened,
// because it may be damaged, or of a newer version. If anything fails, it stays in place.
//
// What the copy says of the present is not true any more. Login sessions end, and messages
// to webhooks that were not sent are dropped. A batch that had not ended is held: it may
// have ended since, so it must not continue or begin by itself.
//
// It is an error while a server runs on dir, and if the copy is damaged, is of a newer
// version, or is no database of this program.
func Restore(ctx context.Context, dir, file string, log *slog.Logger) (r Restored, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return Restored{}, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if err := prepareDir(dir); err != nil {
		return Restored{}, err
	}
	present := &Store{file: filepath.Join(dir, fileName), log: log}
	if err := present.Claim(ctx); err != nil {
		return Restored{}, err
	}
	defer func() { err = errors.Join(err, present.closePools()) }()
	work, err := os.MkdirTemp(dir, "restore-")
	if err != nil {
		return Restored{}, fmt.Errorf("create a directory for the copy: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	next := &Store{engine: sqliteEngine(), file: filepath.Join(work, fileName), log: log, now: time.Now}
	if err := next.copyFrom(file); err != nil {
		return Restored{}, err
	}
	r, err = next.revive(ctx, filepath.Base(file))
	if err != nil {
		return Restored{}, fmt.Errorf("restore %s: %w", file, err)
	}
	r.Aside, err = present.replace(next.file)
	return r, err
}

// copyFrom copies a database file and, if there is one beside it, its write-ahead log,
// which has the last changes.
func (s *Store) copyFrom(file string) error {
	if err := copyFile(file, s.file); err != nil {
		return err
	}
	err := copyFile(file+"-wal", s.file+"-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("read the copy: %w", err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write the copy: %w", err)
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// revive checks a copy and makes it fit to be served. It closes the database.
func (s *Store) revive(ctx context.Context, name string) (r Restored, err error) {
	if err := s.openWriter(); err != nil {
		return Restored{}, err
	}
	s.r = s.w
	defer func() {
		s.r = nil // or it would be closed twice
		err = errors.Join(err, s.closePools())
	}()
	if err := s.checkCopy(ctx); err != nil {
		return Restored{}, err
	}
	if err := s.migrateAs(ctx, goose.DialectSQLite3, "sqlite", "take another copy", nil); err != nil {
		return Restored{}, err
	}
	if err := s.write(ctx, func(tx *sql.Tx) error { return s.settleCopy(ctx, tx, name, &r) }); err != nil {
		return Restored{}, err
	}
	_, err = s.w.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return r, err
}

// checkCopy returns an error for a file that is damaged or no database of this program.
func (s *Store) checkCopy(ctx context.Context) error {
	var ours int
	err := s.w.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE name IN ('goose_db_version', 'settings')`).
		Scan(&ours)
	if err != nil {
		return fmt.Errorf("it is not a database, or is damaged: %w", err)
	}
	if ours != 2 {
		return errors.New("it is not a database of Kube Node Manager")
	}
	var verdict string
	if err := s.w.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil || verdict != "ok" {
		return errors.Join(fmt.Errorf("it is damaged: %s", verdict), err)
	}
	var orphans int
	if err := s.w.QueryRowContext(ctx, "SELECT count(*) FROM pragma_foreign_key_check").Scan(&orphans); err != nil {
		return err
	}
	if orphans > 0 {
		return fmt.Errorf("it is damaged: %d rows refer to others that are missing", orphans)
	}
	return nil
}

// settleCopy ends what only made sense when the copy was made, and counts what there is.
func (s *Store) settleCopy(ctx context.Context, tx *sql.Tx, name string, r *Restored) error {
	for _, change := range []string{
		`DELETE FROM sessions`,
		`DELETE FROM deliveries WHERE state = 'pending'`,
		`UPDATE batches SET held = 'restored' WHERE ` + batchNotEnded,
	} {
		if _, err := tx.ExecContext(ctx, change); err != nil {
			return err
		}
	}
	err := tx.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM batches WHERE `+
		batchNotEnded+`)`).Scan(&r.Users, &r.Unfinished)
	if err != nil {
		return err
	}
	return s.note(ctx, tx, Entry{
		Action: ActionRestore, Object: name, After: facts("users", r.Users, "unfinished", r.Unfinished),
	})
}

// replace puts a database without a write-ahead log in the place of the present one, and
// returns where that is now. At every moment there is a database in the place. The log of
// the present one leaves before: beside another database, SQLite would apply it to that one.
func (s *Store) replace(next string) (aside string, err error) {
	if err := s.prepareReplace(next); err != nil {
		return "", err
	}
	kept := filepath.Join(s.backups(), "replaced-"+time.Now().UTC().Format("20060102T150405.000000")+".db")
	err = keep(s.file, kept)
	switch {
	case err == nil:
		aside = kept
	case !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("keep the database before: %w", err)
	}
	if err := os.Rename(s.file+"-wal", kept+"-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return aside, fmt.Errorf("keep the log of the database before: %w", err)
	}
	if err := os.Rename(next, s.file); err != nil {
		return aside, fmt.Errorf("put the copy in place; the database before is in %s: %w", kept, err)
	}
	return aside, nil
}

// keep gives a file a second name, or another one where files can have only one.
func keep(file, kept string) error {
	err := os.Link(file, kept)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(file, kept)
}

// prepareReplace does what leaves the present database usable.
func (s *Store) prepareReplace(next string) error {
	if err := os.MkdirAll(s.backups(), 0o700); err != nil {
		return fmt.Errorf("create the backup directory: %w", err)
	}
	for _, path := range []string{s.backups(), next, s.lockPath("serve.lock")} {
		if err := giveTo(filepath.Dir(s.file), path); err != nil {
			return err
		}
	}
	if err := os.Remove(s.file + "-shm"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the index of the database before: %w", err)
	}
	return nil
}
