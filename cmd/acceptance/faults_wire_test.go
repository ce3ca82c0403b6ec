package acceptance

import (
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
)

// wire is the network between the program and its database.
type wire struct {
	to      string // the address of the server
	address string // that the program connects to
	latency time.Duration

	mu       sync.Mutex
	listener net.Listener
	open     map[net.Conn]bool
	held     chan struct{} // closed once what was sent arrives; nil while nothing is held
	lost     int           // raised when all that is sent over the open connections is lost
	running  sync.WaitGroup
}

// lay has the program reach the database at an address over a wire, and returns its address
// there. Everything that is sent takes the given time.
func (s *scene) lay(address string, latency time.Duration) string {
	s.Helper()
	u, err := url.Parse(address)
	require.NoError(s, err)
	s.wire = &wire{to: u.Host, address: "127.0.0.1:0", latency: latency, open: map[net.Conn]bool{}}
	s.wire.connect(s)
	s.Cleanup(func() {
		s.wire.cut()
		s.wire.running.Wait()
	})
	u.Host = s.wire.address
	return u.String()
}

// connect lets connections through.
func (w *wire) connect(s *scene) {
	s.Helper()
	l, err := net.Listen("tcp", w.address)
	require.NoError(s, err)
	w.listener, w.address = l, l.Addr().String()
	w.running.Go(func() { w.accept(l) })
}

// cut closes all connections, and refuses further ones.
func (w *wire) cut() {
	_ = w.listener.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	for conn := range w.open {
		_ = conn.Close()
	}
	w.release()
}

// hold holds everything that is sent, also over new connections, until release is called.
func (w *wire) hold() (release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = make(chan struct{})
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.release()
	}
}

// release lets everything arrive that was held.
func (w *wire) release() {
	if w.held != nil {
		close(w.held)
		w.held = nil
	}
}

// lose loses everything that is sent over the open connections from now on, and tells
// nobody. New connections work.
func (w *wire) lose() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost++
}

func (w *wire) accept(l net.Listener) {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", w.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		w.mu.Lock()
		w.open[near], w.open[far] = true, true
		before := w.lost
		w.mu.Unlock()
		w.running.Go(func() { w.carry(near, far, before) })
		w.running.Go(func() { w.carry(far, near, before) })
	}
}

// carry carries what is sent in one direction until either end closes. Over a connection
// that was opened before something was lost, nothing arrives any more, not even its end.
func (w *wire) carry(from, to net.Conn, lost int) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		time.Sleep(w.latency)
		if w.arrives(lost) {
			_, _ = to.Write(buffer[:n]) // a closed end is seen by the other direction
		}
		if err != nil {
			break
		}
	}
	_ = from.Close()
	if w.arrives(lost) {
		_ = to.Close()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, from)
}

// arrives waits while everything is held, and reports whether what was sent arrives.
func (w *wire) arrives(lost int) bool {
	w.mu.Lock()
	held := w.held
	w.mu.Unlock()
	if held != nil {
		<-held
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return lost == w.lost
}
