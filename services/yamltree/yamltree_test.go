package yamltree_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/yamltree"
)

var limits = yamltree.Limits{Field: "text", Bytes: 4096, Marks: 200, Depth: 4, Scalar: 1024}

func TestParse(t *testing.T) {
	root, err := yamltree.Parse("a: 1\nb: [x]\n", limits)
	require.NoError(t, err)
	var keys []string
	for key, value := range yamltree.Pairs(root) {
		keys = append(keys, key.Value+" "+value.Value)
	}
	require.Equal(t, []string{"a 1", "b "}, keys)
	root, err = yamltree.Parse("# nothing\n", limits)
	require.NoError(t, err)
	require.Nil(t, root)
	for range yamltree.Pairs(nil) {
		t.Fatal("nothing has no keys")
	}
}

func TestParse_refusals(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "error_yaml_none",
		strings.Repeat("x", 4097):  "error_yaml_large",
		"\xff":                     "error_text",
		strings.Repeat("-\n", 300): "error_yaml_parts",
		"a: &x 1":                  "error_yaml_alias",
		"a: &x 1\nb: *x":           "error_yaml_alias",
		"a: &x 1\n*x : 2":          "error_yaml_alias",
		"a: *x":                    "error_yaml_anchor",
		"<<: {a: b}":               "error_yaml_merge",
		"a: 1\na: 2":               "error_yaml_twice",
		"a: 1\n---\nb: 2":          "error_yaml_many",
		"[[[[[[1]]]]]]":            "error_yaml_deep",
		strings.Repeat("x", 1025):  "error_yaml_long",
		"? [a]\n: b":               "error_yaml_line",
		"a: [":                     "error_yaml_line",
	} {
		_, err := yamltree.Parse(text, limits)
		require.Equal(t, services.CodeInvalid, services.CodeOf(err), text)
		require.Equal(t, services.FieldError{
			Field: "text", Text: want, Args: services.AsError(err).Fields[0].Args,
		}, services.AsError(err).Fields[0], text)
	}
}
