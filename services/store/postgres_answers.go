package store

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// A network may lose a connection and tell neither end. Without a limit, whoever waits for
// an answer then waits until the operating system gives up, which takes a quarter of an hour.
const (
	// answerTime is how long the server may take for an answer. It is longer than a write
	// waits for a lock.
	answerTime = 15 * time.Second
	// pingTime is how long an idle connection may take to show that it works, and
	// idleAtMost how long one may be idle before it has to.
	pingTime   = 2 * time.Second
	idleAtMost = time.Second
)

// errSilent means that the server has not answered in time. It is not a timeout in the sense
// of package net, so the driver closes the connection.
var errSilent = errors.New("the database server has not answered in time")

// patience is how long the connections of a store wait for an answer, as time.Duration; 0
// for without end, as while the schema is migrated.
type patience struct{ atomic.Int64 }

// limit is a hook of the driver: it limits how long a new connection waits for an answer.
func (p *patience) limit(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
	return &patientConn{Conn: conn, patience: p}, nil
}

// patientConn is a connection to the server. The driver may also read while it has asked
// nothing: while a write is slow it reads in the background, and that goes on until the next
// answer. Such a read may wait without end.
type patientConn struct {
	net.Conn
	patience *patience

	mu    sync.Mutex
	bound bool      // the driver has set a deadline, because the context of the query has ended
	asked bool      // and the server has not said since that it is ready for the next query
	until time.Time // when more of the answer is due
	tail  []byte    // of what the server has said: as long as the start of readyForQuery and its state
}

// readyForQuery is how the last message of an answer begins: its kind and its length. One
// byte follows, the state of the transaction.
// https://www.postgresql.org/docs/current/protocol-message-formats.html
var readyForQuery = []byte{'Z', 0, 0, 0, 5}

// SetDeadline implements net.Conn.
func (c *patientConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bound = !t.IsZero()
	return c.Conn.SetDeadline(t)
}

// Write implements net.Conn.
func (c *patientConn) Write(b []byte) (int, error) {
	if err := c.expect(); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// expect sets the time until which an answer is expected, unless the driver has set one. It
// also holds for a read that has begun.
func (c *patientConn) expect() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	wait := time.Duration(c.patience.Load())
	if c.bound || wait == 0 {
		return nil
	}
	c.asked, c.until = true, time.Now().Add(wait)
	return c.SetReadDeadline(c.until)
}

// Read implements net.Conn.
func (c *patientConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		timeout, isNet := errors.AsType[net.Error](err)
		if n > 0 || !isNet || !timeout.Timeout() {
			c.heard(b[:n])
			return n, err
		}
		waits, err := c.late(err)
		if !waits {
			return 0, err
		}
	}
}

// heard notes what the server has said: the end of its answer, or a part, after which the
// rest may take as long again.
func (c *patientConn) heard(said []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	length := len(readyForQuery) + 1
	c.tail = append(c.tail, said[max(0, len(said)-length):]...)
	c.tail = slices.Delete(c.tail, 0, max(0, len(c.tail)-length))
	if bytes.HasPrefix(c.tail, readyForQuery) {
		c.asked = false
	}
	c.until = time.Now().Add(time.Duration(c.patience.Load()))
}

// late decides what a read does whose time is over: it waits on if no answer is due yet, or
// returns an error.
func (c *patientConn) late(timeout error) (waits bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.bound:
		return false, timeout
	case !c.asked:
		return true, c.SetReadDeadline(time.Time{})
	case time.Now().Before(c.until):
		return true, c.SetReadDeadline(c.until)
	default:
		return false, errors.Join(errSilent, c.Close())
	}
}

// hasNews reports whether the server has said something while nobody has asked, for example
// that it has ended the connection.
func (c *patientConn) hasNews() bool {
	below := c.Conn
	if secure, ok := below.(*tls.Conn); ok {
		below = secure.NetConn()
	}
	return hasNews(below)
}

// pingIdle is a hook of the driver, which pings a connection before it uses it if this
// returns true. The ping of the driver may take as long as the query; pingIdle tries with a
// limit of its own, and closes the connection if that fails. The query then gets another one.
func pingIdle(ctx context.Context, p stdlib.ShouldPingParams) bool {
	conn, ok := p.Conn.PgConn().Conn().(*patientConn)
	if p.IdleDuration <= idleAtMost && ok && !conn.hasNews() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	if err := p.Conn.Ping(ctx); err != nil {
		_ = p.Conn.Close(ctx) // it is of no use, whatever this returns
	}
	return p.Conn.IsClosed()
}
