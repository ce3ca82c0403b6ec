package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"kube-node-manager/cmd/deploy/program"
)

const (
	programPath = "/usr/bin/" + program.Server
	sbomPath    = "/usr/share/sbom/" + program.Server + ".cdx.json"
	licencesDir = "/usr/share/licenses/" + program.Server
	dataDir     = "/data"

	// rootsModule has the certificate authorities.
	rootsModule = "golang.org/x/crypto/x509roots/fallback"

	// The user of the program, by number: a cluster that requires users other than root
	// cannot look up names in an image.
	userID = 65532
)

// A file is a file or a directory of the image.
type file struct {
	path    string
	mode    int64
	owner   int // user and group; 0 is root
	content []byte
	dir     bool
}

// baseFiles returns the files that do not change with each version of the program.
func baseFiles(ctx context.Context) ([]file, error) {
	zones, err := zoneFiles(ctx)
	if err != nil {
		return nil, err
	}
	files := []file{
		{path: "/etc/passwd", mode: 0o644, content: fmt.Appendf(nil,
			"root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:%d:%[1]d:nonroot:%s:/sbin/nologin\n", userID, dataDir)},
		{path: "/etc/group", mode: 0o644, content: fmt.Appendf(nil, "root:x:0:\nnonroot:x:%d:\n", userID)},
		{path: "/etc/nsswitch.conf", mode: 0o644, content: []byte("hosts: files dns\n")},
		{path: "/etc/ssl/certs/ca-certificates.crt", mode: 0o644, content: certificates()},
		{path: dataDir, mode: 0o700, owner: userID, dir: true},
		{path: "/tmp", mode: 0o1777, dir: true},
	}
	return append(files, zones...), nil
}

// certificates returns the certificate authorities that Mozilla trusts, as PEM. They come
// from a module of the Go project, and not from this machine, which may have none, others
// or old ones: so go.sum fixes them as it fixes all other code. Left out are authorities
// that are distrusted for certificates issued after a date: PEM cannot say that, and what
// they issued before has expired or soon will.
func certificates() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // A Buffer has no errors.
		}
	}
	return out.Bytes()
}

// zoneFiles returns the time zones that come with Go.
func zoneFiles(ctx context.Context) ([]file, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib/time/zoneinfo.zip"))
	if err != nil {
		return nil, fmt.Errorf("the time zones of this installation of Go: %w", err)
	}
	defer func() { _ = archive.Close() }()
	var files []file
	for _, f := range archive.File {
		if f.FileInfo().IsDir() {
			continue
		}
		content, err := unzip(f)
		if err != nil {
			return nil, err
		}
		files = append(files, file{path: path.Join("/usr/share/zoneinfo", f.Name), mode: 0o644, content: content})
	}
	return files, nil
}

func unzip(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(r)
}

// withParents returns the files with all directories above them, sorted by path.
func withParents(files []file) []file {
	all := map[string]file{}
	for _, f := range files {
		for dir := path.Dir(f.path); dir != "/"; dir = path.Dir(dir) {
			all[dir] = file{path: dir, mode: 0o755, dir: true}
		}
	}
	for _, f := range files {
		all[f.path] = f
	}
	sorted := make([]file, 0, len(all))
	for _, f := range all {
		sorted = append(sorted, f)
	}
	slices.SortFunc(sorted, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return sorted
}

// writeFiles writes the files below a directory. Owners are for the Dockerfile to set.
func writeFiles(root string, files []file) error {
	for _, f := range withParents(files) {
		target := filepath.Join(root, f.path)
		if f.dir {
			if err := os.MkdirAll(target, 0o755); err != nil {
				return err
			}
		} else if err := os.WriteFile(target, f.content, 0o644); err != nil {
			return err
		}
		if err := os.Chmod(target, f.fileMode()); err != nil { // The umask may have changed it.
			return err
		}
	}
	return nil
}

func (f file) fileMode() os.FileMode {
	mode := os.FileMode(f.mode) & os.ModePerm
	if f.mode&0o1000 != 0 {
		mode |= os.ModeSticky
	}
	return mode
}
