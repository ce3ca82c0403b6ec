package handlers

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

func formOfJSON(t *testing.T, body string) (url.Values, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/?q=a", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	err := parseForm(r)
	return r.PostForm, err
}

func TestParseForm_readsJSON(t *testing.T) {
	got, err := formOfJSON(t, `{"node":["a","b"],"all":true,"parallel":1.50,"reason":null,"x":"<y>"}`)
	require.NoError(t, err)
	require.Equal(t, url.Values{"node": {"a", "b"}, "all": {"true"}, "parallel": {"1.50"}, "x": {"<y>"}}, got)
}

func TestParseForm_refusesJSONThatIsNoForm(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":         ``,
		"list":            `["a"]`,
		"text":            `"a"`,
		"cut":             `{"a":"b"`,
		"cut list":        `{"a":["b"`,
		"more after it":   `{"a":"b"} {"c":"d"}`,
		"object inside":   `{"a":{"b":"c"}}`,
		"list in a list":  `{"a":[["b"]]}`,
		"deep":            `{"a":` + strings.Repeat("[", 100_000),
		"too many values": `{"node":[` + strings.Repeat(`"a",`, maxJSONValues) + `"a"]}`,
		"NUL":             `{"a":"\u0000"}`,
		"not UTF-8":       "{\"a\":\"\xff\"}",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := formOfJSON(t, body)
			require.Equal(t, services.CodeInvalid, services.CodeOf(err))
		})
	}
}
