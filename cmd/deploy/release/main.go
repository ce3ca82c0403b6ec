// Release builds what people install: for linux/amd64 and linux/arm64 an archive with the
// program and the kubectl plugin, packages of both for Debian and RPM, the list of their
// parts as CycloneDX, and the checksums of all. The same commit and version of Go make the
// same bytes.
//
//	release            writes bin/release
//	release -out DIR
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"kube-node-manager/cmd/deploy/program"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	set := flag.NewFlagSet("release", flag.ExitOnError)
	source := set.String("source", "../..", "`directory` of the program's module")
	out := set.String("out", "../../bin/release", "`directory` to write, which is replaced")
	_ = set.Parse(args) // It exits on errors.
	origin, err := program.ReadOrigin(ctx, *source)
	if err != nil {
		return err
	}
	b := builder{origin: origin, source: *source}
	if err := b.build(ctx, *out); err != nil {
		return err
	}
	return list(*out)
}

// list prints what is in a directory.
func list(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return err
		}
		fmt.Printf("%8.2f MB  %s\n", float64(info.Size())/1e6, entry.Name())
	}
	return nil
}
