package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"kube-node-manager/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// command runs a command line in the process of the test.
func command(t *testing.T, stdin string, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, streams{strings.NewReader(stdin), &stdout, &stderr})
	return code, stdout.String(), stderr.String()
}

func TestWrongCommandLines(t *testing.T) {
	const plainText = "without TLS passwords are sent in plain text: " +
		"set --tls-cert and --tls-key, or put a TLS proxy in front of the program and set --public-url https://…"
	for args, want := range map[string]string{
		"--nonsense":                           "unknown flag --nonsense",
		"dance":                                "unexpected argument dance",
		"serve --listen":                       "--listen",
		"--listen 8080":                        `--listen: "8080" is not HOST:PORT`,
		"--listen 0.0.0.0:8080":                plainText,
		"serve --allowed-hosts https://a":      "--allowed-hosts",
		"serve --log-format xml":               "--log-format must be one of",
		"serve --log-level loud":               "--log-level",
		"serve --session-idle soon":            "--session-idle",
		"serve --session-idle 0s":              "--session-idle: must be more than 0",
		"serve --trusted-proxies 10.0.0.1":     "--trusted-proxies",
		"serve --public-url nodes.example.com": "--public-url",
		"serve --sync-limit x":                 "--sync-limit",
		"serve --list-ttl 1h --hard-age 1m":    "--hard-age: must be at least --list-ttl",
		"user":                                 "expected one of",
		"user add":                             "missing flags: --role",
		"user add --role king ada":             "--role must be one of",
		"user add --role user":                 "<name>",
		"user add --role user --password x y":  "unknown flag --password",
		"user token":                           "<name>",
		"user token --expires soon ada":        `"soon": use a duration like 90d or 12h, or never`,
		"user token --expires 0d ada":          "use a duration like 90d",
		"user token --expires=-1h ada":         "use a duration like 90d",
		"user role ada king":                   "must be one of",
		"user role ada":                        "<role>",
		"user disable":                         "<name>",
		"token":                                "expected one of",
		"token revoke":                         "<number>",
		"token revoke x":                       "number",
		"backup":                               "<file>",
	} {
		t.Run(args, func(t *testing.T) {
			code, out, errs := command(t, "", strings.Fields(args)...)
			require.Equal(t, exitUsage, code)
			require.Empty(t, out)
			require.Equal(t, 1, strings.Count(errs, "\n"), errs)
			require.True(t, strings.HasPrefix(errs, "kube-node-manager: "), errs)
			require.Contains(t, errs, want)
		})
	}
}

func TestWrongEnvironment(t *testing.T) {
	t.Setenv("KNM_SESSION_IDLE", "soon")
	code, _, errs := command(t, "", "serve")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "KNM_SESSION_IDLE")
}

func TestHelp(t *testing.T) {
	code, out, errs := command(t, "", "--help")
	require.Zero(t, code)
	require.Empty(t, errs)
	for _, want := range []string{
		"serve", "user add", "user passwd", "user token", "user list", "user role", "user disable", "user enable",
		"user delete", "token list", "token revoke", "backup", "restore", "version",
	} {
		require.Contains(t, out, want)
	}
	code, out, _ = command(t, "", "serve", "--help")
	require.Zero(t, code)
	words := strings.Join(strings.Fields(out), " ")
	for _, want := range []string{
		`--listen="127.0.0.1:8080"`, "$KNM_LISTEN", "--session-idle=30m", "$KNM_PUBLIC_URL", "--[no-]resume",
		"--log-level=info",
	} {
		require.Contains(t, words, want)
	}
}

func TestVersion(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--version"}} {
		code, out, _ := command(t, "", args...)
		require.Zero(t, code)
		require.Equal(t, "kube-node-manager "+buildVersion()+"\n", out)
	}
	t.Setenv("KNM_VERSION", "1") // some charts set it; it must not act like --version
	code, _, _ := command(t, "", "user")
	require.Equal(t, exitUsage, code)
}

// The defaults of the flags and those of package web are the same.
func TestDefaults(t *testing.T) {
	var c cli
	parser, err := kong.New(&c, kong.Vars{"version": "x"}, kong.Vars(web.OptionHelp()))
	require.NoError(t, err)
	_, err = parser.Parse([]string{})
	require.NoError(t, err)
	require.Equal(t, web.DefaultOptions(), c.Serve.Options)
}

func TestUser(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	t.Setenv("KNM_DATA", data)
	const password = "correct horse battery"

	code, out, errs := command(t, password+"\n", "user", "add", "ada", "--role", "admin")
	require.Zero(t, code, errs)
	require.Equal(t, "Added ada as admin.\n", out)
	require.NotContains(t, out+errs, password)

	code, _, errs = command(t, password, "user", "add", "Ada", "--role", "user")
	require.Equal(t, exitFailed, code)
	require.Equal(t, "kube-node-manager: name: A user named Ada already exists.\n", errs)

	code, _, errs = command(t, "short\n", "user", "add", "b b", "--role", "user")
	require.Equal(t, exitFailed, code)
	require.Equal(t, "kube-node-manager: name: Use 1 to 64 letters, digits or the characters . _ - @, "+
		"starting with a letter or digit; password: Use at least 12 characters.\n", errs)

	code, _, errs = command(t, "", "user", "passwd", "ada")
	require.Equal(t, exitFailed, code, "no password at all")
	require.Contains(t, errs, "at least 12")

	code, out, errs = command(t, "another password\r\n", "user", "passwd", "ada")
	require.Zero(t, code, errs)
	require.Equal(t, "Changed the password of ada and ended all their sessions.\n", out)

	code, _, errs = command(t, password, "user", "passwd", "bob")
	require.Equal(t, exitFailed, code)
	require.Equal(t, "kube-node-manager: There is no user named bob.\n", errs)

	code, out, errs = command(t, "", "user", "token", "ada", "--label", "ci")
	require.Zero(t, code, errs)
	require.Regexp(t, `^knm_[A-Z2-7]{26}\n$`, out, "and nothing else, so that a script can read it")
}

func TestBackup(t *testing.T) {
	t.Setenv("KNM_DATA", filepath.Join(t.TempDir(), "data"))
	file := filepath.Join(t.TempDir(), "copy.db")
	code, out, errs := command(t, "", "backup", file)
	require.Zero(t, code, errs)
	require.Equal(t, "Wrote "+file+".\n", out)
	require.FileExists(t, file)
	code, _, errs = command(t, "", "backup", file)
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "file exists")
}

func TestServe_dataCannotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	code, _, errs := command(t, "", "user", "token", "ada", "--data", file)
	require.Equal(t, exitFailed, code)
	require.Equal(t, 1, strings.Count(errs, "\n"))
	require.Contains(t, errs, "create the data directory")
}

// built builds the program and returns its path.
func built(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kube-node-manager")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X main.version=1.2.3", "-o", file, ".")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return file
}

// served is a running program that was built.
type served struct {
	cmd *exec.Cmd
	url string
}

func serve(t *testing.T, program, data string) *served {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "--listen=127.0.0.1:0", "--data="+data)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(t.TempDir(), "none"), "KUBERNETES_SERVICE_HOST=")
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "Kube Node Manager 1.2.3: ")
	return &served{cmd: cmd, url: regexp.MustCompile(`http://\S+`).FindString(line)}
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(body)
}

// The built program starts again after it was stopped by a signal and after a kill.
func TestBuilt(t *testing.T) {
	program, data := built(t), filepath.Join(t.TempDir(), "data")
	p := serve(t, program, data)
	require.Equal(t, "kube-node-manager 1.2.3\n", get(t, p.url+"/version"))

	// A second server on the same data is refused. A command is not.
	second, err := exec.CommandContext(t.Context(), program, "--listen=127.0.0.1:0", "--data="+data).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(second), "another server runs on the data directory")
	add := exec.CommandContext(t.Context(), program, "user", "add", "bob", "--role=viewer", "--data="+data)
	add.Stdin = strings.NewReader("correct horse battery\n")
	out, err := add.CombinedOutput()
	require.NoError(t, err, string(out))

	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		require.NoError(t, p.cmd.Process.Signal(sig))
		require.NoError(t, wait(t, p.cmd), "the exit code is 0")
		p = serve(t, program, data)
	}
	require.NoError(t, p.cmd.Process.Kill())
	require.Error(t, wait(t, p.cmd))
	p = serve(t, program, data)
	require.Equal(t, "ready\n", get(t, p.url+"/readyz"), "it starts after a kill")
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
	require.Equal(t, "ready\n", get(t, p.url+"/readyz"), "SIGHUP does not stop it")
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, wait(t, p.cmd))
}

// wait waits until the program ends, for at most 15 s.
func wait(t *testing.T, cmd *exec.Cmd) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		require.NoError(t, cmd.Process.Kill())
		<-ended
		require.Fail(t, "the program did not end within 15 s")
		return nil
	}
}
