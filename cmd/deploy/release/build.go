package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"kube-node-manager/cmd/deploy/program"
)

// A builder makes a release.
type builder struct {
	origin program.Origin
	source string // directory of the program's module

	compiled map[string][]byte // by command and platform

	// For tests: replaces program.Compile.
	compile func(ctx context.Context, command string, p program.Platform) ([]byte, error)
}

// built is what is made once for a platform and is part of archives and packages.
type built struct {
	platform program.Platform
	programs map[string][]byte // by command
	sbom     []byte
	licences []byte
	// completions are what the commands print, by command and shell.
	completions map[string]map[string][]byte
}

// build replaces a directory by one with the release.
func (b *builder) build(ctx context.Context, dir string) error {
	if err := clearRelease(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, p := range program.Platforms() {
		if err := b.buildFor(ctx, dir, p); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	return writeSums(dir)
}

// clearRelease deletes an earlier release, and nothing that is not one.
func clearRelease(dir string) error {
	_, err := os.Stat(filepath.Join(dir, sumsName))
	if err == nil {
		return os.RemoveAll(dir)
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is not an empty directory, and has no release: %w", dir, err)
	}
	return nil
}

func (b *builder) buildFor(ctx context.Context, dir string, p program.Platform) error {
	made, err := b.make(ctx, p)
	if err != nil {
		return err
	}
	if err := b.writeArchive(dir, made); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, b.name(p)+".cdx.json"), made.sbom, 0o644); err != nil {
		return err
	}
	return b.writePackages(dir, made)
}

// name returns the name of an archive and of the directory in it.
func (b *builder) name(p program.Platform) string {
	return fmt.Sprintf("%s-%s-%s-%s", program.Server, b.origin.Version, p.OS, p.Arch)
}

func (b *builder) make(ctx context.Context, p program.Platform) (*built, error) {
	made := &built{platform: p, programs: map[string][]byte{}, completions: map[string]map[string][]byte{}}
	var err error
	for _, command := range []string{program.Server, program.Plugin} {
		made.programs[command], err = b.program(ctx, command, p)
		if err != nil {
			return nil, err
		}
		made.completions[command], err = b.completions(ctx, command)
		if err != nil {
			return nil, err
		}
	}
	made.sbom, err = program.Inventory(b.origin, cdx.ComponentTypeApplication, made.programs)
	if err != nil {
		return nil, err
	}
	made.licences, err = program.Licences(ctx, b.source, p, program.Server, program.Plugin)
	return made, err
}

func (b *builder) program(ctx context.Context, command string, p program.Platform) ([]byte, error) {
	key := command + " " + p.String()
	if made, ok := b.compiled[key]; ok {
		return made, nil
	}
	compile := b.compile
	if compile == nil {
		compile = func(ctx context.Context, command string, p program.Platform) ([]byte, error) {
			return program.Compile(ctx, b.source, command, b.origin.Version, p)
		}
	}
	made, err := compile(ctx, command, p)
	if err != nil {
		return nil, err
	}
	if b.compiled == nil {
		b.compiled = map[string][]byte{}
	}
	b.compiled[key] = made
	return made, nil
}

// completions returns what a command prints for each shell. It is the same on every
// platform, so that of this machine says it.
func (b *builder) completions(ctx context.Context, command string) (map[string][]byte, error) {
	made, err := b.program(ctx, command, program.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH})
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "completion-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, command)
	if err := os.WriteFile(path, made, 0o700); err != nil {
		return nil, err
	}
	printed := map[string][]byte{}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		printed[shell], err = exec.CommandContext(ctx, path, "completion", shell).Output()
		if err != nil {
			return nil, fmt.Errorf("completion of %s for %s: %w", command, shell, err)
		}
	}
	return printed, nil
}
