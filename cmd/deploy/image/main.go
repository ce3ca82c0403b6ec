// Image builds the container image of Kube Node Manager without a container engine:
// for linux/amd64 and linux/arm64, with the program and nothing that it does not need.
// The same commit and version of Go make the same bytes.
//
//	image                          writes bin/image
//	image -push HOST/REPOSITORY    also pushes it, with the credentials of "docker login"
//	image -rootfs DIR              writes the files for one architecture, for the Dockerfile
//
// It writes an OCI layout, which tools such as skopeo and crane copy, an archive for
// each platform, which docker, podman and ctr load, and the list of what is inside.
//
// It is in another module than the program, because packages for registries and charts
// bring hundreds of modules that the program does not need.
package main

import (
	"context"
	"runtime"

	"kube-node-manager/cmd/deploy/program"
)

func main() { program.Main("image", run) }

func run(ctx context.Context, args []string) error {
	set, source, out := program.Flags("image", "../../bin/image")
	push := set.String("push", "", "repository to push to, as in HOST/`REPOSITORY`; the version is the tag")
	rootfs := set.String("rootfs", "", "write the files of the image to this `directory`, and no image")
	arch := set.String("arch", runtime.GOARCH, "`architecture` for -rootfs")
	_ = set.Parse(args) // It exits on errors.
	origin, err := program.ReadOrigin(ctx, *source)
	if err != nil {
		return err
	}
	b := builder{origin: origin, source: *source}
	if *rootfs != "" {
		return b.writeRoot(ctx, *rootfs, program.Platform{OS: "linux", Arch: *arch})
	}
	built, err := b.build(ctx)
	if err != nil {
		return err
	}
	if err := built.write(*out); err != nil {
		return err
	}
	if *push == "" {
		return nil
	}
	return built.push(ctx, *push)
}
