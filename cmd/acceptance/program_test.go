// Package acceptance tests the whole program from outside, as users and scripts
// use it: the real binary with a real control plane, over HTTP and in a real
// browser. It has tests only.
package acceptance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"kube-node-manager/handlers/openapi/openapitest"
	"kube-node-manager/services/kube/kubetest"
)

func TestMain(m *testing.M) {
	code := kubetest.Main(m, func() error {
		chromiums.stop()
		return goleak.Find()
	})
	chromiums.stop() // after a failure the check above has not run
	raceBuild.remove()
	releaseBuild.remove()
	pluginBuild.remove()
	os.Exit(code)
}

const (
	adminName     = "admin"
	adminPassword = "correct horse battery"
	patience      = time.Minute // for what takes up to a second on an idle machine
)

// addAdministrator creates the administrator and returns a token.
func addAdministrator(path, data string) (token string, err error) {
	_, err = command(path, adminPassword+"\n", "user", "add", adminName, "--role", "admin", "--data", data)
	if err != nil {
		return "", err
	}
	token, err = command(path, "", "user", "token", adminName, "--data", data)
	return strings.TrimSpace(token), err
}

// command runs one command of the program to its end and returns its output.
func command(path, stdin string, args ...string) (string, error) {
	cmd := exec.Command(path, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// lease leases a cluster for a test. Such a test mostly waits, so it runs in
// parallel with others.
func lease(t *testing.T) *kubetest.Cluster {
	t.Helper()
	t.Parallel()
	return kubetest.Acquire(t)
}

// program is the binary with a data directory.
type program struct {
	URL   string
	Data  string
	Token string // of the administrator

	path   string
	args   []string
	env    []string // besides that of the test
	cmd    *exec.Cmd
	said   *output
	stderr *os.File
	exited chan error
	client *http.Client
	api    *apiDocument
}

// apiDocument is the program's own OpenAPI document, read when it is first needed.
type apiDocument struct {
	read sync.Once
	*openapitest.Document
}

// newProgram prepares a data directory with an administrator; start runs the
// program.
func newProgram(t testing.TB, kubeconfig string, args ...string) *program {
	t.Helper()
	p := emptyProgram(t, raceBuild.binary(t), kubeconfig, args...)
	p.Token = copySeed(t, p.Data)
	return p
}

// emptyProgram prepares an empty data directory.
func emptyProgram(t testing.TB, path, kubeconfig string, args ...string) *program {
	t.Helper()
	p := &program{Data: t.TempDir(), path: path, api: &apiDocument{}}
	p.client = &http.Client{Transport: &http.Transport{}, Timeout: patience}
	// Tests send more requests than any person, hence no rate limit. Small batches
	// end within the wait, however busy the machine is; see also followed.
	p.args = append([]string{
		"--listen", "127.0.0.1:0", "--data", p.Data, "--kubeconfig", kubeconfig, "--log-file", p.logFile(),
		"--sync-wait", "15s", "--user-rate", "0",
	}, args...)
	t.Cleanup(p.client.CloseIdleConnections)
	return p
}

// followed is the option of programs with small batches that wait on purpose,
// for a person or for other batches: requests do not wait for their end.
const followed = "--sync-limit=0"

// startProgram is newProgram followed by start.
func startProgram(t testing.TB, kubeconfig string, args ...string) *program {
	t.Helper()
	p := newProgram(t, kubeconfig, args...)
	p.start(t)
	return p
}

func (p *program) logFile() string { return filepath.Join(p.Data, "app.log") }

// log returns what the program has logged.
func (p *program) log(t testing.TB) string {
	t.Helper()
	content, err := os.ReadFile(p.logFile())
	require.NoError(t, err)
	return string(content)
}

// awaitLog waits until the program has logged a text.
func (p *program) awaitLog(text string) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if content, err := os.ReadFile(p.logFile()); err == nil && strings.Contains(string(content), text) {
			return
		}
	}
}

// run runs one command of the program to its end.
func (p *program) run(t testing.TB, stdin string, args ...string) string {
	t.Helper()
	out, err := command(p.path, stdin, args...)
	require.NoError(t, err)
	return out
}

// start runs the program until the end of the test and waits for its address.
func (p *program) start(t testing.TB) {
	t.Helper()
	p.said = &output{}
	cmd := exec.Command(p.path, p.args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Env = append(os.Environ(), p.env...)
	stderr, err := os.OpenFile(filepath.Join(p.Data, "stderr.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = p.said, stderr
	require.NoError(t, cmd.Start())
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	p.cmd, p.stderr, p.exited = cmd, stderr, exited
	t.Cleanup(func() { p.end(t, syscall.SIGTERM) })
	greeting := p.said.line(t, 0)
	p.URL = greeting[strings.LastIndex(greeting, " ")+1:]
	require.True(t, strings.HasPrefix(p.URL, "http://127.0.0.1:"), greeting)
}

// output collects the standard output of a program.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write appends output.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

// line waits for the n-th complete line, counted from 0.
func (o *output) line(t testing.TB, n int) string {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		o.mu.Lock()
		lines := strings.Split(o.text.String(), "\n")
		o.mu.Unlock()
		if n+1 < len(lines) {
			return lines[n]
		}
		require.True(t, time.Now().Before(end), "the program says no more than %q", lines)
	}
}

// await waits until the output has a text.
func (o *output) await(t testing.TB, text string) {
	t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(o.String(), text); time.Sleep(5 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "%q is not in %q", text, o.String())
	}
}

// String returns all of the output.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// end sends a signal and waits for the exit; a data race or a leaked goroutine
// shows in the exit code.
func (p *program) end(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if p.cmd == nil {
		return
	}
	cmd := p.cmd
	p.cmd = nil
	defer func() { _ = p.stderr.Close() }()
	p.client.CloseIdleConnections()
	_ = cmd.Process.Signal(signal)
	select {
	case err := <-p.exited:
		if signal == syscall.SIGTERM {
			log, _ := os.ReadFile(p.stderr.Name())
			require.NoError(t, err, "the program's end: %s", log)
		}
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		<-p.exited
		t.Errorf("the program did not end after %s", signal)
	}
}

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
	t.Cleanup(func() {
		cancel()
		<-done
		_ = response.Body.Close()
		transport.CloseIdleConnections()
	})
	return events
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
