// Command kube-node-manager serves a browser tool for the maintenance of the nodes of
// Kubernetes clusters.
//
// This package has only the command line; see package web for the program. The exit
// code is 0 for success, 1 for a failure, and 2 for a wrong command line.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"kube-node-manager/web"
)

// version is set by the build: -ldflags "-X main.version=1.2.3".
var version string

const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal stops the program gracefully. After it, the default action is
	// restored, so that a second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are the standard streams. Tests replace them.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// cli is the command line. Each flag can also be set by an environment variable, which
// has its name in upper case after KNM_: KNM_PUBLIC_URL for --public-url.
type cli struct {
	Version kong.VersionFlag `help:"Show the version." env:"-"`

	Serve      serveCmd      `cmd:"" default:"withargs" help:"Serve the pages (this is the default)."`
	User       userCmd       `cmd:"" help:"Manage users and create tokens, also while the program runs."`
	Token      tokenCmd      `cmd:"" help:"List and revoke tokens, also while the program runs."`
	Backup     backupCmd     `cmd:"" help:"Write a copy of the database to a new file, also while the program runs."`
	Restore    restoreCmd    `cmd:"" help:"Replace the database by a copy of it; the server must not run."`
	CopyDB     copyCmd       `cmd:"" name:"copy-database" help:"Copy the database to PostgreSQL; no server may run."`
	RotateKey  rotateCmd     `cmd:"" help:"Encrypt the credentials of imported clusters under another key."`
	Completion completionCmd `cmd:"" help:"Print the completion for a shell."`
	VersionCmd versionCmd    `cmd:"" name:"version" help:"Show the version."`
}

type serveCmd struct {
	web.Options
}

// Run serves the pages until ctx ends.
func (c *serveCmd) Run(ctx context.Context, s streams) error {
	c.Options.Version, c.Output, c.Key = buildVersion(), s.out, takeKey()
	return web.Run(ctx, c.Options)
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(s streams) error {
	_, err := fmt.Fprintln(s.out, "kube-node-manager", buildVersion())
	return err
}

// exit is the panic value by which kong ends run after --help and --version.
type exit int

// run executes the command line and returns the exit code.
func run(ctx context.Context, args []string, s streams) (code int) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case exit:
			code = int(e)
		default:
			panic(e)
		}
	}()
	parser := kong.Must(&cli{},
		kong.Name("kube-node-manager"),
		kong.Description("Maintenance of the nodes of many Kubernetes clusters, in the browser."),
		kong.DefaultEnvars("KNM"),
		kong.Vars{"version": "kube-node-manager " + buildVersion()},
		kong.Vars(web.OptionHelp()),
		kong.Writers(s.out, s.err),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s),
	)
	if completes(args) {
		if err := complete(ctx, parser, args, s); err != nil {
			return exitUsage // the shell shows nothing
		}
		return 0
	}
	command, err := parser.Parse(args)
	if err != nil {
		return complain(s, exitUsage, err.Error()+" (see --help)")
	}
	if err := command.Run(); err != nil {
		return complain(s, exitFailed, web.Explain(ctx, err))
	}
	return 0
}

// complain prints an error on one line and returns code.
func complain(s streams, code int, text string) int {
	_, _ = fmt.Fprintln(s.err, "kube-node-manager: "+strings.ReplaceAll(text, "\n", "; "))
	return code
}

// buildVersion returns the version that was set by the build, or else that of the
// Go module.
func buildVersion() string {
	if version != "" {
		return version
	}
	if build, ok := debug.ReadBuildInfo(); ok && build.Main.Version != "" {
		return build.Main.Version
	}
	return "(devel)"
}
