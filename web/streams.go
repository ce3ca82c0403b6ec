package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/r3labs/sse/v2"
)

// This file is the only one that uses github.com/r3labs/sse. It uses the library to write
// the wire format, and for one bounded queue per connection. It avoids the rest for
// these reasons, as of v2.10.0:
//
//   - A stream sends to its subscribers one after the other and blocks on each. One
//     client that stops reading stops the stream, so each connection has a stream
//     of its own. Publish blocks as well, so we use TryPublish only.
//   - An event with neither data nor comment ends the handlers of all subscribers,
//     and may block the stream forever; newEvent makes sure that there is data.
//   - RemoveStream leaks a goroutine for each subscriber that is still connected.
//     We call it from OnUnsubscribe, when the only subscriber is gone.
//   - An event that is published before the subscriber is registered is lost.
//     OnSubscribe tells when it is; it runs in a goroutine of its own.
//   - AutoReplay, which is on by default, keeps every event forever and replaces
//     our event ids. EventTTL without AutoReplay drops every event.
//   - AutoStream lets clients create streams.
//   - The client chooses the stream (?stream=), an unknown one is answered with
//     status 500, and a Last-Event-ID that is not a number with 400. We replace the
//     query and remove the header; see streamRequest.
//   - Without SplitData, a line end in data ends the event's field, and data that
//     begins with a colon becomes a comment. With it, a carriage return still ends
//     the field, so newEvent removes it. Names and comments are not checked at all.
//   - An event without an id is sent with an empty one, which resets the last event
//     id of the browser.
//   - Write errors are ignored, no write has a deadline, and the writer must be an
//     http.Flusher; see streamWriter. The handler ends with the request's context,
//     which net/http cancels after a failed write.
//   - EncodeBase64 changes the event that it is given, and a stream may set its id,
//     so no event is published twice.

// streamQueue is how many events may wait for one client before it counts as one
// that does not read. The library adds 64 that it has taken from the queue.
const streamQueue = 16

// writeWithin is how long one write to a client may take. It overrides the server's
// own timeout, which is for whole answers.
const writeWithin = 10 * time.Second

// streams holds the open event streams, one per connection.
type streams struct{ server *sse.Server }

// newStreams returns an empty set of streams. It calls opened with the id of a stream, in
// a goroutine of its own, as soon as events can reach the client.
func newStreams(opened func(id string)) *streams {
	s := sse.New()
	s.AutoReplay = false
	s.SplitData = true
	s.BufferSize = streamQueue
	s.Headers = map[string]string{"X-Accel-Buffering": "no", "Cache-Control": "no-store, no-transform"}
	s.OnSubscribe = func(id string, _ *sse.Subscriber) { opened(id) }
	s.OnUnsubscribe = func(id string, _ *sse.Subscriber) { s.RemoveStream(id) }
	return &streams{server: s}
}

// create creates a stream, for one call of serve. The id must not be in use.
func (s *streams) create(id string) { s.server.CreateStream(id) }

// serve answers r with the events of a stream until the context of r ends. The
// stream ends with it.
func (s *streams) serve(w http.ResponseWriter, r *http.Request, id string) {
	s.server.ServeHTTP(&streamWriter{ResponseWriter: w, control: http.NewResponseController(w)}, streamRequest(r, id))
}

// exists reports whether a stream has not ended.
func (s *streams) exists(id string) bool { return s.server.StreamExists(id) }

// offer queues an event for a stream. It never blocks. It returns false when the
// queue is full or the stream has ended.
func (s *streams) offer(id string, e event) bool {
	return s.server.TryPublish(id, &sse.Event{
		ID: []byte(e.id), Event: []byte(e.name), Data: []byte(e.data), Retry: []byte(e.retry),
		Comment: []byte(e.comment),
	})
}

// event is one event on the wire: either a comment or the other fields.
type event struct{ id, name, data, retry, comment string }

// reconnectAfter is how long a browser waits, in milliseconds, before it opens a
// stream again that was cut off.
const reconnectAfter = "3000"

// newEvent returns an event. Its data is never empty and holds no carriage return.
// The name must be a constant of ours; number counts the events of a stream from 1.
func newEvent(name string, number uint64, data string) event {
	data = strings.ReplaceAll(data, "\r", "")
	if strings.TrimSpace(data) == "" {
		data = "-"
	}
	return event{id: strconv.FormatUint(number, 10), name: name, data: data, retry: reconnectAfter}
}

// newComment returns an event that browsers ignore. The text must be a constant.
func newComment(text string) event { return event{comment: text} }

// streamRequest returns the request for the library: it names our stream and no
// last event id. Our first event is always the current state.
func streamRequest(r *http.Request, id string) *http.Request {
	r = r.Clone(r.Context())
	r.URL = &url.URL{Path: r.URL.Path, RawQuery: url.Values{"stream": {id}}.Encode()}
	r.Header.Del("Last-Event-ID")
	return r
}

// streamWriter gives every write a deadline of its own, so that a client that has
// stopped reading is cut off.
type streamWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

// Write writes p within writeWithin. It ignores writers without deadlines, which
// tests use.
func (w *streamWriter) Write(p []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(writeWithin))
	return w.ResponseWriter.Write(p)
}

// Flush sends what was written. It ignores errors: after a failed write net/http
// cancels the context of the request.
func (w *streamWriter) Flush() {
	_ = w.control.SetWriteDeadline(time.Now().Add(writeWithin))
	_ = w.control.Flush()
}
