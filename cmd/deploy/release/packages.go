package main

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // registers the format
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm" // registers the format

	"kube-node-manager/cmd/deploy/program"
)

const (
	// serviceUser is the user as which the service runs; preinstall.sh adds it.
	serviceUser = "kube-node-manager"
	// configDir has the settings of the service. Its group may look inside, so that
	// kubeconfig files and certificates can be there.
	configDir = "/etc/kube-node-manager"
	// packageSources has the unit and what else only packages need.
	packageSources = "docs/deploy/packages"
)

// formats are the kinds of packages.
var formats = []string{"deb", "rpm"}

// writePackages writes the packages of a platform: one for the server, and one for the
// plugin, which belongs on the machines of people.
func (b *builder) writePackages(dir string, made *built) (err error) {
	stage, err := os.MkdirTemp("", "package-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(stage) }()
	for _, format := range formats {
		for _, describe := range []func(string, *built) (*nfpm.Info, []file, error){b.serverPackage, b.pluginPackage} {
			info, contents, err := describe(format, made)
			if err != nil {
				return err
			}
			if err := writePackage(dir, filepath.Join(stage, format, info.Name), format, info, contents); err != nil {
				return err
			}
		}
	}
	return nil
}

// writePackage writes one package. The files are staged, because nfpm reads them from disk.
func writePackage(dir, stage, format string, info *nfpm.Info, contents []file) error {
	for _, f := range contents {
		source := filepath.Join(stage, f.path)
		if err := os.MkdirAll(filepath.Dir(source), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(source, f.content, 0o600); err != nil {
			return err
		}
		info.Contents = append(info.Contents, content(source, f))
	}
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	info = nfpm.WithDefaults(info)
	if err := packager.Package(info, &out); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, packager.ConventionalFileName(info)), out.Bytes(), 0o644)
}

func content(source string, f file) *files.Content {
	c := &files.Content{
		Source: source, Destination: f.path,
		FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: os.FileMode(f.mode)},
	}
	if strings.HasPrefix(f.path, "/etc/") {
		c.Type = files.TypeConfigNoReplace // A change by people survives an upgrade.
	}
	return c
}

// describe returns what both packages have in common.
func (b *builder) describe(name string, made *built) *nfpm.Info {
	return &nfpm.Info{
		Name: name, Arch: made.platform.Arch, Platform: made.platform.OS, Version: b.origin.Version,
		Section: "admin", Priority: "optional", Maintainer: "The authors of Kube Node Manager",
		License: "Apache-2.0", MTime: b.origin.Created, DisableGlobbing: true,
		Overridables: nfpm.Overridables{
			Umask: 0o022,
			RPM:   nfpm.RPM{BuildHost: "localhost"}, // and not that of this machine
		},
	}
}

// serverPackage describes the package of the program, with its service.
func (b *builder) serverPackage(format string, made *built) (*nfpm.Info, []file, error) {
	info := b.describe(program.Server, made)
	info.Description = "Web tool for Kubernetes node maintenance\n" +
		"Cordon, drain, label and taint many nodes across many clusters, with a plan\n" +
		"before, live progress during, and a record after."
	info.Recommends = []string{"ca-certificates"}
	info.Scripts = nfpm.Scripts{
		PreInstall: b.packaged("preinstall.sh"), PostInstall: b.packaged("postinstall.sh"),
		PreRemove: b.packaged("preremove.sh"), PostRemove: b.packaged("postremove.sh"),
	}
	if format == "deb" {
		info.Deb.Predepends = []string{"passwd"} // for preinstall.sh
	} else {
		info.Depends = []string{"shadow-utils"}
	}
	info.Contents = append(info.Contents, &files.Content{
		Destination: configDir, Type: files.TypeDir,
		FileInfo: &files.ContentFileInfo{Owner: "root", Group: serviceUser, Mode: 0o750},
	})
	unit, err := os.ReadFile(b.packaged("kube-node-manager.service"))
	if err != nil {
		return nil, nil, err
	}
	settings, err := os.ReadFile(b.packaged("kube-node-manager.env"))
	if err != nil {
		return nil, nil, err
	}
	contents, err := b.passedOn(info.Name, format, made)
	contents = append(contents,
		file{"/usr/bin/" + program.Server, 0o755, made.programs[program.Server]},
		file{"/usr/lib/systemd/system/kube-node-manager.service", 0o644, unit},
		file{path.Join(configDir, "kube-node-manager.env"), 0o600, settings},
	)
	return info, append(contents, installedCompletions(format, program.Server, made)...), err
}

// packaged returns the path of a file that only packages need.
func (b *builder) packaged(name string) string { return filepath.Join(b.source, packageSources, name) }

// pluginPackage describes the package of the kubectl plugin.
func (b *builder) pluginPackage(format string, made *built) (*nfpm.Info, []file, error) {
	info := b.describe("kubectl-node-mgr", made)
	info.Description = "kubectl plugin of Kube Node Manager\n" +
		"Plans, runs, follows and undoes maintenance of nodes in the terminal."
	complete, err := os.ReadFile(filepath.Join(b.source, completeSource))
	if err != nil {
		return nil, nil, err
	}
	contents, err := b.passedOn(info.Name, format, made)
	contents = append(contents,
		file{"/usr/bin/" + program.Plugin, 0o755, made.programs[program.Plugin]},
		file{"/usr/bin/" + path.Base(completeSource), 0o755, complete},
	)
	return info, append(contents, installedCompletions(format, program.Plugin, made)...), err
}

// installedCompletions returns the completions of a command where shells find them.
func installedCompletions(format, command string, made *built) []file {
	zsh := "/usr/share/zsh/vendor-completions"
	if format == "rpm" {
		zsh = "/usr/share/zsh/site-functions"
	}
	scripts := made.completions[command]
	return []file{
		{"/usr/share/bash-completion/completions/" + command, 0o644, scripts["bash"]},
		{zsh + "/_" + command, 0o644, scripts["zsh"]},
		{"/usr/share/fish/vendor_completions.d/" + command + ".fish", 0o644, scripts["fish"]},
	}
}

// passedOn returns the documents of a package: those for people, licences and parts.
func (b *builder) passedOn(name, format string, made *built) ([]file, error) {
	dir := "/usr/share/doc/" + name
	contents, err := b.documents(dir)
	if err != nil {
		return nil, err
	}
	if format == "deb" {
		own, err := os.ReadFile(filepath.Join(b.source, "LICENSE"))
		if err != nil {
			return nil, err
		}
		contents = append(contents, file{dir + "/copyright", 0o644, own}) // the name that Debian demands
	}
	return append(contents,
		file{dir + "/" + program.LicencesName, 0o644, made.licences},
		file{dir + "/" + program.Server + ".cdx.json", 0o644, made.sbom},
	), nil
}
