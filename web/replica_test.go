package web

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A request that no replica takes is answered with what to do, as its sender expects it; and
// where it may have been carried out nevertheless, it is not said to be worth another try.
func TestReplica_unavailable(t *testing.T) {
	app := &App{options: Options{PublicURL: "https://ops.example/nodes"}, log: slog.New(slog.DiscardHandler)}
	r := &replica{app: app}
	r.edge = &edge{options: &app.options, log: app.log, metrics: newMetrics("v0")}
	const none, cut = "No replica of Kube Node Manager", "may have been made, or not"
	for _, tt := range []struct {
		name, method string
		headers      map[string]string
		sent         bool
		says         string
		refresh      string
	}{
		{"page", http.MethodGet, nil, false, none, refreshAfter},
		{"part of a page", http.MethodGet, map[string]string{"HX-Request": "true"}, false, none, ""},
		{"script", http.MethodGet, map[string]string{"Accept": "application/json"}, false, none, ""},
		{"form", http.MethodPost, nil, false, none, ""},
		{"form that was sent", http.MethodPost, nil, true, cut, ""},
		{"button that was pressed", http.MethodPost, map[string]string{"HX-Request": "true"}, true, cut, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			req := httptest.NewRequest(tt.method, "/nodes/clusters", nil)
			for name, value := range tt.headers {
				req.Header.Set(name, value)
			}
			r.unavailable(w, req, tt.sent)
			require.Equal(t, http.StatusServiceUnavailable, w.Code)
			require.Contains(t, w.Body.String(), tt.says)
			require.Equal(t, tt.refresh, w.Header().Get("Refresh"))
			require.Equal(t, tt.sent, w.Header().Get("Retry-After") == "")
			require.NotEmpty(t, w.Header().Get("Content-Security-Policy"))
			if tt.refresh != "" {
				require.Contains(t, w.Body.String(), `href="/nodes/static/`)
				require.Contains(t, w.Body.String(), `href="/nodes/clusters"`, "to try again")
			}
			if tt.headers["HX-Request"] != "" {
				require.Equal(t, "#flash", w.Header().Get("HX-Retarget"))
			}
		})
	}
}

// A request is sent again unless it may have been carried out.
func TestReplica_maySent(t *testing.T) {
	get := httptest.NewRequest(http.MethodGet, "/", nil)
	form := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("a=b"))
	button := httptest.NewRequest(http.MethodPost, "/", nil)
	require.False(t, maySent(get, false, io.EOF))
	require.False(t, maySent(form, false, io.EOF), "nobody has read the form")
	require.True(t, maySent(form, true, io.EOF))
	require.True(t, maySent(button, false, io.EOF), "there is nothing to read")
	require.False(t, maySent(button, false, errIdle))
}
