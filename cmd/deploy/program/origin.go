// Package program makes the programs of this repository for a platform, and tells what is
// in them: their modules as CycloneDX, and the licences of these. The image, archives and
// packages are made from it.
package program

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Origin says what something is made from.
type Origin struct {
	Version  string
	Revision string    // the commit, "" if it is unknown
	Created  time.Time // the time of all files
}

// ReadOrigin reads the version and the commit of a source directory. The time is that in
// SOURCE_DATE_EPOCH, or that of the commit. Without either, as in an unpacked archive, it
// is the beginning of 1970, so that the bytes stay the same.
func ReadOrigin(ctx context.Context, source string) (Origin, error) {
	text, err := os.ReadFile(filepath.Join(source, "VERSION"))
	if err != nil {
		return Origin{}, err
	}
	o := Origin{Version: strings.TrimSpace(string(text)), Created: time.Unix(0, 0).UTC()}
	o.Revision = git(ctx, source, "describe", "--always", "--dirty", "--abbrev=40", "--match=")
	seconds := os.Getenv("SOURCE_DATE_EPOCH")
	if seconds == "" {
		seconds = git(ctx, source, "log", "-1", "--format=%ct")
	}
	if seconds == "" {
		return o, nil
	}
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return Origin{}, err
	}
	o.Created = time.Unix(at, 0).UTC()
	return o, nil
}

// git returns the output of a git command, or "" if there is no git or no repository.
func git(ctx context.Context, dir string, args ...string) string {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
