// Package static contains the assets (CSS, JavaScript, icons, the font and the
// vendored htmx) and serves them under URLs that contain their checksum. It imports
// no other package of this project.
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

//go:embed css app.js copy.js find.js follow.js names.js keys.js login.js menu.js told.js favicon.svg fonts vendor
var files embed.FS

// stylesheet is the name of the asset that consists of all parts.
const stylesheet = "app.css"

// parts returns the files of the stylesheet in the order of the cascade: of two
// rules for the same property in one layer, the later one applies.
func parts() []string {
	return []string{
		"tokens", "base", "layout",
		"controls", "nodes", "table", "panels", "forms", "phone",
		"utilities",
		"drain", "templates", "edit", "diff", "audit", "batches", "history", "selection", "people",
		"clusters", "api", "node", "fleet", "groups", "every", "menu", "columns",
		"rules", "schedule",
		"print",
	}
}

// joined is the content of the stylesheet. Every page needs most of it, so it is
// one file: one request.
var joined = sync.OnceValue(func() []byte {
	var out bytes.Buffer
	for _, name := range parts() {
		part, err := files.ReadFile("css/" + name + ".css")
		if err != nil {
			panic("static: " + err.Error()) // a mistake in parts
		}
		out.Write(part)
	}
	return out.Bytes()
})

// ReadFile returns the content of an asset. For unknown names, directories and the
// parts of app.css the error is fs.ErrNotExist.
func ReadFile(name string) ([]byte, error) {
	if name == stylesheet {
		return joined(), nil
	}
	body, err := files.ReadFile(name)
	if err != nil || path.Dir(name) == "css" {
		return nil, fs.ErrNotExist
	}
	return body, nil
}

// Root is the path below which Handler serves.
const Root = "/static/"

// checksum covers all assets together. It is not a checksum of each asset, because
// app.css refers to its font relative to itself, so both need the same checksum in
// their URLs.
var checksum = sync.OnceValue(func() string {
	sum := sha256.New()
	sum.Write(joined())
	// Walking an embedded file system cannot fail. Its order is always the same.
	_ = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := files.ReadFile(name)
		sum.Write([]byte(name))
		sum.Write(body)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil))[:12]
})

// URL returns the URL of an asset, such as "/static/<checksum>/app.css". It changes
// with any asset, so browsers may cache assets for a year.
func URL(name string) string { return Root + checksum() + "/" + name }

// Handler serves GET and HEAD requests for /static/{checksum}/{name}. With another
// checksum, as in a page from before an upgrade, it serves the current asset but
// does not let browsers cache it.
func Handler() http.Handler { return http.HandlerFunc(serve) }

func serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	sum, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, Root), "/")
	body, err := ReadFile(name)
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

// contentType does not use package mime, which needs a file mime.types that the
// container does not have.
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
