// Command kubectl-node_mgr is a plugin of kubectl and a client of the program's HTTP API.
// It holds the command line and what a terminal shows; plans and batches are the server's.
// docs/kubectl.md has its commands, flags and exit codes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/term"
)

// version is set by the build: -ldflags "-X main.version=1.2.3".
var version = "development"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the default action is restored: a second one ends the plugin
	// at once.
	context.AfterFunc(ctx, stop)
	s := streams{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv}
	s.asks = term.IsTerminal(int(os.Stdin.Fd()))
	s.redraws = term.IsTerminal(int(os.Stdout.Fd()))
	s.open = func(address string) error { return openBrowser(runtime.GOOS, s.env, address) }
	s.width = func() int {
		width, _, err := term.GetSize(int(os.Stdout.Fd()))
		if err != nil {
			return 80
		}
		return width
	}
	os.Exit(run(ctx, os.Args[1:], s))
}

// streams are the standard streams and the environment. Tests replace them.
type streams struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) string
	asks     bool                       // in is a terminal: somebody can answer
	redraws  bool                       // out is a terminal: lines can be replaced
	width    func() int                 // of that terminal, in columns
	open     func(address string) error // shows a page in the browser
}

// run executes the command line and returns the exit code.
func run(ctx context.Context, args []string, s streams) int {
	a := &app{streams: s}
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	err := root.ExecuteContext(ctx)
	if err != nil && err.Error() != "" {
		_, _ = fmt.Fprintln(s.err, "error:", err)
	}
	return codeOf(err)
}

// The exit codes.
const (
	exitDone        = 0
	exitFailed      = 1   // the batch has ended, and not all nodes succeeded
	exitRefused     = 2   // wrong command line, or refused; nothing was started
	exitWaits       = 3   // the batch waits for a person or for its time
	exitUnreachable = 4   // the server did not answer, or could not
	exitInterrupted = 130 // by Ctrl-C; a batch that was started goes on
)

// An exit is an error that has an exit code. Its text may be empty, if all has been said.
type exit struct {
	code int
	text string
}

// Error returns the text.
func (e *exit) Error() string { return e.text }

func refuse(format string, args ...any) error {
	return &exit{exitRefused, fmt.Sprintf(format, args...)}
}

func codeOf(err error) int {
	var own *exit
	var said *problem
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &own):
		return own.code
	case errors.As(err, &said) && said.passes():
		return exitUnreachable
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, errNoAnswer):
		return exitUnreachable
	default:
		return exitRefused
	}
}
