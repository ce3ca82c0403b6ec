package acceptance

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	openedStreams = 1000
	neverRead     = openedStreams / 10
	// mostForStreams is how much memory a thousand streams may cost.
	mostForStreams = 300 << 20
)

// dial opens a connection to the program.
func (s *scene) dial() net.Conn {
	s.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.program.URL, "http://"))
	require.NoError(s, err)
	return conn
}

// openStreams opens a thousand event streams of the batch, of which every tenth is never
// read.
func openStreams(s *scene) {
	release := s.holdAll()
	before := s.program.resident(s, "VmRSS")
	var readers sync.WaitGroup
	ends := make(chan string, openedStreams)
	for i := range openedStreams {
		conn := s.dial()
		s.Cleanup(func() { _ = conn.Close() })
		head := "GET /events?cluster=%s&batch=%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n"
		_, err := fmt.Fprintf(conn, head, s.cluster.Name, s.batch.ID, conn.RemoteAddr(), s.program.Token)
		require.NoError(s, err)
		if i%(openedStreams/neverRead) == 0 {
			require.NoError(s, conn.(*net.TCPConn).SetReadBuffer(1))
			s.figures.faults++
			continue
		}
		readers.Go(func() { ends <- lastEvent(conn) })
	}
	release()
	readers.Wait()
	close(ends)
	for last := range ends {
		s.check(last == "done", "the last event of a stream is %q", last)
	}
	grown := s.program.resident(s, "VmHWM") - before
	s.Logf("most memory for %d streams: %d MB", openedStreams, grown>>20)
	s.check(grown < mostForStreams, "%d streams cost %d MB", openedStreams, grown>>20)
}

// lastEvent reads a stream to its end, and returns the name of the last event.
func lastEvent(conn net.Conn) (last string) {
	_ = conn.SetReadDeadline(time.Now().Add(longest))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err.Error()
	}
	events := make(chan event, 16)
	go func() {
		defer close(events)
		defer func() { _ = response.Body.Close() }()
		readEvents(response.Body, events)
	}()
	for e := range events {
		last = e.Name
	}
	return last
}

// dawdle opens connections that send a request byte by byte, beside a batch.
func dawdle(s *scene) {
	const dawdlers = 500
	release := s.holdAll()
	var closed sync.WaitGroup
	ends := make(chan time.Duration, dawdlers)
	for range dawdlers {
		conn := s.dial()
		s.Cleanup(func() { _ = conn.Close() })
		s.figures.faults++
		closed.Go(func() { ends <- dawdleOn(conn) })
	}
	status, _ := s.page("/batches/" + s.batch.ID)
	s.check(status == http.StatusOK, "others are served meanwhile: %d", status)
	release()
	closed.Wait()
	close(ends)
	for after := range ends {
		s.check(after < patience, "a connection without a request is open for %s", after)
	}
}

// dawdleOn sends a header that never ends, and returns how long the program takes part.
func dawdleOn(conn net.Conn) time.Duration {
	began := time.Now()
	_, _ = fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
	for time.Since(began) < patience {
		if _, err := conn.Write([]byte("a")); err != nil {
			break
		}
		time.Sleep(250 * time.Millisecond)
	}
	return time.Since(began)
}
