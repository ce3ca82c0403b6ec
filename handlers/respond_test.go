package handlers

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

func TestWantsJSON(t *testing.T) {
	tests := []struct {
		accept string
		want   bool
	}{
		{"", false},
		{"*/*", false},
		{"application/json", true},
		{"application/json; charset=utf-8", true},
		{"application/json, text/plain, */*", true},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false},
		{"text/html;q=0.5, application/json", true},
		{"application/json;q=0.5, text/html", false},
		{"application/json;q=0", false},
		{"application/json;q=x", false},
		{"text/event-stream", false},
		{";;;,,,", false},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept", tt.accept)
		require.Equal(t, tt.want, wantsJSON(r), tt.accept)
	}
}

func TestLocalPath(t *testing.T) {
	for next, want := range map[string]string{
		"":                              "/",
		"/":                             "/",
		"/clusters":                     "/clusters",
		"/clusters/a%2Fb/nodes?q=1&x=2": "/clusters/a%2Fb/nodes?q=1&x=2",
		"/batches#x":                    "/batches",
		"clusters":                      "/",
		"https://evil.example":          "/",
		"//evil.example":                "/",
		"///evil.example":               "/",
		"/\\evil.example":               "/",
		"/%5Cevil.example":              "/",
		"/%2Fevil.example":              "/",
		"\\\\evil.example":              "/",
		"javascript:alert(1)":           "/",
		"/\tx":                          "/",
		"/x\r\nSet-Cookie: a=b":         "/",
		"/%zz":                          "/",
		"http:/evil":                    "/",
		"?x":                            "/",
	} {
		require.Equal(t, want, LocalPath(next), "%q", next)
	}
}

func TestPathParam(t *testing.T) {
	for path, want := range map[string]string{
		"/clusters/prod/nodes":                        "prod",
		"/clusters/prod%2Feu/nodes":                   "prod/eu",
		"/clusters/arn:aws:eks:1:cluster%2Fx/nodes":   "arn:aws:eks:1:cluster/x",
		"/clusters/admin@cluster:6443/nodes":          "admin@cluster:6443",
		"/clusters/a%20b/nodes":                       "a b",
		"/clusters/a%252Fb/nodes":                     "a%2Fb",
		"/clusters/a%252Fb%2Fc/nodes":                 "a%2Fb/c",
		"/clusters/%E9%9B%86%E7%BE%A4/nodes":          "集群",
		"/clusters/50%25/nodes":                       "50%",
		"/clusters/a%3Fb%23c/nodes":                   "a?b#c",
		"/clusters/%2F%2E%2E%2F/nodes":                "/../",
		"/clusters/kubernetes-admin@kubernetes/nodes": "kubernetes-admin@kubernetes",
	} {
		got := "no route"
		r := chi.NewRouter()
		r.Get("/clusters/{cluster}/nodes", func(_ http.ResponseWriter, r *http.Request) { got = pathParam(r, "cluster") })
		r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
		require.Equal(t, want, got, path)
	}
}

func TestRedirect(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/x", nil)
	require.NoError(t, redirect(w, r, "/y"))
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Equal(t, "/y", w.Header().Get("Location"))

	w = httptest.NewRecorder()
	r.Header.Set("HX-Request", "true")
	require.NoError(t, redirect(w, r, "/y"))
	require.Equal(t, http.StatusNoContent, w.Code)
	require.Equal(t, "/y", w.Header().Get("HX-Redirect"))
}

func TestIsHTMX(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	require.False(t, isHTMX(r))
	r.Header.Set("HX-Request", "true")
	require.True(t, isHTMX(r))
	r.Header.Set("HX-History-Restore-Request", "true")
	require.False(t, isHTMX(r), "going back needs the whole page")
}

func TestParseForm(t *testing.T) {
	multipart := "--b\r\nContent-Disposition: form-data; name=\"node\"\r\n\r\na\r\n--b--\r\n"
	manyInJSON := `{"` + strings.ReplaceAll(manyFields(), "&", `":1,"`) + `":1}`
	tests := []struct {
		name, kind, body, query string
		want                    []string // of the field "node"
		bad                     bool
	}{
		{name: "form", kind: "application/x-www-form-urlencoded", body: "node=a&node=b", want: []string{"a", "b"}},
		{
			name: "with a character set", kind: "application/x-www-form-urlencoded; charset=UTF-8", body: "node=a",
			want: []string{"a"},
		},
		{name: "query", query: "node=a", want: []string{"a"}},
		{
			name: "body before query", kind: "application/x-www-form-urlencoded", body: "node=a", query: "node=b",
			want: []string{"a", "b"},
		},
		{name: "multipart", kind: "multipart/form-data; boundary=b", body: multipart, want: []string{"a"}},
		{name: "JSON list", kind: "application/json", body: `{"node":["a","b"]}`, want: []string{"a", "b"}},
		{name: "JSON text", kind: "application/json", body: `{"node":"a"}`, want: []string{"a"}},
		{
			name: "JSON number", kind: "application/json", body: `{"node":12345678901234567890}`,
			want: []string{"12345678901234567890"},
		},
		{name: "JSON boolean", kind: "application/json", body: `{"node":true}`, want: []string{"true"}},
		{name: "JSON null", kind: "application/json", body: `{"node":null}`},
		{name: "JSON with query", kind: "application/json", body: `{"node":"a"}`, query: "node=b", want: []string{"a", "b"}},
		{name: "nothing"},
		{name: "JSON field twice", kind: "application/json", body: `{"node":["a","b"],"node":"c"}`, want: []string{"c"}},
		{name: "many nodes", query: strings.Repeat("node=a&", 3000), want: slices.Repeat([]string{"a"}, 3000)},
		{name: "many values", kind: "application/x-www-form-urlencoded", body: strings.Repeat("label=a&", 2001), bad: true},
		{name: "many fields", query: manyFields(), bad: true},
		{name: "JSON, many fields", kind: "application/json", body: manyInJSON, bad: true},
		{
			name: "JSON, many values", kind: "application/json", body: `{"node":[` + strings.Repeat("1,", 20_001) + `1]}`,
			bad: true,
		},
		{name: "JSON not UTF-8", kind: "application/json", body: "{\"node\":\"\xff\"}", bad: true},
		{name: "JSON zero byte", kind: "application/json", body: `{"node":"\u0000"}`, bad: true},
		{name: "JSON object in it", kind: "application/json", body: `{"node":{}}`, bad: true},
		{name: "JSON list in list", kind: "application/json", body: `{"node":[["a"]]}`, bad: true},
		{name: "JSON array", kind: "application/json", body: `[]`, bad: true},
		{name: "JSON cut off", kind: "application/json", body: `{"node":`, bad: true},
		{name: "JSON twice", kind: "application/json", body: `{}{}`, bad: true},
		{name: "JSON empty", kind: "application/json", body: ` `, bad: true},
		{name: "bad escape", kind: "application/x-www-form-urlencoded", body: "node=%zz", bad: true},
		{name: "bad escape in the query", query: "node=%zz", bad: true},
		{name: "semicolon", query: "a;b", bad: true},
		{name: "not UTF-8", kind: "application/x-www-form-urlencoded", body: "node=%ff", bad: true},
		{name: "zero byte", kind: "application/x-www-form-urlencoded", body: "node=%00", bad: true},
		{name: "zero byte in a name", kind: "application/x-www-form-urlencoded", body: "%00=a", bad: true},
		{name: "other type", kind: "text/xml", body: "<a/>", bad: true},
		{name: "no type", body: "node=a", bad: true},
		{name: "broken type", kind: "a/b; =", body: "node=a", bad: true},
		{name: "multipart without boundary", kind: "multipart/form-data", body: multipart, bad: true},
		{name: "multipart cut off", kind: "multipart/form-data; boundary=b", body: multipart[:20], bad: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/?"+tt.query, strings.NewReader(tt.body))
			if tt.kind != "" {
				r.Header.Set("Content-Type", tt.kind)
			}
			err := parseForm(r)
			if tt.bad {
				require.Equal(t, services.CodeInvalid, services.CodeOf(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, r.Form["node"])
		})
	}
}

// manyFields is a query with one field more than a form may have.
func manyFields() string {
	names := make([]string, maxFields+1)
	for i := range names {
		names[i] = "f" + strconv.Itoa(i)
	}
	return strings.Join(names, "&")
}

func FuzzParseForm(f *testing.F) {
	f.Add("application/json", `{"a":["b",1,true,null]}`, "x=1")
	f.Add("application/x-www-form-urlencoded", "a=b&c=%20", "")
	f.Add("multipart/form-data; boundary=b", "--b--", "")
	f.Fuzz(func(t *testing.T, kind, body, query string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		r.URL.RawQuery = query
		if err := parseForm(r); err != nil {
			require.Equal(t, services.CodeInvalid, services.CodeOf(err))
		}
	})
}
