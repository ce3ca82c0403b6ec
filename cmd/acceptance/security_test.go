package acceptance

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// asvsRequirements is the number of requirements of levels 1 and 2 in ASVS 5.0,
// without those of V17.
const asvsRequirements = 246

// The security document has each requirement once, and names only tests that
// exist.
func TestSecurity_requirements(t *testing.T) {
	number := regexp.MustCompile(`V\d+\.\d+\.\d+`)
	seen := map[string]bool{}
	tests := testNames(t)
	for line := range strings.Lines(readDocument(t, "docs/security.md")) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || !number.MatchString(cells[1]) {
			continue
		}
		for _, requirement := range number.FindAllString(cells[1], -1) {
			require.False(t, seen[requirement], "%s is there twice", requirement)
			seen[requirement] = true
		}
		if len(cells) == 4 { // it does not apply
			continue
		}
		require.Contains(t, []string{"met", "partly", "gap"}, strings.TrimSpace(cells[2]), line)
		for _, m := range regexp.MustCompile("`(Test[^`]+)`").FindAllStringSubmatch(cells[4], -1) {
			require.True(t, tests[m[1]], "%s: there is no %s", cells[1], m[1])
		}
	}
	require.Len(t, seen, asvsRequirements)
}

// testNames returns the names of all tests.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, path := range slices.DeleteFunc(sources(t, ".go"), func(path string) bool { return !isTest(path) }) {
		content, err := os.ReadFile(filepath.Join(repository, path))
		require.NoError(t, err)
		for _, m := range declared.FindAllStringSubmatch(string(content), -1) {
			names[m[1]] = true
		}
	}
	return names
}
