package acceptance

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/handlers/openapi/openapitest"
	"kube-node-manager/services/kube/kubetest"
)

// request calls the program as a script does, and decodes the JSON of the
// response.
func (p *program) request(t testing.TB, method, path string, form url.Values, into any) *http.Response {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	response, raw := p.call(t, method, path, "application/json", formKind, body)
	if into != nil {
		require.Less(t, response.StatusCode, 300, "%s %s: %s", method, path, raw)
		require.NoError(t, json.Unmarshal(raw, into), "%s", raw)
	}
	return response
}

// formKind is the content type of a form.
const formKind = "application/x-www-form-urlencoded"

// call sends a request with the administrator's token, and returns the response
// with its body. kind is the content type of the body, if there is one.
func (p *program) call(t testing.TB, method, path, accept, kind string, body io.Reader) (*http.Response, []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	r, err := p.newRequest(ctx, method, path, body)
	require.NoError(t, err)
	r.Header.Set("Accept", accept)
	if body != nil {
		r.Header.Set("Content-Type", kind)
	}
	response, err := p.client.Do(r)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	p.requireDocumented(t, response, raw)
	return response, raw
}

// requireDocumented requires that a JSON response is as the program's own document
// says.
func (p *program) requireDocumented(t testing.TB, response *http.Response, raw []byte) {
	t.Helper()
	own, err := url.Parse(p.URL)
	require.NoError(t, err)
	path := strings.TrimPrefix(response.Request.URL.EscapedPath(), own.Path) // after redirects
	isJSON := strings.HasPrefix(response.Header.Get("Content-Type"), "application/json")
	if !isJSON || path == "/openapi.json" {
		return
	}
	p.api.read.Do(func() {
		_, document := p.call(t, http.MethodGet, "/openapi.json", "application/json", "", nil)
		var err error
		p.api.Document, err = documents.parse(document)
		require.NoError(t, err)
	})
	require.NoError(t, p.api.Check(response.Request.Method, path, response.StatusCode, raw))
}

// parsedDocuments holds the documents of all programs by their text: all have the same,
// and it takes a quarter of a second to read it.
type parsedDocuments struct {
	mu     sync.Mutex
	byText map[string]*openapitest.Document
}

var documents = parsedDocuments{byText: map[string]*openapitest.Document{}}

func (d *parsedDocuments) parse(text []byte) (*openapitest.Document, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	known, ok := d.byText[string(text)]
	if ok {
		return known, nil
	}
	parsed, err := openapitest.Parse(text)
	d.byText[string(text)] = parsed
	return parsed, err
}

// newRequest returns a request with the administrator's token.
func (p *program) newRequest(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, p.URL+path, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+p.Token)
	return r, nil
}

// The JSON shapes of the HTTP contract, as a script would declare them.
type (
	nodeList struct {
		Cluster string
		AsOf    time.Time
		Total   int
		Page    int
		Size    int
		Items   []nodeRow
	}
	nodeRow struct {
		Name, UID, Status, Scheduling string
		Unschedulable                 bool
		Roles                         []string
		Version                       string
		Labels                        map[string]string
		Taints                        []corev1.Taint
		Reason, ReasonBy              string
		ReasonSince                   *time.Time
	}
	batchDoc struct {
		ID, Cluster, Operation, Reason, By, State string
		CreatedAt                                 time.Time
		StartedAt, EndedAt                        *time.Time
		Total                                     int
		Counts                                    map[string]int
		Items                                     []itemDoc
		RetryOf, UndoOf                           *string
	}
	itemDoc struct {
		Node, State, Error string
		MayHaveChanged     bool
		Before, After      json.RawMessage
		StartedAt, EndedAt *time.Time
	}
)

func (p *program) nodes(t testing.TB, cluster, query string) nodeList {
	t.Helper()
	var list nodeList
	p.request(t, http.MethodGet, "/clusters/"+url.PathEscape(cluster)+"/nodes?"+query, nil, &list)
	return list
}

// unschedulable returns whether each node of the cluster is cordoned, read page
// by page.
func (p *program) unschedulable(t testing.TB, cluster string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for page := 1; ; page++ {
		list := p.nodes(t, cluster, fmt.Sprintf("size=200&page=%d", page))
		for _, n := range list.Items {
			all[n.Name] = n.Unschedulable
		}
		if page*list.Size >= list.Total {
			return all
		}
	}
}

// submit starts a batch and returns it with the status of the response.
func (p *program) submit(t testing.TB, cluster, operation string, nodes ...string) (batchDoc, int) {
	t.Helper()
	var b batchDoc
	form := url.Values{"operation": {operation}, "node": nodes, "reason": {"kernel CVE"}}
	response := p.request(t, http.MethodPost, "/clusters/"+url.PathEscape(cluster)+"/batches", form, &b)
	require.Equal(t, "/batches/"+b.ID, response.Header.Get("Location"))
	return b, response.StatusCode
}

// submitHeld starts a cordon whose calls wait in the proxy until hold is
// closed. Calls for other nodes are not held, so plans for them do not wait.
func (p *program) submitHeld(
	t testing.TB, c *kubetest.Cluster, proxy *kubetest.Proxy, hold <-chan struct{}, nodes ...string,
) batchDoc {
	t.Helper()
	var held *kubetest.Injected
	for _, name := range nodes {
		held = proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Name: name, Hold: hold})
	}
	b, _ := p.submit(t, c.Name, "cordon", nodes...)
	held.WaitHits(t, 1)
	return b
}

func (p *program) batch(t testing.TB, id string) batchDoc {
	t.Helper()
	var b batchDoc
	p.request(t, http.MethodGet, "/batches/"+id, nil, &b)
	return b
}

// awaitBatch waits for the end of a batch.
func (p *program) awaitBatch(t testing.TB, id string) batchDoc {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		b := p.batch(t, id)
		if b.EndedAt != nil {
			return b
		}
		require.True(t, time.Now().Before(end), "batch %s is %s: %v", id, b.State, b.Counts)
	}
}

// event is one server-sent event.
type event struct{ Name, Data string }

// follow opens an event stream until the stream or the test ends.
func (p *program) follow(t testing.TB, query string) <-chan event {
	t.Helper()
	events, end := p.stream(t, query)
	t.Cleanup(end)
	return events
}

// stream opens an event stream; the channel is closed at its end.
func (p *program) stream(t testing.TB, query string) (received <-chan event, end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r, err := p.newRequest(ctx, http.MethodGet, "/events?"+query, nil)
	require.NoError(t, err)
	transport := &http.Transport{}
	response, err := transport.RoundTrip(r)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	events, done := make(chan event, 1024), make(chan struct{})
	go func() {
		defer close(done)
		defer close(events)
		readEvents(response.Body, events)
	}()
	return events, func() {
		cancel()
		<-done
		_ = response.Body.Close()
		transport.CloseIdleConnections()
	}
}

func readEvents(body io.Reader, events chan<- event) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	var e event
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case lines.Text() == "" && e.Name != "":
			events <- e
			e = event{}
		case field == "event":
			e.Name = value
		case field == "data":
			e.Data += value + "\n"
		}
	}
}

// next waits for the next event.
func next(t testing.TB, events <-chan event) (event, bool) {
	t.Helper()
	select {
	case e, open := <-events:
		return e, open
	case <-time.After(patience):
		t.Fatal("no event came")
		return event{}, false
	}
}
