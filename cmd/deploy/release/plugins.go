package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"kube-node-manager/cmd/deploy/program"
)

// pluginPlatforms returns those on which people run kubectl.
func pluginPlatforms() []program.Platform {
	return append(program.Platforms(),
		program.Platform{OS: "darwin", Arch: "amd64"}, program.Platform{OS: "darwin", Arch: "arm64"},
		program.Platform{OS: "windows", Arch: "amd64"})
}

const (
	// manifestSource is the manifest for krew, where plugins fills in what is in capitals.
	manifestSource = "docs/deploy/krew.yaml"
	manifestName   = "node-mgr.yaml"
	// unpublished is where archives are that nobody has published.
	unpublished = "https://example.com/node-mgr"
)

// plugins replaces a directory by one with the archives of the kubectl plugin, their
// checksums, and the manifest for krew. url is where the archives are published.
func (b *builder) plugins(ctx context.Context, dir, url string) error {
	if err := clearRelease(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	manifest, err := os.ReadFile(filepath.Join(b.source, manifestSource))
	if err != nil {
		return err
	}
	filled := strings.NewReplacer("PLUGIN_URL", url, "VERSION", b.origin.Version).Replace(string(manifest))
	for _, p := range pluginPlatforms() {
		sum, err := b.pluginFor(ctx, dir, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		filled = strings.Replace(filled, "SHA256-"+p.OS+"-"+p.Arch+"\n", sum+"\n", 1)
	}
	if err := os.WriteFile(filepath.Join(dir, manifestName), []byte(filled), 0o644); err != nil {
		return err
	}
	return writeSums(dir)
}

// pluginFor writes the archive for a platform, and returns its checksum. krew wants the
// files without a directory around them.
func (b *builder) pluginFor(ctx context.Context, dir string, p program.Platform) (sum string, err error) {
	files, err := b.pluginFiles(ctx, p)
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, fmt.Sprintf("%s-%s-%s-%s.tar.gz", program.Plugin, b.origin.Version, p.OS, p.Arch))
	if err := b.pack(name, "", files); err != nil {
		return "", err
	}
	content, err := os.ReadFile(name)
	return fmt.Sprintf("%x", sha256.Sum256(content)), err
}

func (b *builder) pluginFiles(ctx context.Context, p program.Platform) ([]file, error) {
	made, err := b.program(ctx, program.Plugin, p)
	if err != nil {
		return nil, err
	}
	parts, err := program.Inventory(b.origin, cdx.ComponentTypeApplication, map[string][]byte{program.Plugin: made})
	if err != nil {
		return nil, err
	}
	others, err := program.Licences(ctx, b.source, p, program.Plugin)
	if err != nil {
		return nil, err
	}
	own, err := os.ReadFile(filepath.Join(b.source, "LICENSE"))
	if err != nil {
		return nil, err
	}
	name := program.Plugin
	if p.OS == "windows" {
		name += ".exe"
	}
	files := []file{
		{"LICENSE", 0o644, own},
		{program.LicencesName, 0o644, others},
		{name, 0o755, made},
		{program.Plugin + ".cdx.json", 0o644, parts},
	}
	if p.OS == "windows" { // it is a shell script
		return files, nil
	}
	complete, err := os.ReadFile(filepath.Join(b.source, completeSource))
	return append(files, file{path.Base(completeSource), 0o755, complete}), err
}
