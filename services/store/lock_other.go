//go:build !unix

package store

import "os"

// hasRights says that files have rights for their owner and for others.
const hasRights = false

// lock does nothing here: the server runs on Unix, other systems build it to
// try it out.
func lock(*os.File) error { return nil }
