package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"kube-node-manager/cmd/deploy/program"
)

// A file is a file of an archive or package.
type file struct {
	path    string
	mode    int64
	content []byte
}

// archived returns the files of an archive, below its directory.
func (b *builder) archived(made *built) ([]file, error) {
	files, err := b.documents("")
	if err != nil {
		return nil, err
	}
	complete, err := os.ReadFile(filepath.Join(b.source, completeSource))
	if err != nil {
		return nil, err
	}
	files = append(files,
		file{program.Server, 0o755, made.programs[program.Server]},
		file{program.Plugin, 0o755, made.programs[program.Plugin]},
		file{path.Base(completeSource), 0o755, complete},
		file{program.LicencesName, 0o644, made.licences},
		file{program.Server + ".cdx.json", 0o644, made.sbom},
	)
	for command, scripts := range made.completions {
		for shell, content := range scripts {
			files = append(files, file{"completions/" + command + "." + shell, 0o644, content})
		}
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return files, nil
}

// completeSource is the program by which kubectl completes the words of the plugin.
const completeSource = "cmd/kubectl-node_mgr/kubectl_complete-node_mgr"

// documents returns the texts for people, below a directory: README files, licence and
// documents in Markdown.
func (b *builder) documents(dir string) ([]file, error) {
	var files []file
	for _, pattern := range []string{"LICENSE", "README*.md", "docs/*.md", "docs/deploy/*.md"} {
		found, err := filepath.Glob(filepath.Join(b.source, pattern))
		if err != nil {
			return nil, err
		}
		for _, name := range found {
			content, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			name, err = filepath.Rel(b.source, name)
			if err != nil {
				return nil, err
			}
			files = append(files, file{path.Join(dir, filepath.ToSlash(name)), 0o644, content})
		}
	}
	return files, nil
}

// writeArchive writes the archive of a platform.
func (b *builder) writeArchive(dir string, made *built) error {
	files, err := b.archived(made)
	if err != nil {
		return err
	}
	name := b.name(made.platform)
	return b.pack(filepath.Join(dir, name+".tar.gz"), name, files)
}

// pack writes files into an archive, below a directory in it.
func (b *builder) pack(name, below string, files []file) (err error) {
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	packed, err := gzip.NewWriterLevel(out, gzip.BestCompression) // Its header has no name and no time.
	if err != nil {
		return err
	}
	archive := tar.NewWriter(packed)
	for _, f := range files {
		if err := b.add(archive, path.Join(below, f.path), f); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), packed.Close())
}

func (b *builder) add(archive *tar.Writer, name string, f file) error {
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: f.mode, Size: int64(len(f.content)),
		ModTime: b.origin.Created, Format: tar.FormatPAX,
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := archive.Write(f.content)
	return err
}
