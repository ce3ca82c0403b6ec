package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"kube-node-manager/cmd/devcluster/internal/fleet"
)

// options are the flags of "up" and "run".
type options struct {
	dir     string
	fleet   fleet.Options
	stdin   bool
	timeout time.Duration
}

// defaultDir returns a directory that only the user can read, since it contains an
// administrator's token.
func defaultDir() string {
	cache, err := os.UserCacheDir()
	if err != nil { // No $HOME.
		cache = filepath.Join(os.TempDir(), "user-"+strconv.Itoa(os.Getuid()))
	}
	return filepath.Join(cache, "devcluster")
}

// parse parses the flags of one subcommand. The flag package reports errors itself.
func parse(set *flag.FlagSet, args []string) error {
	err := set.Parse(args)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return err
	}
	return exitError{2}
}

// errInterrupted is the error if a signal arrives while the plane is starting.
var errInterrupted = errors.New("interrupted")

// flags declares the flags that "up" and "run" share.
func (o *options) flags(name string) *flag.FlagSet {
	set := flag.NewFlagSet("devcluster "+name, flag.ContinueOnError)
	set.StringVar(&o.dir, "dir", o.dir, "`directory` of the plane; if empty, \"run\" creates a temporary one")
	set.DurationVar(&o.timeout, "timeout", 3*time.Minute, "give up if the plane is not ready after this `time`")
	o.fleet.Flags(set)
	return set
}

// up starts a plane and runs in the foreground until a signal arrives.
func up(ctx context.Context, args []string) error {
	o := options{dir: defaultDir()}
	set := o.flags("up")
	set.BoolVar(&o.stdin, "stdin", false,
		"also stop when standard input closes, so that the plane ends with the program that started it")
	if err := parse(set, args); err != nil {
		return err
	}
	if o.stdin {
		ctx = untilClosed(ctx, os.Stdin)
	}
	err := withPlane(ctx, o, func(p *plane) error {
		fmt.Println(kubeconfigPath(p.dir))
		fmt.Println(kubeconfigPath(p.dir) + "-viewer")
		select {
		case <-ctx.Done():
			return nil
		case err := <-p.failed:
			return err
		}
	})
	if errors.Is(err, errInterrupted) {
		return nil // A signal is the normal way to stop it.
	}
	return err
}

// untilClosed returns a context that also ends when the input does.
func untilClosed(ctx context.Context, input io.Reader) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, input) // An error is an end, too.
		cancel()
	}()
	return ctx
}

// runCommand runs one command, with a plane for as long as the command runs.
func runCommand(ctx context.Context, args []string) error {
	var o options
	set := o.flags("run")
	if err := parse(set, args); err != nil {
		return err
	}
	if set.NArg() == 0 {
		return errors.New("run: the command is missing; write it after \"--\"")
	}
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "devcluster-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.dir = dir
	}
	err := withPlane(ctx, o, func(p *plane) error { return p.command(set.Args()) })
	if errors.Is(err, errInterrupted) {
		return exitError{130} // The command did not run, so this is not a success.
	}
	return err
}

// withPlane locks the directory, starts a plane in it, calls use, and stops the
// plane. It returns errInterrupted if the context ends during the start.
func withPlane(ctx context.Context, o options, use func(*plane) error) error {
	specs, err := o.fleet.Clusters()
	if err != nil {
		return err
	}
	if err := checkVersion(); err != nil {
		return err
	}
	o.dir, err = filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	lock, err := lockDir(o.dir)
	if err != nil {
		return err
	}
	defer lock.release()
	p, err := startPlane(ctx, o, specs)
	if err != nil {
		if ctx.Err() != nil {
			return errInterrupted
		}
		return err
	}
	defer p.stop()
	return use(p)
}

// startPlane tries twice, because another program may take a port after freePorts
// has found it and before the component listens on it.
func startPlane(ctx context.Context, o options, specs []fleet.Cluster) (*plane, error) {
	var errs []error
	for range 2 {
		p, err := newPlane(o.dir, specs, printProgress)
		if err != nil {
			return nil, err
		}
		limited, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("not ready after %s", o.timeout))
		err = p.start(limited)
		expired := limited.Err() != nil
		cancel()
		if err == nil {
			return p, nil
		}
		p.stop()
		errs = append(errs, err)
		if expired {
			break
		}
		printProgress("the start failed, trying again: %v", err)
	}
	return nil, errors.Join(errs...)
}

// printProgress writes to standard error, since standard output is for the result
// of "up" and for the command of "run".
func printProgress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "devcluster: "+format+"\n", args...)
}

// command runs a command with the plane in its environment, and forwards signals to
// it.
func (p *plane) command(args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(),
		"KUBECONFIG="+kubeconfigPath(p.dir),
		"DEVCLUSTER_DIR="+p.dir,
		"DEVCLUSTER_KUBECTL="+p.kubectl(),
	)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	if err := p.spawner.start(cmd); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			return commandError(err)
		case sig := <-signals:
			forward(cmd.Process, sig)
		case err := <-p.failed:
			_ = cmd.Process.Kill()
			return errors.Join(err, <-ended)
		}
	}
}

// forward sends a signal to the command. It does not forward Ctrl-C from a terminal:
// the terminal has already sent it to the command, and programs such as "go test"
// exit at once on a second one.
func forward(process *os.Process, sig os.Signal) {
	if sig == os.Interrupt && term.IsTerminal(int(os.Stdin.Fd())) {
		return
	}
	_ = process.Signal(sig) // It may have ended meanwhile.
}

// commandError turns the error of the command into devcluster's exit code. If a
// signal ended the command, it is 128 plus the signal's number, as in a shell.
func commandError(err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return exitError{128 + int(status.Signal())}
	}
	return exitError{exit.ExitCode()}
}

// down stops the plane that runs in a directory.
func down(_ context.Context, args []string) error {
	set := flag.NewFlagSet("devcluster down", flag.ContinueOnError)
	dir := set.String("dir", defaultDir(), "`directory` of the plane")
	timeout := set.Duration("timeout", 30*time.Second, "give up after this `time`")
	if err := parse(set, args); err != nil {
		return err
	}
	return stopHolder(*dir, *timeout)
}

// kubeconfig prints the path of the kubeconfig file, or its content.
func kubeconfig(_ context.Context, args []string) error {
	set := flag.NewFlagSet("devcluster kubeconfig", flag.ContinueOnError)
	dir := set.String("dir", defaultDir(), "`directory` of the plane")
	raw := set.Bool("raw", false, "print the file's content")
	viewer := set.Bool("viewer", false, "the file of the user who may only read")
	if err := parse(set, args); err != nil {
		return err
	}
	path := kubeconfigPath(*dir)
	if *viewer {
		path += "-viewer"
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("no plane runs in %s: %w", *dir, err)
	}
	if *raw {
		_, err = os.Stdout.Write(content)
		return err
	}
	_, err = fmt.Println(path)
	return err
}

// checkVersion returns an error if the binary was linked without its version.
// Clients refuse an API server that reports the placeholder instead.
func checkVersion() error {
	if strings.Contains(kubernetesVersion(), "$Format") {
		return errors.New("built without the version of Kubernetes; use \"make plane\"")
	}
	return nil
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}
