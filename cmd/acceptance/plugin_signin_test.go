package acceptance

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A login is a sign-in of the plugin that waits for a person.
type login struct {
	t         *testing.T
	cmd       *exec.Cmd
	stdin     io.WriteCloser
	out, errs *output
}

// startLogin starts a sign-in whose browser is a script that writes down the address.
func (p plugin) startLogin(t *testing.T, args ...string) *login {
	t.Helper()
	l := &login{t: t, cmd: exec.Command(p.path, append([]string{"login"}, args...)...), out: &output{}, errs: &output{}}
	browser := filepath.Join(p.home, "browser")
	script := "#!/bin/sh\necho \"$1\" > " + p.home + "/new\nmv " + p.home + "/new " + p.home + "/address\n"
	require.NoError(t, os.WriteFile(browser, []byte(script), 0o700))
	l.cmd.Env = append(append(l.cmd.Environ(), p.env...), "BROWSER="+browser)
	l.cmd.Stdout, l.cmd.Stderr = l.out, l.errs
	var err error
	l.stdin, err = l.cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, l.cmd.Start())
	t.Cleanup(func() { _ = l.cmd.Process.Kill() })
	return l
}

// opened returns the address that the browser was to open.
func (p plugin) opened(t *testing.T) string {
	t.Helper()
	var address []byte
	require.Eventually(t, func() bool {
		var err error
		address, err = os.ReadFile(filepath.Join(p.home, "address"))
		return err == nil
	}, patience, 10*time.Millisecond)
	return strings.TrimSpace(string(address))
}

// ends requires that the sign-in succeeds.
func (l *login) ends() string {
	l.t.Helper()
	require.NoError(l.t, l.cmd.Wait(), l.errs.String())
	require.NotContains(l.t, l.out.String()+l.errs.String(), "knm_", "the token is shown nowhere")
	return l.out.String()
}

// mode returns the rights of the file with the tokens.
func (p plugin) mode(t *testing.T) os.FileMode {
	t.Helper()
	info, err := os.Stat(filepath.Join(p.home, "kubectl-node_mgr", "config.json"))
	require.NoError(t, err)
	return info.Mode().Perm()
}

// A person who signs in at an identity provider lets the plugin have a token, in a real
// browser: from the terminal to the provider, to the question, and back to the terminal.
func TestPlugin_singleSignOn(t *testing.T) {
	host, err := os.Hostname()
	require.NoError(t, err)
	for name, scripts := range map[string]bool{"with scripts": true, "without scripts": false} {
		t.Run(name, func(t *testing.T) {
			_, options := startProvider(t, freeAddress(t))
			p := startProgram(t, noClusters(t), options...)
			own := newPlugin(t)
			waits := own.startLogin(t, p.URL, "--browser")
			x := startBrowser(t).tab(p)
			x.expect("favicon.ico") // of the provider and of the plugin
			if !scripts {
				x.withoutScripts()
			}
			path, found := strings.CutPrefix(own.opened(t), p.URL)
			require.True(t, found)
			x.open(path)
			x.press(`form.card a.btn`)
			x.signInAtProvider()
			x.until(`location.pathname === "/authorize" && document.readyState === "complete"`)
			require.Contains(t, x.seen(), "Let kubectl on "+host+" act as you?")
			if scripts {
				x.accessible("the question of a terminal")
			}
			x.press(`button[value=allow]`)
			x.until(`location.pathname === "/authorize/done" && document.readyState === "complete"`)
			require.Contains(t, x.seen(), "kubectl is signed in")
			require.Contains(t, waits.ends(), "Signed in to "+p.URL+" as id2 until ")
			require.Equal(t, os.FileMode(0o600), own.mode(t))

			own.done(t, "history")
			x.open("/profile")
			require.Contains(t, x.seen(), "kubectl on "+host)
			own.done(t, "logout")
			x.open("/profile")
			require.NotContains(t, x.seen(), "kubectl on "+host, "revoked")
		})
	}
}

// Where there is no browser, a person signs in on another machine with a password, and
// copies the code.
func TestPlugin_signsInWithACode(t *testing.T) {
	p := startProgram(t, noClusters(t))
	own := newPlugin(t)
	waits := own.startLogin(t, p.URL, "--no-browser")
	waits.errs.await(t, "Code: ")
	address := regexp.MustCompile(`\S+/authorize\?\S+`).FindString(waits.errs.String())
	x := startBrowser(t).tab(p)
	x.open(strings.TrimPrefix(address, p.URL))
	x.fill(`input[name=name]`, adminName)
	x.fill(`input[name=password]`, adminPassword)
	x.press(`form[action="/login"] button`)
	x.until(`location.pathname === "/authorize" && document.readyState === "complete"`)
	x.press(`button[value=allow]`)
	x.until(`document.querySelector("code.secret")`)
	x.accessible("the code for a terminal")
	code := value[string](x, `document.querySelector("code.secret").textContent`)
	_, err := io.WriteString(waits.stdin, "AAAAA-BBBBB-CCCCC-DDDDD\n"+strings.ToLower(code)+"\n")
	require.NoError(t, err)
	require.Contains(t, waits.ends(), "as "+adminName)
	require.Contains(t, waits.errs.String(), "This code is unknown, was used before, or has expired.")
	own.done(t, "history")

	again := own.startLogin(t, p.URL, "--no-browser")
	again.errs.await(t, "Code: ")
	_, err = io.WriteString(again.stdin, strings.Repeat(code+"\n", 3))
	require.NoError(t, err)
	require.Error(t, again.cmd.Wait(), "a code works once")
	require.Equal(t, 2, again.cmd.ProcessState.ExitCode())
	require.NoFileExists(t, filepath.Join(own.home, "address"), "no browser is opened")
	own.done(t, "history") // the earlier sign-in is as it was
}
