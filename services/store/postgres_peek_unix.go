//go:build unix

package store

import (
	"net"
	"syscall"
)

// hasNews reports whether something has arrived over a connection, or its end. It does not
// wait, and takes nothing from the connection.
func hasNews(conn net.Conn) (news bool) {
	raw, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	access, err := raw.SyscallConn()
	if err != nil {
		return true
	}
	err = access.Control(func(fd uintptr) { // unlike Read, it does not wait for a read that has begun
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		news = err != syscall.EAGAIN && err != syscall.EINTR
	})
	return news || err != nil
}
