// Package web is the edge of the program: it starts and stops it, routes and authenticates
// requests, and turns errors into responses. It is used in the order
//
//	Options → New → Start → (requests) → Stop
//
// or by Run, which does all of it until its context ends.
//
// A request passes the middleware in the order of router.go and reaches one handler,
// which writes a response or returns an error. The file errors.go is the only place
// that decides the status, the text and the log line of an error.
//
// This package knows nothing of nodes. No other package knows of cookies, of the HTTP
// statuses of errors, or of the order in which the program stops.
package web
