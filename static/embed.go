// Package static holds the embedded assets (css, js, icons, the font and the
// vendored htmx) and serves them under addresses that carry their checksum. It
// imports nothing of ours.
package static

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

// FS holds the assets by the names that URL takes.
//
//go:embed app.css app.js follow.js login.js favicon.svg fonts vendor
var FS embed.FS

// Root is the path below which Handler serves.
const Root = "/static/"

// checksum is of all assets together, not of each: app.css names its font
// relative to itself, so that both must stand under the same address.
var checksum = sync.OnceValue(func() string {
	sum := sha256.New()
	// The walk is over an embedded file system, in lexical order; it cannot fail.
	_ = fs.WalkDir(FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := FS.ReadFile(name)
		sum.Write([]byte(name))
		sum.Write(body)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil))[:12]
})

// URL gives the address of an asset: "/static/<checksum>/app.css". It changes
// with any asset, so that browsers may keep what they have for a year.
func URL(name string) string { return Root + checksum() + "/" + name }

// Handler serves GET and HEAD of /static/{checksum}/{name}. An address with
// another checksum (a page from before an upgrade) is served too, but not kept.
func Handler() http.Handler { return http.HandlerFunc(serve) }

func serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	sum, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, Root), "/")
	body, err := FS.ReadFile(name) // a directory cannot be read: no listing
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", cacheControl(sum))
	w.Header().Set("Content-Type", contentType(name))
	w.Header().Set("ETag", `"`+checksum()+`"`)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
}

func cacheControl(sum string) string {
	if sum == checksum() {
		return "public, max-age=31536000, immutable"
	}
	return "no-cache"
}

// contentType names the types itself: the container has no mime.types.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	default:
		return "text/plain; charset=utf-8"
	}
}
