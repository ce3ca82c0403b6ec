package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports below the range that Linux uses for outgoing connections (from 32768). A
// client could take a port of that range after the check and before the component
// listens on it.
const (
	firstPort = 20000
	lastPort  = 32767
)

// freePorts returns n different ports on which nobody listens. It holds all of them
// open until it has found the last one, so that they differ.
func freePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer listener.Close() //nolint:gocritic // They must stay open until the end.
		ports = append(ports, port)
		if len(ports) == n {
			return ports, nil
		}
	}
	return nil, errors.New("no free ports on 127.0.0.1")
}
