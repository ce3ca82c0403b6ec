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

// defaultDir is private to the user: the directory holds an administrator's token.
func defaultDir() string {
	cache, err := os.UserCacheDir()
	if err != nil { // No $HOME.
		cache = filepath.Join(os.TempDir(), "user-"+strconv.Itoa(os.Getuid()))
	}
	return filepath.Join(cache, "devcluster")
}

// parse reads the flags of one subcommand; the flag package has then printed
// what is wrong.
func parse(set *flag.FlagSet, args []string) error {
	err := set.Parse(args)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return err
	}
	return exitError{2}
}

// errInterrupted says that a signal came while the plane was starting.
var errInterrupted = errors.New("interrupted")

// flags declares the flags that "up" and "run" share.
func (o *options) flags(name string) *flag.FlagSet {
	set := flag.NewFlagSet("devcluster "+name, flag.ContinueOnError)
	set.StringVar(&o.dir, "dir", o.dir, "`directory` of the plane; \"run\" makes a temporary one when it is empty")
	set.DurationVar(&o.timeout, "timeout", 3*time.Minute, "give up when the plane is not ready after this `time`")
	o.fleet.Flags(set)
	return set
}

// up starts a plane and stays in the foreground until a signal comes.
func up(ctx context.Context, args []string) error {
	o := options{dir: defaultDir()}
	set := o.flags("up")
	set.BoolVar(&o.stdin, "stdin", false, "stop also when standard input closes: the plane ends with the program that holds the other end")
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
		return nil // To be told to stop is how it always ends.
	}
	return err
}

// untilClosed returns a context that also ends when nothing more can be read.
func untilClosed(ctx context.Context, input io.Reader) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, input) // An error is an end, too.
		cancel()
	}()
	return ctx
}

// runCommand starts a plane for the life of one command.
func runCommand(ctx context.Context, args []string) error {
	var o options
	set := o.flags("run")
	if err := parse(set, args); err != nil {
		return err
	}
	if set.NArg() == 0 {
		return errors.New("run: no command; write it after \"--\"")
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
		return exitError{130} // The command never ran: no success.
	}
	return err
}

// withPlane runs use while a plane is up in a directory that is locked for it.
// It returns errInterrupted when the context ends during the start.
func withPlane(ctx context.Context, o options, use func(*plane) error) error {
	specs, err := o.fleet.Clusters()
	if err != nil {
		return err
	}
	if err := checkVersion(); err != nil {
		return err
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
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

// startPlane tries twice: between finding a free port and a component's bind
// another program may take it.
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
		if errs = append(errs, err); expired {
			break
		}
		printProgress("start failed, once more: %v", err)
	}
	return nil, errors.Join(errs...)
}

// printProgress writes to standard error: standard output belongs to the
// result of "up" and to the command of "run".
func printProgress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "devcluster: "+format+"\n", args...)
}

// command runs CMD with the plane in its environment and passes signals on.
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

// forward passes a signal to the command. A Ctrl-C at a terminal is left out:
// the terminal has sent it to the command already, and programs such as "go
// test" take a second one for an order to drop everything.
func forward(process *os.Process, sig os.Signal) {
	if sig == os.Interrupt && term.IsTerminal(int(os.Stdin.Fd())) {
		return
	}
	_ = process.Signal(sig) // It may have ended meanwhile.
}

// commandError turns the end of the command into devcluster's exit code, with
// the shell's 128+n for a command that a signal ended.
func commandError(err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
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

// kubeconfig prints where the kubeconfig file is, or what is in it.
func kubeconfig(_ context.Context, args []string) error {
	set := flag.NewFlagSet("devcluster kubeconfig", flag.ContinueOnError)
	dir := set.String("dir", defaultDir(), "`directory` of the plane")
	raw := set.Bool("raw", false, "print the file's content")
	viewer := set.Bool("viewer", false, "the file of the user who may only look")
	if err := parse(set, args); err != nil {
		return err
	}
	path := kubeconfigPath(*dir)
	if *viewer {
		path += "-viewer"
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("no plane is up in %s: %w", *dir, err)
	}
	if *raw {
		_, err = os.Stdout.Write(content)
		return err
	}
	_, err = fmt.Println(path)
	return err
}

// checkVersion refuses a binary that was linked without its version, because
// clients refuse an API server that reports the placeholder.
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
