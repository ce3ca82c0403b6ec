package acceptance

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// firstCells returns the code words in the first column of the tables in one
// chapter of a document.
func firstCells(t testing.TB, document, chapter string) []string {
	t.Helper()
	_, rest, ok := strings.Cut(readDocument(t, document), "\n## "+chapter+"\n")
	require.True(t, ok, "%s has no chapter %s", document, chapter)
	text, _, _ := strings.Cut(rest, "\n## ")
	var out []string
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 || cells[0] != "" {
			continue
		}
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
			out = append(out, m[1])
		}
	}
	return out
}

// The architecture document lists every package, once.
func TestArchitecture_packages(t *testing.T) {
	want := append(slices.Collect(maps.Keys(rooms)), "cmd/devcluster", "cmd/deploy") // modules of their own
	require.ElementsMatch(t, want, firstCells(t, "docs/architecture.md", "Packages"))
}

// It lists every table of the database, once.
func TestArchitecture_tables(t *testing.T) {
	tables := tablesOf(t, "postgres")
	require.ElementsMatch(t, slices.Collect(maps.Keys(tables)), firstCells(t, "docs/architecture.md", "Database"))
	delete(tables, "leadership") // of replicas
	delete(tables, "leadership_term")
	require.Equal(t, tables, tablesOf(t, "sqlite"))
}

// tablesOf returns the tables that the migrations of an engine leave.
func tablesOf(t *testing.T, engine string) map[string]bool {
	t.Helper()
	paths, err := filepath.Glob("../../services/store/migrations/" + engine + "/*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	tables := map[string]bool{}
	change := regexp.MustCompile(`(?im)^\s*(CREATE TABLE|DROP TABLE|ALTER TABLE)` +
		`(?: IF (?:NOT )?EXISTS)? (\w+)(?: RENAME TO (\w+))?`)
	for _, path := range paths { // they are numbered and sorted
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, m := range change.FindAllStringSubmatch(string(text), -1) {
			switch verb := strings.ToUpper(m[1]); {
			case verb == "CREATE TABLE":
				tables[m[2]] = true
			case verb == "DROP TABLE":
				delete(tables, m[2])
			case m[3] != "":
				delete(tables, m[2])
				tables[m[3]] = true
			}
		}
	}
	return tables
}

// The README describes every address once.
func TestReadme_addresses(t *testing.T) {
	seen := map[string]bool{}
	for line := range strings.Lines(readDocument(t, "README.md")) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 || !regexp.MustCompile(`^ (GET|POST)`).MatchString(cells[1]) {
			continue
		}
		method, _, _ := strings.Cut(strings.TrimSpace(cells[1]), " ")
		first := method + " " + regexp.MustCompile("`([^`]+)`").FindStringSubmatch(cells[1])[1]
		require.False(t, seen[first], "%s stands there twice", first)
		seen[first] = true
	}
	require.Greater(t, len(seen), 10)
}
