package acceptance

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services/store/storetest/postgres"
)

const (
	// shortOutage ends before a replica gives up its leadership, longOutage is that of the
	// other suites.
	shortOutage = 2 * time.Second
	// lockedFor is longer than a write waits for a lock, and than the leadership lasts.
	lockedFor = 15 * time.Second
	// wireLatency is that of a database in another part of the world.
	wireLatency = 50 * time.Millisecond
)

// postgresFaults are those of a PostgreSQL database.
func postgresFaults() []fault {
	const goesOn = "Requests are answered with the reason. A batch that runs waits until its results can be stored, " +
		"and then goes on by itself."
	const takenOver = " After eight seconds the replica stops its work, and it or another one goes on when the " +
		"database is back: a drain then waits for somebody to resume it."
	const same = "The same, with its reason."
	return []fault{
		{
			name: "database restart", means: goesOn,
			on: onPostgres, only: []string{"cordon", "drain", "label"}, database: ownDatabase(), strike: restartDatabase,
		},
		{
			name:  "connections terminated",
			means: "Nothing: others are opened. A request in that moment may be answered with the reason.",
			on:    onPostgres, database: ownDatabase(), strike: terminateOften,
		},
		{
			name: "database refuses connections for 30 s", means: goesOn + takenOver,
			on: onPostgres, only: []string{"uncordon", "drain", "taint"}, database: overWire(0), strike: refuseConnections,
			kills: 1,
		},
		{
			name: "database does not answer for 30 s", means: same,
			on: onPostgres, only: []string{"cordon", "drain", "annotate"}, database: overWire(0), strike: holdAnswers,
			kills: 1,
		},
		{
			name:  "connections lost without notice",
			means: "What waits for an answer is given up, and other connections are opened." + takenOver,
			on:    onPostgres, only: []string{"cordon", "drain", "label"}, database: overWire(0), strike: loseConnections,
			kills: 1,
		},
		{
			name: "read-only database", means: goesOn + takenOver,
			on: onPostgres, only: []string{"cordon", "drain", "taint"}, database: ownDatabase(), strike: setReadOnly,
			kills: 1,
		},
		{
			name: "no free connections", means: same,
			on: onPostgres, only: []string{"uncordon", "drain", "label"},
			database: ownDatabase("max_connections=12"), strike: takeConnections, kills: 1,
		},
		{
			name: "locked tables", means: same,
			on: onPostgres, only: []string{"cordon", "drain", "annotate"}, database: ownDatabase(), strike: lockTables,
			kills: 1,
		},
		{
			name: "full disk of the database server", means: goesOn,
			on: onPostgres, only: []string{"cordon", "drain"}, database: smallTablespace, strike: fillTablespace,
		},
		{
			name: "corrupted table",
			means: "Requests that need the table fail with the reason, which also says to restore a backup. With a " +
				"backup of the database, all is as before.",
			on: onPostgres, only: []string{"annotate"}, database: ownDatabase(), strike: corruptTable,
		},
		{
			name:  "slow network to the database",
			means: "With 100 ms for a question and its answer, all takes longer.",
			on:    onPostgres, database: overWire(wireLatency), strike: slowDatabase,
		},
	}
}

// ownDatabase starts a database server for one case, with some settings.
func ownDatabase(settings ...string) func(*scene) string {
	return func(s *scene) string {
		s.Helper()
		var err error
		s.postgres, err = postgres.Start(s.Context(), settings...)
		require.NoError(s, err)
		s.Cleanup(func() { require.NoError(s, s.postgres.Close()) })
		return s.postgres.URL(replicaDatabase)
	}
}

// overWire puts a wire before a database.
func overWire(latency time.Duration) func(*scene) string {
	return func(s *scene) string { return s.lay(postgres.Database(s), latency) }
}

// asAdministrator executes a statement as the administrator of the database server.
func (s *scene) asAdministrator(statements ...string) {
	s.Helper()
	db := s.administrator()
	for _, statement := range statements {
		_, err := db.ExecContext(context.WithoutCancel(s.Context()), statement)
		require.NoError(s, err, statement)
	}
	require.NoError(s, db.Close())
}

// administrator opens the database for somebody else.
func (s *scene) administrator() *sql.DB {
	s.Helper()
	db, err := sql.Open("pgx", s.postgres.URL(replicaDatabase))
	require.NoError(s, err)
	return db
}

// refuses requires that the page of the batch and a request for another batch are answered
// with the reason, in English and in Chinese, and that the program does not end.
func (s *scene) refuses(english, chinese string) {
	s.Helper()
	why := says(english)
	s.eventually("the page says: "+english, func() bool {
		_, page := s.page("/batches/" + s.batch.ID)
		return why.MatchString(page)
	})
	s.eventually("the page says: "+chinese, func() bool {
		_, page := s.pageIn("zh-CN", "/batches/"+s.batch.ID)
		return says(chinese).MatchString(page)
	})
	status, said := s.refused()
	s.check(status == http.StatusServiceUnavailable, "a batch that cannot be stored is answered with %d", status)
	s.check(why.MatchString(said), "a batch that cannot be stored is refused with %q", said)
	s.figures.faults++
}

const (
	unreachableEnglish = "The database cannot be reached"
	unreachableChinese = "无法连接数据库"
)

// restartDatabase stops the database server in the middle of a batch, and starts it again.
func restartDatabase(s *scene) {
	release := s.holdAll()
	require.NoError(s, s.postgres.Stop())
	release()
	s.refuses(unreachableEnglish, unreachableChinese)
	time.Sleep(shortOutage)
	require.NoError(s, s.postgres.Continue(s.Context()))
}

// terminated ends all connections of the program, and counts them.
const terminated = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
	WHERE application_name = 'kube-node-manager'`

// terminateOften ends all connections of the program again and again in the middle of a
// batch.
func terminateOften(s *scene) {
	release := s.holdAll()
	db := s.administrator()
	defer func() { require.NoError(s, db.Close()) }()
	for i := range 20 {
		var n int
		require.NoError(s, db.QueryRowContext(s.Context(), terminated).Scan(&n))
		s.figures.faults += n
		if i == 5 {
			release()
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.settled()
}

// settled waits until requests are answered again, whichever connection they get.
func (s *scene) settled() {
	s.Helper()
	inRow := 0
	s.eventually("requests are answered again", func() bool {
		inRow++
		if status, _ := s.page("/batches/" + s.batch.ID); status != http.StatusOK {
			inRow = 0
		}
		return inRow > 10
	})
}

// refuseConnections cuts the program off its database for half a minute.
func refuseConnections(s *scene) {
	release := s.holdAll()
	s.wire.cut()
	away := time.Now()
	release()
	s.refuses(unreachableEnglish, unreachableChinese)
	time.Sleep(time.Until(away.Add(outage / 2)))
	s.refuses(unreachableEnglish, unreachableChinese) // also when no replica works any more
	time.Sleep(time.Until(away.Add(outage)))
	s.wire.connect(s)
}

// holdAnswers lets the program wait half a minute for its database.
func holdAnswers(s *scene) {
	release := s.holdAll()
	resume := s.wire.hold()
	away := time.Now()
	release()
	s.refuses("The database does not answer", "数据库没有响应")
	time.Sleep(time.Until(away.Add(outage)))
	resume()
}

// loseConnections has the network forget the connections to the database.
func loseConnections(s *scene) {
	release := s.holdAll()
	s.wire.lose()
	s.figures.faults++
	release()
	s.settled()
}

// setReadOnly makes the database server take no writes, as one that has become a standby.
func setReadOnly(s *scene) {
	release := s.holdAll()
	set := func(value string) {
		s.asAdministrator("ALTER SYSTEM SET default_transaction_read_only = "+value, "SELECT pg_reload_conf()")
	}
	set("on")
	began := time.Now()
	release()
	s.refuses("The database is read-only", "数据库为只读")
	time.Sleep(time.Until(began.Add(lockedFor)))
	s.refuses("The database is read-only", "数据库为只读")
	set("off")
}

// takeConnections takes all connections that the database server has.
func takeConnections(s *scene) {
	release := s.holdAll()
	db := s.administrator()
	taken := s.takeAll(db)
	release()
	s.refuses("The database server has no connection left", "数据库服务器已没有空闲连接")
	for _, conn := range taken {
		require.NoError(s, conn.Close())
	}
	require.NoError(s, db.Close())
}

// takeAll takes the connections that are free, and those of the program.
func (s *scene) takeAll(db *sql.DB) (taken []*sql.Conn) {
	s.Helper()
	own := 0
	for free := true; free || own > 0; {
		conn, err := db.Conn(s.Context())
		free = err == nil
		if free {
			taken = append(taken, conn)
		}
		require.NotEmpty(s, taken)
		require.NoError(s, taken[0].QueryRowContext(s.Context(), terminated).Scan(&own))
		s.figures.faults += own
	}
	return taken
}

// lockTables has somebody lock the tables of batches for a while.
func lockTables(s *scene) {
	release := s.holdAll()
	db := s.administrator()
	tx, err := db.BeginTx(s.Context(), nil)
	require.NoError(s, err)
	const tables = "batches, batch_items, leadership, leadership_term"
	_, err = tx.ExecContext(s.Context(), "LOCK TABLE "+tables+" IN ACCESS EXCLUSIVE MODE")
	require.NoError(s, err)
	began := time.Now()
	release()
	s.refuses("The database (is busy|does not answer)", "数据库(正忙|没有响应)")
	time.Sleep(time.Until(began.Add(lockedFor)))
	s.refuses("The database (is busy|does not answer)", "数据库(正忙|没有响应)")
	require.NoError(s, tx.Rollback())
	require.NoError(s, db.Close())
}

// slowDatabase starts a batch whose database is far away.
func slowDatabase(s *scene) {
	s.submit()
	s.figures.faults++
	status, page := s.page("/batches/" + s.batch.ID)
	s.check(status == http.StatusOK, "the page of the batch answers %s", fmt.Sprint(status, page))
}
