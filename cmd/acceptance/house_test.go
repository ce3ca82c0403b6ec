package acceptance

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// repository is the path to the root of the repository.
const repository = "../.."

// sources returns the paths of the files with one of the endings, relative to the
// root. Vendored files are left out.
func sources(t testing.TB, endings ...string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(repository, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(entry.Name(), ".") && path != repository
		if entry.IsDir() && (hidden || slices.Contains([]string{"bin", "vendor", "testdata"}, entry.Name())) {
			return fs.SkipDir
		}
		if slices.Contains(endings, filepath.Ext(path)) {
			paths = append(paths, strings.TrimPrefix(filepath.ToSlash(path), repository+"/"))
		}
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	return paths
}

func isGenerated(path string) bool { return strings.HasSuffix(path, "_templ.go") }

func isTest(path string) bool { return strings.HasSuffix(path, "_test.go") }

// isProduct reports whether a file is code of the program, generated or not:
// neither a test, nor support for tests, nor the control plane of tests.
func isProduct(path string) bool {
	support := strings.HasPrefix(path, "cmd/devcluster/") || strings.HasPrefix(path, "views/viewstest/") ||
		strings.HasPrefix(path, "services/kube/kubetest/")
	return !support && !isTest(path)
}

// parse returns the syntax tree of a Go file.
func parse(t testing.TB, path string) (*token.FileSet, *ast.File) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, filepath.Join(repository, path), nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	return set, file
}

const mostColumns = 120

func TestHouse_linesAreShort(t *testing.T) {
	for _, path := range sources(t, ".go", ".css") {
		if isGenerated(path) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(repository, path))
		require.NoError(t, err)
		for i, line := range strings.Split(string(content), "\n") {
			if columns := utf8.RuneCountInString(line); columns > mostColumns {
				t.Errorf("%s:%d has %d columns", path, i+1, columns)
			}
		}
	}
}

// The most lines of a function, from "func" to the closing brace.
const (
	mostInHalf      = 10 // of half of the functions
	mostInNineOfTen = 25 // of nine out of ten
)

func TestHouse_functionsAreShort(t *testing.T) {
	var lengths []int
	for _, path := range sources(t, ".go") {
		if isGenerated(path) || !isProduct(path) {
			continue
		}
		set, file := parse(t, path)
		for _, declared := range file.Decls {
			if f, ok := declared.(*ast.FuncDecl); ok {
				lengths = append(lengths, set.Position(f.End()).Line-set.Position(f.Pos()).Line+1)
			}
		}
	}
	slices.Sort(lengths)
	half, nine := lengths[len(lengths)/2], lengths[len(lengths)*9/10]
	t.Logf("%d functions: half have up to %d lines, nine out of ten up to %d", len(lengths), half, nine)
	require.LessOrEqual(t, half, mostInHalf)
	require.LessOrEqual(t, nine, mostInNineOfTen)
}

// Forms are read into typed values at the edge: no service knows net/url's.
func TestHouse_servicesKnowNoForms(t *testing.T) {
	for _, path := range sources(t, ".go") {
		if !strings.HasPrefix(path, "services/") || !isProduct(path) {
			continue
		}
		set, file := parse(t, path)
		ast.Inspect(file, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			of, ok := selector.X.(*ast.Ident)
			if ok && slices.Contains([]string{"url.Values", "form.Get", "form.Has"}, of.Name+"."+selector.Sel.Name) {
				t.Errorf("%s uses %s.%s", set.Position(n.Pos()), of.Name, selector.Sel.Name)
			}
			return true
		})
	}
}

// otherMeanings are words that are names of operations and of something else, with
// the files that may spell them.
func otherMeanings() map[string][]string {
	return map[string][]string{
		// A field of forms and filters, and a style.
		"label": {
			"handlers/api_fields.go", "handlers/api_people.go", "handlers/batches_create.go", "handlers/editors.go",
			"handlers/nodes_list.go", "handlers/tokens.go",
			"services/account/names.go", "services/node/suggest.go", "services/node/table.go", "services/node/terms.go",
			"views/nodes/find.go",
			"views/nodes/find_templ.go", "views/people/tokens_templ.go", "views/ui/url.go", "web/admin.go",
		},
		"taint": {
			"handlers/api_fields.go", "handlers/batches_create.go", "handlers/editors.go", "handlers/nodes_list.go",
			"services/node/suggest.go", "services/node/table.go", "services/node/terms.go",
			"views/nodes/edit_templ.go", "views/nodes/fleet_templ.go",
			"views/nodes/find.go",
			"views/nodes/find_templ.go",
			"views/nodes/overview_templ.go",
			"views/nodes/row_templ.go", "views/templates/page_templ.go", "views/ui/taints_templ.go", "views/ui/url.go",
		},
		// A permission, and a part of the style sheet.
		"drain": {"services/actor.go", "static/embed.go"},
	}
}

// Only package operation spells the names of operations: a new one is one file.
func TestHouse_operationsAreNamedInOnePlace(t *testing.T) {
	names := []string{"cordon", "uncordon", "drain", "label", "taint", "copy-taints", "undo", "delete-pod", "annotate"}
	unused := otherMeanings()
	for _, path := range sources(t, ".go") {
		// The plugin is a client: the names are a part of its command line.
		apart := strings.HasPrefix(path, "services/operation/") || strings.HasPrefix(path, "cmd/kubectl-node_mgr/")
		if apart || !isProduct(path) {
			continue
		}
		for _, word := range literals(t, path) {
			if !slices.Contains(names, word) {
				continue
			}
			allowed := slices.Contains(otherMeanings()[word], path)
			require.True(t, allowed, "%s spells the name of the operation %q", path, word)
			unused[word] = slices.DeleteFunc(unused[word], func(file string) bool { return file == path })
		}
	}
	for word := range maps.Keys(unused) {
		require.Empty(t, unused[word], "they do not spell %q any more", word)
	}
}

// literals returns the string literals of a Go file.
func literals(t testing.TB, path string) []string {
	t.Helper()
	var words []string
	_, file := parse(t, path)
	ast.Inspect(file, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			word, err := strconv.Unquote(literal.Value)
			require.NoError(t, err)
			words = append(words, word)
		}
		return true
	})
	return words
}
