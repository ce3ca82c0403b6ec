package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// origin says what an image is made from.
type origin struct {
	version  string
	revision string    // the commit, "" if it is unknown
	created  time.Time // the time of all files
}

// readOrigin reads the version and the commit of a source directory. The time is that in
// SOURCE_DATE_EPOCH, or that of the commit. Without either, as in an unpacked archive, it
// is the beginning of 1970, so that the bytes stay the same.
func readOrigin(ctx context.Context, source string) (origin, error) {
	text, err := os.ReadFile(filepath.Join(source, "VERSION"))
	if err != nil {
		return origin{}, err
	}
	o := origin{version: strings.TrimSpace(string(text)), created: time.Unix(0, 0).UTC()}
	o.revision = git(ctx, source, "describe", "--always", "--dirty", "--abbrev=40", "--match=")
	seconds := os.Getenv("SOURCE_DATE_EPOCH")
	if seconds == "" {
		seconds = git(ctx, source, "log", "-1", "--format=%ct")
	}
	if seconds == "" {
		return o, nil
	}
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return origin{}, err
	}
	o.created = time.Unix(at, 0).UTC()
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
