package program

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Main runs a command that makes something, until it has or is interrupted, and ends the
// process.
func Main(name string, run func(ctx context.Context, args []string) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}

// Flags returns the flags that all of these commands have: the module of the program, and
// the directory to write.
func Flags(name, out string) (set *flag.FlagSet, source, dir *string) {
	set = flag.NewFlagSet(name, flag.ExitOnError)
	source = set.String("source", "../..", "`directory` of the program's module")
	dir = set.String("out", out, "`directory` to write, which is replaced")
	return set, source, dir
}
