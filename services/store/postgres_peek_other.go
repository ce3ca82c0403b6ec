//go:build !unix

package store

import "net"

// hasNews reports whether something has arrived over a connection, where that can be found
// out without a wait.
func hasNews(net.Conn) bool { return false }
