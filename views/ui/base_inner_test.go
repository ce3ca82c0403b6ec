package ui

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// Render knows every attribute with an address that the pages use.
func TestRender_knowsTheAttributes(t *testing.T) {
	address := regexp.MustCompile(`\s((?:hx-(?:get|post|put|patch|delete))|(?:form)?action|href|src\w*|poster|ping)[?]?=`)
	known := map[string]bool{}
	for _, name := range linkAttributes() {
		known[name] = true
	}
	seen := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".templ" {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range address.FindAllStringSubmatch(string(source), -1) {
			seen[m[1]] = true
			require.True(t, known[m[1]], "%s uses %s", path, m[1])
		}
		return err
	})
	require.NoError(t, err)
	require.Greater(t, len(seen), 5)
}
