package static_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/static"
)

func TestVendored_unchanged(t *testing.T) {
	for name, want := range map[string]string{
		"vendor/htmx-2.0.11.min.js":     "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
		"vendor/idiomorph-0.8.0.min.js": "5811b9a7eda14878b7dab4378bf60432e1bb6f11fcfb970cc26540642650181e",
		"fonts/inter-latin.woff2":       "3100e775e8616cd2611beecfa23a4263d7037586789b43f035236a2e6fbd4c62",
	} {
		body, err := static.ReadFile(name)
		require.NoError(t, err)
		sum := sha256.Sum256(body)
		require.Equal(t, want, hex.EncodeToString(sum[:]), name)
	}
	for _, name := range []string{"vendor/htmx-LICENSE.txt", "vendor/idiomorph-LICENSE.txt", "fonts/inter-OFL.txt"} {
		body, err := static.ReadFile(name)
		require.NoError(t, err)
		require.NotEmpty(t, body)
	}
}

func TestHandler(t *testing.T) {
	const forever, never = "public, max-age=31536000, immutable", "no-cache"
	tests := []struct {
		name, method, path string
		status             int
		kind, cache        string
	}{
		{"css", "GET", static.URL("app.css"), 200, "text/css; charset=utf-8", forever},
		{"js", "GET", static.URL("app.js"), 200, "text/javascript; charset=utf-8", forever},
		{"htmx", "HEAD", static.URL("vendor/htmx-2.0.11.min.js"), 200, "text/javascript; charset=utf-8", forever},
		{"font", "GET", static.URL("fonts/inter-latin.woff2"), 200, "font/woff2", forever},
		{"icon", "GET", static.URL("favicon.svg"), 200, "image/svg+xml", forever},
		{"licence", "GET", static.URL("fonts/inter-OFL.txt"), 200, "text/plain; charset=utf-8", forever},
		{"old checksum", "GET", "/static/0/app.css", 200, "text/css; charset=utf-8", never},
		{"directory", "GET", static.URL("fonts"), 404, "", ""},
		{"directory, slash", "GET", static.URL("fonts/"), 404, "", ""},
		{"root", "GET", "/static/", 404, "", ""},
		{"outside", "GET", "/static/0/../embed.go", 404, "", ""},
		{"source", "GET", static.URL("embed.go"), 404, "", ""},
		{"part of app.css", "GET", static.URL("css/base.css"), 404, "", ""},
		{"post", "POST", static.URL("app.css"), 405, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			static.Handler().ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))
			require.Equal(t, tt.status, w.Code)
			if tt.status == http.StatusOK {
				require.Equal(t, tt.kind, w.Header().Get("Content-Type"))
				require.Equal(t, tt.cache, w.Header().Get("Cache-Control"))
			}
		})
	}
}

func TestHandler_revalidates(t *testing.T) {
	w := httptest.NewRecorder()
	static.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/static/0/app.css", nil))
	r := httptest.NewRequest("GET", "/static/0/app.css", nil)
	r.Header.Set("If-None-Match", w.Header().Get("ETag"))
	w = httptest.NewRecorder()
	static.Handler().ServeHTTP(w, r)
	require.Equal(t, http.StatusNotModified, w.Code)
}

// Every file of the directory css is a part of app.css.
func TestStylesheet_isComplete(t *testing.T) {
	css, err := static.ReadFile("app.css")
	require.NoError(t, err)
	parts, err := filepath.Glob(filepath.Join("css", "*.css"))
	require.NoError(t, err)
	length := 0
	for _, name := range parts {
		part, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Contains(t, string(css), string(part), name)
		length += len(part)
	}
	require.Len(t, css, length)
}

// The content security policy allows only files of this program, and no eval.
func TestAssets_keepThePolicy(t *testing.T) {
	css, err := static.ReadFile("app.css")
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`url\("?([^")]+)"?\)`).FindAllStringSubmatch(string(css), -1) {
		_, err := static.ReadFile(m[1])
		require.NoError(t, err, "app.css refers to %s", m[1])
	}
	for name, lines := range map[string]int{
		"app.js": 275, "find.js": 160, "names.js": 100, "keys.js": 125, "login.js": 120, "menu.js": 90, "told.js": 75,
	} {
		js, err := static.ReadFile(name)
		require.NoError(t, err)
		require.NotRegexp(t, `\beval\(|new Function|innerHTML\s*=|document\.write|https?://`, string(js))
		require.LessOrEqual(t, strings.Count(string(js), "\n"), lines, "%s stays small", name)
	}
}
