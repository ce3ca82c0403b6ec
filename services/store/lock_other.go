//go:build !unix

package store

import "os"

// lock does nothing here: the server runs on Unix, other systems build it to
// try it out.
func lock(*os.File) error { return nil }
