package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/stretchr/testify/require"

	"kube-node-manager/handlers"
	"kube-node-manager/services"
	"kube-node-manager/views/ui"
)

// testEdge returns an edge for the test of one handler.
func testEdge(t *testing.T, log io.Writer) *edge {
	t.Helper()
	o := testOptions(t)
	logTo(log)(&o)
	return &edge{options: &o, log: o.Log, metrics: newMetrics("test")}
}

// serveError sends a request to a handler and returns the response.
func serveError(t *testing.T, e *edge, fn handlerFunc, headers ...string) answer {
	t.Helper()
	r := chi.NewRouter()
	r.Use(middleware.ClientIPFromRemoteAddr, e.observe, prefer, e.rescue)
	r.Get("/", e.handle(fn))
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return answer{status: w.Code, header: w.Header(), body: w.Body.String()}
}

func returns(err error) handlerFunc {
	return func(http.ResponseWriter, *http.Request) error { return err }
}

func TestFail_statusAndLogOfEveryCode(t *testing.T) {
	tests := []struct {
		err    error
		status int
		level  string
	}{
		{services.Invalid("node", "error_text"), 422, "DEBUG"},
		{services.NewError(services.CodeUnauthenticated, "error_login"), 401, "DEBUG"},
		{services.NewError(services.CodeForbidden, "error_role"), 403, "INFO"},
		{services.NewError(services.CodeNotFound, "error_not_found"), 404, "DEBUG"},
		{services.NewError(services.CodeConflict, "error_conflict"), 409, "DEBUG"},
		{services.NewError(services.CodeThrottled, "error_throttled"), 429, "INFO"},
		{services.NewError(services.CodeUnavailable, "error_unavailable"), 503, "WARN"},
		{services.NewError(services.CodeTimeout, "error_timeout"), 504, "WARN"},
		{services.NewError(services.CodeInternal, "error_internal"), 500, "ERROR"},
		{errors.New("secret of the database"), 500, "ERROR"},
		{fmt.Errorf("read: %w", context.DeadlineExceeded), 504, "WARN"},
		{fmt.Errorf("read: %w", context.Canceled), 500, "ERROR"}, // not by the client, so it is an internal error
		{fmt.Errorf("read: %w", &http.MaxBytesError{Limit: 1}), 413, "DEBUG"},
		{services.Wrap(&http.MaxBytesError{Limit: 1}, services.CodeInvalid, "error_form"), 413, "DEBUG"},
	}
	for _, tt := range tests {
		t.Run(tt.err.Error(), func(t *testing.T) {
			var log logBuffer
			e := testEdge(t, &log)
			page := serveError(t, e, returns(tt.err))
			require.Equal(t, tt.status, page.status)
			require.Equal(t, 1, page.page(t).Find("h1").Length(), page.body)
			require.NotContains(t, page.body, "secret")
			require.NotContains(t, page.body, "error_", "no message id is shown")
			require.Equal(t, "no-store", page.header.Get("Cache-Control"))
			require.Contains(t, log.String(), `"level":"`+tt.level+`","msg":"Request failed"`)

			flash := serveError(t, e, returns(tt.err), "HX-Request", "true")
			require.Equal(t, tt.status, flash.status)
			require.Equal(t, "#flash", flash.header.Get("HX-Retarget"))
			require.NotContains(t, flash.body, "<html")

			script := serveError(t, e, returns(tt.err), "Accept", "application/json")
			require.Equal(t, tt.status, script.status)
			var body struct {
				Error struct {
					Code               services.Code
					Message, RequestID string
				}
			}
			require.NoError(t, json.Unmarshal([]byte(script.body), &body))
			clear := clarify(httptest.NewRequest(http.MethodGet, "/", nil), tt.err)
			require.Equal(t, services.CodeOf(clear), body.Error.Code)
			require.NotEmpty(t, body.Error.Message)
			require.Equal(t, script.header.Get("X-Request-Id"), body.Error.RequestID)
		})
	}
}

func TestFail_chinese(t *testing.T) {
	err := services.NewError(services.CodeNotFound, "error_no_page")
	got := serveError(t, testEdge(t, io.Discard), returns(err),
		"Accept", "application/json", "Accept-Language", "zh-CN,zh;q=0.9")
	require.Contains(t, got.body, "此地址没有页面。")
}

// A page that was lost with the leadership of its replica is asked for again.
func TestFail_notLeading(t *testing.T) {
	e := testEdge(t, io.Discard)
	require.Equal(t, refreshAfter, serveError(t, e, returns(errNotLeading)).header.Get("Refresh"))
	got := serveError(t, e, returns(errNotLeading), "Accept", "application/json")
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	require.Empty(t, got.header.Get("Refresh"))
	got = serveError(t, e, returns(services.NewError(services.CodeUnavailable, "error_busy")))
	require.Empty(t, got.header.Get("Refresh"))
}

func TestFail_afterPartOfTheResponse(t *testing.T) {
	var log logBuffer
	got := serveError(t, testEdge(t, &log), func(w http.ResponseWriter, _ *http.Request) error {
		_, _ = io.WriteString(w, "half")
		return errors.New("broken")
	})
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, "half", got.body, "nothing is added to the response")
	require.Contains(t, log.String(), "broken")
}

func TestFail_requestTimedOut(t *testing.T) {
	got := serveError(t, testEdge(t, io.Discard), func(w http.ResponseWriter, r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), 0)
		defer cancel()
		testEdge(t, io.Discard).handle(func(_ http.ResponseWriter, r *http.Request) error {
			<-r.Context().Done()
			return r.Context().Err()
		})(w, r.WithContext(ctx))
		return nil
	})
	require.Equal(t, http.StatusGatewayTimeout, got.status)
	require.Equal(t, 1, got.page(t).Find("h1").Length(), "the error page is rendered after the deadline")
}

func TestFail_clientHasDisconnected(t *testing.T) {
	var log logBuffer
	e := testEdge(t, &log)
	r := chi.NewRouter()
	r.Use(middleware.ClientIPFromRemoteAddr, e.observe, prefer)
	r.Get("/", e.handle(func(_ http.ResponseWriter, r *http.Request) error {
		return fmt.Errorf("list nodes: %w", r.Context().Err())
	}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
	require.Equal(t, statusClientClosed, w.Code)
	require.Empty(t, w.Body.String())
	require.NotContains(t, log.String(), `"ERROR"`)
	require.Contains(t, log.String(), `"level":"DEBUG","msg":"Request"`)
}

func TestFail_panic(t *testing.T) {
	var log logBuffer
	got := serveError(t, testEdge(t, &log), func(http.ResponseWriter, *http.Request) error { panic("oh no") })
	require.Equal(t, http.StatusInternalServerError, got.status)
	require.NotContains(t, got.body, "oh no")
	require.Contains(t, log.String(), "oh no")
	require.Contains(t, log.String(), "errors_test.go", "the stack is logged")
}

func TestFail_form(t *testing.T) {
	err := &handlers.FormError{
		Err: services.Invalid("name", "error_name"),
		Form: func(p *ui.Problem) templ.Component {
			return templ.Raw("<form>" + p.Field("name") + "</form>")
		},
	}
	got := serveError(t, testEdge(t, io.Discard), returns(err))
	require.Equal(t, http.StatusUnprocessableEntity, got.status)
	require.Contains(t, got.body, "<form>Use 1 to 64")
	got = serveError(t, testEdge(t, io.Discard), returns(err), "HX-Request", "true")
	require.Contains(t, got.body, "<form>", "in the place of the form")
	require.Empty(t, got.header.Get("HX-Retarget"))
	got = serveError(t, testEdge(t, io.Discard), returns(err), "Accept", "application/json")
	require.Contains(t, got.body, `"fields":{"name":"Use 1 to 64`)
}

func TestFail_brokenForm(t *testing.T) {
	err := &handlers.FormError{Err: services.Invalid("name", "error_name"), Form: func(*ui.Problem) templ.Component {
		return templ.ComponentFunc(func(context.Context, io.Writer) error { return errors.New("broken template") })
	}}
	got := serveError(t, testEdge(t, io.Discard), returns(err))
	require.Equal(t, http.StatusInternalServerError, got.status)
	require.NotContains(t, got.body, "broken template")
}

func TestNotFound(t *testing.T) {
	a := signedIn(t)
	for _, path := range []string{
		"/nothing", "/clusters/none/nodes", "/batches/none", "/clusters/prod%2Feu/none", "/static/x/none.css", "/%2F",
		"/clusters/",
	} {
		require.Equal(t, http.StatusNotFound, a.get(path).status, path)
	}
	page := a.get("/nothing")
	require.Equal(t, "There is no page at this address.", page.page(t).Find("h1").Text())
	require.NotEmpty(t, page.page(t).Find(`form[action="/logout"]`).Nodes, "with the frame of a signed-in user")
	require.Empty(t, a.another().get("/nothing").page(t).Find(`form[action="/logout"]`).Nodes)

	got := a.get("/nothing", "Accept", "application/json")
	require.Equal(t, http.StatusNotFound, got.status)
	require.Contains(t, got.body, `{"error":{"code":"not_found","message":"There is no page at this address."`)
}

func TestMethodNotAllowed(t *testing.T) {
	a := signedIn(t)
	for path, want := range map[string]string{
		"/clusters":                 "GET",
		"/login":                    "GET, POST",
		"/batches/x/cancel":         "GET, POST",
		"/logout":                   "POST",
		"/clusters/prod%2Feu/nodes": "GET",
	} {
		for _, method := range []string{http.MethodDelete, http.MethodPut, http.MethodTrace, "PROPFIND", "GARBAGE"} {
			got := a.do(method, path, nil)
			require.Equal(t, http.StatusMethodNotAllowed, got.status, method+path)
			require.Equal(t, want, got.header.Get("Allow"), path)
			require.Equal(t, 1, got.page(t).Find("h1").Length())
		}
	}
}

func TestHead(t *testing.T) {
	a := signedIn(t)
	got := a.do(http.MethodHead, "/clusters", nil)
	require.Equal(t, http.StatusOK, got.status)
	require.Empty(t, got.body)
	require.Equal(t, http.StatusMethodNotAllowed, a.do(http.MethodHead, "/logout", nil).status)
}

// No malformed request is answered with a 5xx status.
func TestMalformed(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	a := signedIn(t)
	bodies := map[string]struct{ kind, body string }{
		"empty":            {form, ""},
		"bad escape":       {form, "node=%zz&operation=%"},
		"semicolons":       {form, "a;b;c"},
		"not UTF-8":        {form, "node=%ff%fe&operation=cordon&name=%ff&lang=%ff"},
		"zero bytes":       {form, "node=%00&operation=cordon%00"},
		"no name":          {form, "=&=&&&="},
		"many fields":      {form, strings.Repeat("node=x&", 9000)},
		"long value":       {form, "operation=cordon&reason=" + strings.Repeat("x", 900_000)},
		"too large":        {form, "reason=" + strings.Repeat("x", 2<<20)},
		"too large JSON":   {"application/json", `{"reason":"` + strings.Repeat("x", 2<<20) + `"}`},
		"deep JSON":        {"application/json", strings.Repeat("[", 100_000)},
		"JSON of numbers":  {"application/json", `{"operation":1,"node":[1,2,3],"reason":false}`},
		"JSON text":        {"application/json", `"x"`},
		"JSON null":        {"application/json", `null`},
		"JSON with zero":   {"application/json", `{"node":"\u0000"}`},
		"XML":              {"text/xml", "<a/>"},
		"no type":          {"", "node=x"},
		"invalid type":     {"a/b/c; d", "node=x"},
		"multipart":        {"multipart/form-data; boundary=x", "--x\r\n\r\n"},
		"no boundary":      {"multipart/form-data", "--x"},
		"unknown things":   {form, "operation=dance&mode=fly&taint=a&label==&template=9&source=none"},
		"script":           {form, "operation=<script>alert(1)</script>&node=../../etc&lang=xx&theme=xx&back=//x"},
		"large numbers":    {form, "operation=drain&node=n&grace_period=99999999999999999999&timeout=-1&parallel=1e9"},
		"negative numbers": {form, "operation=drain&node=n&grace_period=-9223372036854775809"},
	}
	paths := []string{
		"/login", "/setup", "/preferences", "/logout",
		"/clusters/prod%2Feu/batches", "/clusters/prod%2Feu/batches/preview",
		"/clusters/prod%2Feu/test", "/clusters/%ff/batches", "/batches/%00/cancel", "/batches/x/resume",
		"/clusters/prod%2Feu/batches?node=%zz", "/login?next=%zz",
	}
	for name, body := range bodies {
		for _, path := range paths {
			b := a.browser
			if strings.HasPrefix(path, "/log") || strings.HasPrefix(path, "/set") {
				b = a.another() // to stay signed in
			}
			for _, accept := range []string{"text/html", "application/json"} {
				got := b.do(http.MethodPost, path, strings.NewReader(body.body),
					"Content-Type", body.kind, "Accept", accept)
				// Only the unreachable cluster may lead to status 503.
				if got.status == http.StatusServiceUnavailable {
					require.Contains(t, path, "prod%2Feu", name)
					continue
				}
				require.Less(t, got.status, 500, "%s to %s: %s", name, path, got.body)
			}
		}
	}
}

func TestMalformed_queries(t *testing.T) {
	a := signedIn(t)
	queries := []string{
		"%zz", "a;b", "q=%ff", "q=%00", "page=-1", "page=99999999999999999999", "page=x", "size=0", "size=1e9",
		"sort=%27--", "dir=up", "status=x&sched=x&role=x&label=%3D&taint=%3A%3A%3A", "before=x", "before=%00",
		"cluster=x", "batch=x", "cluster=%ff&batch=%00", "generation=x", "next=%zz",
		"q=" + strings.Repeat("x", 8000), "fresh=2", "usage=9",
	}
	paths := []string{
		"/", "/clusters", "/clusters/prod%2Feu", "/clusters/prod%2Feu/nodes", "/clusters/prod%2Feu/nodes/n%20%00",
		"/batches", "/batches/x", "/login", "/setup", "/events",
	}
	for _, path := range paths {
		for _, query := range queries {
			got := a.get(path+"?"+query, "Accept", "application/json")
			if got.status == http.StatusServiceUnavailable {
				require.Contains(t, path, "prod%2Feu")
				continue
			}
			require.Less(t, got.status, 500, "%s?%s: %s", path, query, got.body)
		}
	}
}

func TestTooLarge(t *testing.T) {
	a := signedIn(t)
	got := a.post("/preferences", url.Values{"lang": {strings.Repeat("x", 2<<20)}})
	require.Equal(t, http.StatusRequestEntityTooLarge, got.status)
	require.Equal(t, "The request is too large.", got.page(t).Find("h1").Text())
}

func TestDeadline(t *testing.T) {
	var left time.Duration
	deadline(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		at, ok := r.Context().Deadline()
		require.True(t, ok)
		left = time.Until(at)
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	require.Less(t, left, writeTimeout, "before that of the server")
}
