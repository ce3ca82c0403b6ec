package services_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

func TestFieldErrors(t *testing.T) {
	var wrong services.FieldErrors
	require.NoError(t, wrong.Err())
	wrong.Append(nil)
	wrong.Append(context.Canceled)
	require.NoError(t, wrong.Err(), "an error without fields adds nothing")

	wrong.Add("name", "error_long", "Max", 5)
	wrong.Append(services.Invalid("role", "error_no_role"))
	require.True(t, wrong.Has("name"))
	require.False(t, wrong.Has("code"))
	err := services.AsError(wrong.Err())
	require.Equal(t, services.CodeInvalid, err.Code)
	require.Equal(t, []services.FieldError{
		{Field: "name", Text: "error_long", Args: map[string]any{"Max": 5}},
		{Field: "role", Text: "error_no_role"},
	}, err.Fields)
}

func TestClip(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"empty":         {"", ""},
		"short":         {`a "quoted" 词\`, `a "quoted" 词\`},
		"80":            {strings.Repeat("词", 80), strings.Repeat("词", 80)},
		"81":            {strings.Repeat("词", 81), strings.Repeat("词", 80) + "…"},
		"not UTF-8":     {"a\xffb", "a\uFFFDb"},
		"line ends":     {"a\r\nb\x00", "a\uFFFD\uFFFDb\uFFFD"},
		"right to left": {"a\u202Eb", "a\uFFFDb"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, services.Clip(tt.in))
		})
	}
}
