package program

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const source = "../../.."

func TestOrigin_time(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	o, err := ReadOrigin(t.Context(), source)
	require.NoError(t, err)
	require.Equal(t, int64(1_700_000_000), o.Created.Unix())
	require.NotEmpty(t, o.Version)

	t.Setenv("SOURCE_DATE_EPOCH", "")
	dir := t.TempDir() // not a repository
	require.NoError(t, os.WriteFile(filepath.Join(dir, "VERSION"), []byte("v1\n"), 0o600))
	o, err = ReadOrigin(t.Context(), dir)
	require.NoError(t, err)
	require.Equal(t, Origin{Version: "v1", Created: time.Unix(0, 0).UTC()}, o)
}

func TestLicences_everyVendoredFile(t *testing.T) {
	all, err := Licences(t.Context(), source, Platform{"linux", runtime.GOARCH}, Server)
	require.NoError(t, err)
	for _, dir := range []string{"vendor", "fonts"} {
		files, err := os.ReadDir(filepath.Join(source, "static", dir))
		require.NoError(t, err)
		for _, f := range files {
			name, _, _ := strings.Cut(f.Name(), "-")
			require.Contains(t, string(all), "\n"+name+"\n", "%s needs its licence beside it", f.Name())
		}
	}
	require.Contains(t, string(all), "\nGo "+strings.TrimPrefix(runtime.Version(), "go")+"\n")
	require.Contains(t, string(all), "\nmodernc.org/sqlite v")

	all, err = Licences(t.Context(), source, Platform{"windows", "amd64"}, Plugin)
	require.NoError(t, err)
	require.Contains(t, string(all), "\ngithub.com/spf13/cobra v")
	require.Contains(t, string(all), "\ngithub.com/inconshreveable/mousetrap v", "on Windows only")
	require.NotContains(t, string(all), "\nmodernc.org/sqlite ", "the plugin has no database")
	require.NotContains(t, string(all), "\nhtmx\n", "and no pages")
}

// Code that a module has copied from elsewhere keeps its own licence, and a text that many
// have is written once.
func TestLicences_belowAModule(t *testing.T) {
	root := t.TempDir()
	write := func(path, content string) {
		file := filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	}
	write("a/LICENSE", "may be used\n")
	write("a/pkg/copied/COPYING.md", "may be copied")
	write("a/pkg/copied/license.go", "package copied")
	write("b/licence.txt", "may be used\r\n")
	all := texts{}
	a, b := filepath.Join(root, "a"), filepath.Join(root, "b")
	require.NoError(t, all.addModule(module{"example.com/a", "v1.0.0", a}, []string{filepath.Join(a, "pkg", "copied")}))
	require.NoError(t, all.addModule(module{"example.com/b", "v2.0.0", b}, []string{b}))
	require.Len(t, all, 2)
	require.Equal(t, []string{"example.com/a v1.0.0", "example.com/b v2.0.0"}, all["may be used"].works)
	require.Equal(t, []string{"example.com/a v1.0.0, pkg/copied"}, all["may be copied"].works)

	write("c/main.go", "package c")
	c := filepath.Join(root, "c")
	require.ErrorContains(t, all.addModule(module{"example.com/c", "v1.0.0", c}, []string{c}), "has no licence")
}
