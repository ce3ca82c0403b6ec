package program

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// LicencesName is the name of the file with the result of Licences.
const LicencesName = "THIRD-PARTY-LICENSES.txt"

// licenceName matches the names of files with a licence or what it asks to pass on.
var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|copyright|notice|patents|unlicense)(\W.*)?$`)

// vendoredName matches those of the scripts and fonts in static, which have the name of
// their work in front.
var vendoredName = regexp.MustCompile(`(?i)-(licen[cs]e|ofl)\.txt$`)

// A text is that of one or more licences, with the works to which it applies.
type text struct {
	body  string
	works []string
}

// texts collects licences. Works often have the same one; it is written once.
type texts map[string]*text

// Licences returns the texts of the licences of all that is in the commands: the modules
// whose packages are compiled into them for the platform, Go, and for the server the
// scripts and fonts of the pages. A module without a licence is an error, because it could not be passed on.
func Licences(ctx context.Context, source string, p Platform, commands ...string) ([]byte, error) {
	all := texts{}
	if err := all.addGo(ctx); err != nil {
		return nil, err
	}
	packages, err := compiled(ctx, source, p, commands)
	if err != nil {
		return nil, err
	}
	for module, dirs := range packages {
		if err := all.addModule(module, dirs); err != nil {
			return nil, err
		}
	}
	if slices.Contains(commands, Server) {
		err = all.addVendored(filepath.Join(source, "static"))
	}
	return all.write(), err
}

// module is one of those that Go lists.
type module struct{ Path, Version, Dir string }

// compiled returns the directories of the packages of other modules in the commands.
func compiled(ctx context.Context, source string, p Platform, commands []string) (map[module][]string, error) {
	args := []string{"list", "-deps", "-json=Dir,Module"}
	for _, command := range commands {
		args = append(args, "./cmd/"+command)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = source, p.environment()
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the packages for %s: %w", p, err)
	}
	packages := map[module][]string{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var listed struct {
			Dir    string
			Module *struct {
				module
				Main bool
			}
		}
		err := decoder.Decode(&listed)
		if errors.Is(err, io.EOF) {
			return packages, nil
		}
		if err != nil {
			return nil, err
		}
		if m := listed.Module; m != nil && !m.Main { // Packages of Go have no module.
			packages[m.module] = append(packages[m.module], listed.Dir)
		}
	}
}

// addModule adds the licences in the directories of packages and in those above them, up
// to that of their module: code that was copied into a module can have another licence.
func (t texts) addModule(m module, dirs []string) error {
	visited := map[string]bool{}
	found := false
	for _, dir := range dirs {
		for ; !visited[dir] && len(dir) >= len(m.Dir); dir = filepath.Dir(dir) {
			visited[dir] = true
			n, err := t.addDir(dir, licenceName, m.Path+" "+m.Version+below(m.Dir, dir))
			if err != nil {
				return err
			}
			found = found || n > 0
		}
	}
	if !found {
		return fmt.Errorf("%s %s has no licence in %s", m.Path, m.Version, m.Dir)
	}
	return nil
}

// below returns how a directory in a module is named after it.
func below(root, dir string) string {
	path, err := filepath.Rel(root, dir)
	if err != nil || path == "." {
		return ""
	}
	return ", " + filepath.ToSlash(path)
}

// addDir adds the licences in a directory, and returns their number.
func (t texts) addDir(dir string, name *regexp.Regexp, work string) (n int, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		if entry.IsDir() || !name.MatchString(entry.Name()) || strings.HasSuffix(entry.Name(), ".go") {
			continue
		}
		body, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return n, err
		}
		t.add(string(body), work)
		n++
	}
	return n, nil
}

func (t texts) add(body, work string) {
	body = strings.TrimSpace(strings.ReplaceAll(body, "\r\n", "\n"))
	if t[body] == nil {
		t[body] = &text{body: body}
	}
	if !slices.Contains(t[body].works, work) {
		t[body].works = append(t[body].works, work)
	}
}

// addGo adds the licence of the standard library and the runtime.
func (t texts) addGo(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT", "GOVERSION").Output()
	if err != nil {
		return err
	}
	root, version, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	n, err := t.addDir(root, licenceName, "Go "+strings.TrimPrefix(version, "go"))
	if err == nil && n == 0 {
		err = fmt.Errorf("this installation of Go has no licence in %s", root)
	}
	return err
}

// addVendored adds the licences of what the pages contain that others wrote.
func (t texts) addVendored(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !vendoredName.MatchString(entry.Name()) {
			return err
		}
		body, err := os.ReadFile(path)
		t.add(string(body), vendoredName.ReplaceAllString(entry.Name(), ""))
		return err
	})
}

// write returns the texts, each below the works to which it applies.
func (t texts) write() []byte {
	sorted := make([]*text, 0, len(t))
	for _, one := range t {
		slices.Sort(one.works)
		sorted = append(sorted, one)
	}
	slices.SortFunc(sorted, func(a, b *text) int {
		if order := slices.Compare(a.works, b.works); order != 0 {
			return order
		}
		return strings.Compare(a.body, b.body)
	})
	var out bytes.Buffer
	out.WriteString("Kube Node Manager has the licence in the file LICENSE.\n" +
		"It contains the works below, each with the licence that follows it.\n")
	for _, one := range sorted {
		rule := strings.Repeat("=", 80)
		fmt.Fprintf(&out, "\n%s\n%s\n%s\n\n%s\n", rule, strings.Join(one.works, "\n"), rule, one.body)
	}
	return out.Bytes()
}
