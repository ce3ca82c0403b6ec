// Release builds what people install: for linux/amd64 and linux/arm64 an archive with the
// program and the kubectl plugin, packages of both for Debian and RPM, the list of their
// parts as CycloneDX, and the checksums of all. The same commit and version of Go make the
// same bytes.
//
//	release                     writes bin/release
//	release -plugins -url URL   writes bin/plugin: the plugin for more platforms, and its manifest
//	                            for krew; URL is where the archives are published
//
// Both take -out DIR.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"kube-node-manager/cmd/deploy/program"
)

func main() { program.Main("release", run) }

func run(ctx context.Context, args []string) error {
	set, source, out := program.Flags("release", "")
	plugins := set.Bool("plugins", false, "write the kubectl plugin for all platforms")
	url := set.String("url", unpublished, "`address` where the archives of the plugin are published")
	_ = set.Parse(args) // It exits on errors.
	origin, err := program.ReadOrigin(ctx, *source)
	if err != nil {
		return err
	}
	b := builder{origin: origin, source: *source}
	if *plugins {
		*out = cmp.Or(*out, "../../bin/plugin")
		err = b.plugins(ctx, *out, cmp.Or(*url, unpublished))
	} else {
		*out = cmp.Or(*out, "../../bin/release")
		err = b.build(ctx, *out)
	}
	if err != nil {
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
