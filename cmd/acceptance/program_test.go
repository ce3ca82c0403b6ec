// Package acceptance tests the whole program from outside, as users and scripts
// use it: the real binary with a real control plane, over HTTP and in a real
// browser. It has tests only.
package acceptance

import (
	"bytes"
	"fmt"
	"net/http"
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

// addAdministrator creates the administrator and returns a token. database are the options
// with the database, "--data" and a directory, or "--database" and an address.
func addAdministrator(path string, database ...string) (token string, err error) {
	add := append([]string{"user", "add", adminName, "--role", "admin"}, database...)
	if _, err = command(path, adminPassword+"\n", add...); err != nil {
		return "", err
	}
	token, err = command(path, "", append([]string{"user", "token", adminName}, database...)...)
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
	p := emptyProgram(t, releaseBuild.binary(t), kubeconfig, args...)
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
