package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// instructions returns the instructions of the last stage of the Dockerfile by name.
func instructions(t testing.TB) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(source, "docs/deploy/Dockerfile"))
	require.NoError(t, err)
	_, last, ok := strings.Cut(string(text), "\nFROM scratch\n")
	require.True(t, ok)
	all := map[string][]string{}
	for line := range strings.Lines(last) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		require.True(t, ok, line)
		all[name] = append(all[name], value)
	}
	return all
}

func list(t testing.TB, text string) (values []string) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &values))
	return values
}

// The image of the Dockerfile is run as the other one is.
func TestDockerfile_config(t *testing.T) {
	of := instructions(t)
	config := testBuilder(t).config()
	require.Equal(t, []string{config.User}, of["USER"])
	require.Equal(t, config.Env, of["ENV"])
	require.Equal(t, []string{config.WorkingDir}, of["WORKDIR"])
	require.Equal(t, []string{config.StopSignal}, of["STOPSIGNAL"])
	require.Equal(t, config.Entrypoint, list(t, of["ENTRYPOINT"][0]))
	require.Len(t, of["VOLUME"], len(config.Volumes))
	for _, volume := range list(t, of["VOLUME"][0]) {
		require.Contains(t, config.Volumes, volume)
	}
	require.Len(t, of["EXPOSE"], len(config.ExposedPorts))
	require.Contains(t, config.ExposedPorts, of["EXPOSE"][0])
}

// The command of the Dockerfile writes the files of the other image.
func TestDockerfile_files(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, testBuilder(t).writeRoot(t.Context(), root, own))
	written := contents(t, root)
	for path, f := range entries(t, image(t).images[own]) {
		info, err := os.Stat(filepath.Join(root, path))
		require.NoError(t, err)
		require.Equal(t, f.fileMode(), info.Mode()&(os.ModePerm|os.ModeSticky), path)
		if f.dir {
			continue
		}
		require.True(t, string(f.content) == written[path], "%s differs", path)
		delete(written, path)
	}
	require.Empty(t, written)
}
