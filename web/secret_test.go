package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

type secretCommand struct {
	Client Secret `embed:"" prefix:"oidc-client-" set:"secret=client secret of the provider"`
}

// parseSecret parses a command line with one secret.
func parseSecret(t *testing.T, args ...string) Secret {
	t.Helper()
	var c secretCommand
	parser, err := kong.New(&c, kong.DefaultEnvars("KNM"))
	require.NoError(t, err)
	_, err = parser.Parse(args)
	require.NoError(t, err)
	return c.Client
}

func TestSecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	write := func(content string, mode os.FileMode) {
		require.NoError(t, os.WriteFile(file, []byte(content), mode))
		require.NoError(t, os.Chmod(file, mode))
	}
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	read := func(s Secret) string {
		require.True(t, s.IsSet())
		require.NoError(t, s.Check("oidc-client-secret"))
		value, err := s.Read("oidc-client-secret", logger)
		require.NoError(t, err)
		return value
	}
	require.False(t, parseSecret(t).IsSet())
	require.Equal(t, "typed", read(parseSecret(t, "--oidc-client-secret", "typed")))
	for content, want := range map[string]string{"a": "a", "a\n": "a", "a\r\n": "a", "a\n\n": "a\n", " a \n": " a "} {
		write(content, 0o600)
		require.Equal(t, want, read(parseSecret(t, "--oidc-client-secret-file", file)), "%q", content)
	}
	t.Run("from the environment", func(t *testing.T) {
		t.Setenv("KNM_OIDC_CLIENT_SECRET", "text")
		require.Equal(t, "text", read(parseSecret(t)))
		t.Setenv("KNM_OIDC_CLIENT_SECRET", "")
		t.Setenv("KNM_OIDC_CLIENT_SECRET_FILE", file)
		write("a", 0o600)
		require.Equal(t, "a", read(Secret{File: parseSecret(t).File}))
	})
	require.Empty(t, log.String())
	write("a", 0o644)
	read(parseSecret(t, "--oidc-client-secret-file", file))
	require.Contains(t, log.String(), "Everybody on this machine can read")
	require.Contains(t, log.String(), "--oidc-client-secret-file")
}

func TestSecret_wrong(t *testing.T) {
	both := parseSecret(t, "--oidc-client-secret", "a", "--oidc-client-secret-file", "b")
	require.ErrorContains(t, both.Check("oidc-client-secret"), "set only one of them")
	file := filepath.Join(t.TempDir(), "secret")
	_, err := Secret{File: file}.Read("oidc-client-secret", slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "--oidc-client-secret-file")
	require.NoError(t, os.WriteFile(file, []byte("\n"), 0o600))
	_, err = Secret{File: file}.Read("oidc-client-secret", slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "is empty")
}

// However a secret is printed, its text is not shown.
func TestSecret_isNotShown(t *testing.T) {
	const text = "hunter2hunter2"
	s := Secret{Text: text}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("x", "secret", s, "text", s.Text, "pointer", &s)
	}
	encoded, err := json.Marshal(s)
	require.NoError(t, err)
	shown := log.String() + string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, value := range []any{s, &s, s.Text, secretCommand{s}, map[string]Secret{"a": s}} {
			shown += fmt.Sprintf(verb, value)
		}
	}
	require.NotContains(t, shown, text)
	require.NotContains(t, shown, fmt.Sprintf("%x", text))
}
