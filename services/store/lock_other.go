//go:build !unix

package store

import "os"

// hasModes says whether files have separate permissions for their owner and for
// others.
const hasModes = false

// lock does nothing: the program is meant for Unix. It builds on other systems
// only so that it can be tried out there.
func lock(*os.File) error { return nil }
