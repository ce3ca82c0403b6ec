package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"kube-node-manager/handlers"
	"kube-node-manager/handlers/openapi/openapitest"
	"kube-node-manager/services/operation"
)

// apiDocument is the document of the JSON API.
var apiDocument = sync.OnceValues(func() (*openapitest.Document, error) {
	w := httptest.NewRecorder()
	h := handlers.New(handlers.Dependencies{Version: "test"})
	err := h.OpenAPI(w, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	if err != nil {
		return nil, err
	}
	return openapitest.Parse(w.Body.Bytes())
})

// requireDocumented requires that a JSON response is as documented.
func requireDocumented(t *testing.T, method, address string, got answer) {
	t.Helper()
	isJSON := strings.HasPrefix(got.header.Get("Content-Type"), "application/json")
	path, _, _ := strings.Cut(strings.TrimPrefix(address, testBase), "?")
	if !isJSON || method == http.MethodHead || path == "/openapi.json" {
		return
	}
	doc, err := apiDocument()
	require.NoError(t, err)
	require.NoError(t, doc.Check(method, path, got.status, []byte(got.body)))
}

// pages are the routes for browsers only: they answer scripts with nothing but errors.
func pages() map[string]bool {
	return map[string]bool{
		"GET /columns": true, "POST /columns": true,
		"GET /": true, "GET /setup": true, "POST /setup": true, "GET /login": true, "POST /login": true,
		"GET /login/code": true, "POST /login/code": true, "GET /profile/factor/{verb:add|codes|remove}": true,
		"POST /logout": true, "POST /preferences": true, "GET /static/*": true, "GET /docs/api": true,
		"POST /profile/sessions/{session}/end":               true,
		"GET /clusters/{cluster}/{verb:test|disable|enable}": true, "GET /clusters/new": true,
		"GET /clusters/{cluster}/credentials": true, "GET /clusters/{cluster}/delete": true,
		"GET /clusters/{cluster}/batches": true, "GET /clusters/{cluster}/nodes/{node}/menu": true,
		"GET /clusters/{cluster}/labels/edit": true, "POST /clusters/{cluster}/labels/edit": true,
		"GET /clusters/{cluster}/taints/edit": true, "POST /clusters/{cluster}/taints/edit": true,
		"GET /clusters/{cluster}/annotations/edit": true, "POST /clusters/{cluster}/annotations/edit": true,
		"GET /nodes/labels/edit": true, "POST /nodes/labels/edit": true, "GET /nodes/taints/edit": true,
		"POST /nodes/taints/edit": true, "GET /nodes/annotations/edit": true, "POST /nodes/annotations/edit": true,
		"GET /clusters/{cluster}/taints/copy": true, "POST /clusters/{cluster}/taints/copy": true,
		"GET /nodes/templates/apply": true, "POST /nodes/templates/apply": true,
		"GET /clusters/{cluster}/templates/apply": true, "POST /clusters/{cluster}/templates/apply": true,
		"GET /batches/{id}/{verb:cancel|pause|resume|retry|undo|approve|reject}": true,
		"GET /templates/{kind}/new": true, "GET /templates/{kind}/import": true,
		"GET /hooks/{hook}/{verb:test|disable|enable}": true, "GET /hooks/{hook}/delete": true,
		"GET /users/new": true, "GET /users/{user}/delete": true,
		"GET /users/{user}/{verb:access|password|disable|enable|signout|remove-factor|tokens}": true,
		"GET /profile/{verb:password|tokens|signout}":                                          true,
		"GET /authorize": true, "POST /authorize": true, "GET /authorize/done": true,
		"GET /views/menu": true, "GET /suggest": true,
		"GET /views/{id}/{verb:edit|delete}": true, "GET /searches/forget": true,
		"GET /templates/{kind}/{id}/delete":    true,
		"GET /templates/{kind}/{id}/duplicate": true,
	}
}

// Every route is in the document or for browsers only, and the document has no other.
func TestOpenAPI_routes(t *testing.T) {
	a := signedIn(t)
	doc, err := apiDocument()
	require.NoError(t, err)
	documented := doc.Routes()
	routes, ok := a.server.Handler.(chi.Routes)
	require.True(t, ok)
	served := map[string]bool{}
	visit := func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		name := method + " " + route
		served[name] = true
		require.NotEqual(t, documented[name], pages()[name], "%s must be either in the document or in pages", name)
		return nil
	}
	require.NoError(t, chi.Walk(routes, visit))
	for name := range documented {
		require.True(t, served[name], "%s is in the document only", name)
	}
	for name := range pages() {
		require.True(t, served[name], "%s is in pages only", name)
	}
}

// rawDocument is the part of the document that the tests below read.
type rawDocument struct {
	Servers []struct{ URL string }
	Paths   map[string]map[string]struct {
		OperationID string
		Parameters  []struct{ Name string }
		RequestBody struct {
			Content map[string]struct {
				Schema struct{ Properties map[string]any }
			}
		}
		Security []any
	}
}

func (b *browser) rawDocument(t *testing.T, path string, headers ...string) (doc rawDocument) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(b.get(path, headers...).body), &doc))
	return doc
}

// fields returns all names of parameters and of fields.
func (d rawDocument) fields() map[string]bool {
	names := map[string]bool{}
	for _, methods := range d.Paths {
		for _, operation := range methods {
			for _, p := range operation.Parameters {
				names[p.Name] = true
			}
			for _, media := range operation.RequestBody.Content {
				for name := range media.Schema.Properties {
					names[name] = true
				}
			}
		}
	}
	return names
}

// docs/api.md describes the same parameters in more words.
func TestOpenAPI_documentedFields(t *testing.T) {
	a := signedIn(t)
	known := a.rawDocument(t, "/openapi.json").fields()
	content, err := os.ReadFile("../docs/api.md")
	require.NoError(t, err)
	row := regexp.MustCompile("(?m)^\\| (`[^|]+) \\|")
	seen := 0
	for _, m := range row.FindAllStringSubmatch(string(content), -1) {
		for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(m[1], -1) {
			name, _, _ := strings.Cut(code[1], "=")
			if strings.HasPrefix(name, "/") || isCode(name) || isOperation(name) {
				continue
			}
			seen++
			require.True(t, known[name], "docs/api.md has %s", name)
		}
	}
	require.Greater(t, seen, 30)
	for _, d := range operation.All() {
		for _, name := range d.Fields {
			own := strings.HasSuffix(name, ".") || name == "kind" || name == "options" // of our own pages
			require.True(t, own || known[name], "%s has the field %s", d.Name, name)
		}
	}
}

func isOperation(name string) bool {
	_, err := operation.Find(name)
	return err == nil
}

// isCode reports whether a word is the code of an error.
func isCode(name string) bool {
	switch name {
	case "unauthenticated", "forbidden", "not_found", "conflict", "invalid", "throttled", "unavailable", "timeout":
		return true
	default:
		return false
	}
}

func TestOpenAPI_document(t *testing.T) {
	a := signedIn(t)
	doc := a.rawDocument(t, "/openapi.json")
	require.Equal(t, "/", doc.Servers[0].URL)
	ids := map[string]bool{}
	for path, methods := range doc.Paths {
		for method, operation := range methods {
			require.False(t, ids[operation.OperationID], operation.OperationID)
			ids[operation.OperationID] = true
			open := public()[strings.ToUpper(method)+" "+path]
			require.Equal(t, open, len(operation.Security) > 0, "%s %s", method, path)
		}
	}
	below := signedIn(t, below(testBase))
	got := below.rawDocument(t, testBase+"/openapi.json", "Cookie", below.loginCookie())
	require.Equal(t, testBase+"/", got.Servers[0].URL)
}

func TestOpenAPI_page(t *testing.T) {
	a := signedIn(t)
	page := a.get("/docs/api").page(t)
	for path, methods := range a.rawDocument(t, "/openapi.json").Paths {
		for _, operation := range methods {
			require.Contains(t, page.Find("#"+operation.OperationID+" summary").Text(), path)
		}
	}
	require.Equal(t, "/openapi.json", page.Find("a[download]").AttrOr("href", ""))
	for _, link := range page.Find(".api a").EachIter() {
		require.Equal(t, 1, page.Find(link.AttrOr("href", "")).Length(), link.AttrOr("href", ""))
	}
	chinese := a.get("/docs/api", "Cookie", "lang=zh-CN").page(t)
	require.Contains(t, chinese.Find(".api caption").Text(), "响应")
}
