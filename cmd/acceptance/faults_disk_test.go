package acceptance

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// smallTablespace starts a database server with a database on a small disk of its own.
func smallTablespace(s *scene) string {
	s.Helper()
	disk, err := os.MkdirTemp("", "tablespace-")
	require.NoError(s, err)
	s.Cleanup(func() { require.NoError(s, os.RemoveAll(disk)) })
	ownDatabase()(s)
	owner, err := os.Stat(s.ask("SELECT current_setting('data_directory')"))
	require.NoError(s, err)
	who := owner.Sys().(*syscall.Stat_t)
	mount(s, disk, fmt.Sprintf("size=48m,mode=0700,uid=%d,gid=%d", who.Uid, who.Gid))
	s.disk = disk
	s.asAdministrator("CREATE TABLESPACE small LOCATION '"+disk+"'", "CREATE DATABASE small TABLESPACE small")
	s.small = s.postgres.URL("small")
	return s.small
}

// fillTablespace fills the disk of the database in the middle of a batch, with all room
// that is left in the table of the items, and makes room again.
func fillTablespace(s *scene) {
	release := s.holdAll()
	s.eventually("all items are running", func() bool {
		return s.program.batch(s, s.batch.ID).Counts["running"] == sceneNodes
	})
	db, err := sql.Open("pgx", s.small)
	require.NoError(s, err)
	_, err = db.ExecContext(s.Context(), "VACUUM batch_items") // what it would free later
	require.NoError(s, err)
	_, err = db.ExecContext(s.Context(), `INSERT INTO batches
		(id, cluster, operation, params, actor_id, actor, created_at, ended_at, total, state)
		VALUES ('filler', 'filler', 'cordon', '{}', 0, '', 0, 0, 0, 'succeeded')`)
	require.NoError(s, err)
	ballast := filepath.Join(s.disk, "ballast")
	fill(s, ballast)
	fillItems(s, db)
	require.NoError(s, db.Close())
	s.unstored(release, "disk of the database server is full")
	require.NoError(s, os.Remove(ballast))
}

// fillItems fills the table of the items with those of another batch.
func fillItems(s *scene, db *sql.DB) {
	s.Helper()
	seq := 0
	for _, size := range []int{1500, 150, 15, 0} {
		var err error
		for ; err == nil; seq++ {
			_, err = db.ExecContext(s.Context(), `INSERT INTO batch_items (batch_id, seq, node, state, error_code)
				VALUES ('filler', $1, '', 'succeeded', repeat('x', $2))`, seq, size)
		}
		full, ok := errors.AsType[*pgconn.PgError](err)
		require.True(s, ok, "%v", err)
		require.Equal(s, pgerrcode.DiskFull, full.Code, full.Message)
	}
}

// corruptTable overwrites a table of the database server after the batch. A backup of it
// brings it back.
func corruptTable(s *scene) {
	s.submit()
	s.await()
	s.asAdministrator("CHECKPOINT") // or the log of the server would repair the table
	path := s.ask("SELECT current_setting('data_directory') || '/' || pg_relation_filepath('batch_items')")
	require.NoError(s, s.postgres.Stop())
	backup, err := os.ReadFile(path)
	require.NoError(s, err)
	writeOver(s, path, noise(len(backup)))
	require.NoError(s, s.postgres.Continue(s.Context()))
	s.refuses("The data of the database server is damaged", "数据库服务器上的数据已损坏")
	status, _ := s.page("/batches/" + s.batch.ID)
	s.check(status == http.StatusServiceUnavailable, "the page of the batch answers %d", status)
	require.NoError(s, s.postgres.Stop())
	writeOver(s, path, backup)
	require.NoError(s, s.postgres.Continue(s.Context()))
	s.eventually("the page of the batch is back", func() bool {
		status, _ := s.page("/batches/" + s.batch.ID)
		return status == http.StatusOK
	})
}

// ask returns the one text that a query of the administrator of the database server finds.
func (s *scene) ask(query string) string {
	s.Helper()
	text, err := s.postgres.Query(s.Context(), replicaDatabase, query)
	require.NoError(s, err)
	return text
}

// writeOver replaces the content of a file, which keeps its owner.
func writeOver(s *scene, path string, content []byte) {
	s.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NOFOLLOW, 0)
	require.NoError(s, err)
	_, err = file.Write(content)
	require.NoError(s, err)
	require.NoError(s, file.Close())
}
