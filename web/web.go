// Package web is the edge: it starts and stops the program, routes requests,
// knows who asks, and turns errors into answers. Its order is
//
//	Options → New → Start → (requests) → Stop
//
// or Run, which does all of it until its context ends. A request passes the
// middleware of router.go from the outside to the inside, reaches one handler,
// and comes back as an answer or as an error; errors.go is the only place that
// gives an error its status, its words and its line in the log.
//
// Nothing in here knows how a node is cordoned, and nothing outside knows of
// cookies, of HTTP statuses for errors, or of the order in which things stop.
package web
