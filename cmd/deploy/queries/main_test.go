package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the chart has is right in itself; whether there are such metrics is tested with
// the program.
func TestRead(t *testing.T) {
	all, err := read("../../../docs/deploy/chart/files")
	require.NoError(t, err)
	for _, q := range all {
		require.NotEmpty(t, q.Selectors, q.Where)
	}
}

func TestRead_refuses(t *testing.T) {
	alert := "groups: [{name: a, rules: [{alert: A, expr: 'up > 0', annotations: {summary: '{{ .X }'}}]}]"
	for words, files := range map[string][2]string{
		"unexpected":         {alert, `{}`},
		"parse error":        {"groups: []", `{"panels":[{"title":"P","targets":[{"expr":"sum by (a"}]}]}`},
		"field alrt not":     {"groups: [{name: a, rules: [{alrt: A}]}]", `{}`},
		"unexpected end of":  {"groups: []", `{`},
		"could not parse ex": {"groups: [{name: a, rules: [{alert: A, expr: 'sum('}]}]", `{}`},
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "alerts.yaml"), []byte(files[0]), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "dashboard.json"), []byte(files[1]), 0o600))
		_, err := read(dir)
		require.ErrorContains(t, err, words)
	}
}
