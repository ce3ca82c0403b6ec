package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestNewEvent_hasDataWithoutCarriageReturns(t *testing.T) {
	for data, want := range map[string]string{
		"<p>a</p>":  "<p>a</p>",
		"a\r\nb\rc": "a\nbc",
		"":          "-",
		"\n\n":      "-",
		":x":        ":x",
	} {
		e := newEvent("progress", 1, data)
		require.Equal(t, want, e.data)
		require.NotEmpty(t, e.id)
	}
}

// The wire format, byte by byte, for every kind of event that we send.
func TestStreams_wireFormat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened []string
		s := newStreams(func(id string) { opened = append(opened, id) })
		s.create("1")
		ctx, cut := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/events?stream=2&cluster=prod", nil)
		r.Header.Set("Last-Event-ID", "not a number")
		p := &page{header: http.Header{}}
		var served sync.WaitGroup
		served.Go(func() { s.serve(p, r, "1") })
		synctest.Wait()
		require.Equal(t, []string{"1"}, opened)

		require.True(t, s.offer("1", newEvent("nodes", 1, "7")))
		require.True(t, s.offer("1", newEvent("progress", 2, "<p>\r\n:x\n</p>")))
		require.True(t, s.offer("1", newEvent("done", 3, "")))
		require.True(t, s.offer("1", newComment("still here")))
		synctest.Wait()
		require.Equal(t, strings.Join([]string{
			"id: 1\ndata: 7\nevent: nodes\nretry: 3000\n",
			"id: 2\ndata: <p>\ndata: :x\ndata: </p>\nevent: progress\nretry: 3000\n",
			"id: 3\ndata: -\nevent: done\nretry: 3000\n",
			": still here\n",
		}, "\n")+"\n", p.read())
		require.Equal(t, "text/event-stream", p.header.Get("Content-Type"))
		require.Equal(t, "no-store, no-transform", p.header.Get("Cache-Control"))
		require.Equal(t, "no", p.header.Get("X-Accel-Buffering"))

		cut()
		served.Wait()
		synctest.Wait()
		require.False(t, s.exists("1"))
		require.False(t, s.offer("1", newComment("too late")))
	})
}
