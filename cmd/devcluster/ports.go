package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports below the range that Linux hands out to outgoing connections (from
// 32768): a port from that range could be taken by any client between our
// check and the component's bind.
const (
	firstPort = 20000
	lastPort  = 32767
)

// freePorts finds n different ports that nobody listens on at the moment. All
// are held open until the last is found, so that they differ.
func freePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer listener.Close() //nolint:gocritic // Closing them at the end is the point.
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, errors.New("no free ports on 127.0.0.1")
}
