package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// booted is a machine that systemd has booted, as far as its basic target: none of the
// services of this machine start in the copy. It has the network of this machine.
type booted struct {
	*machine
	leader int // the process that is number 1 there
}

// bootScript boots the machine. systemd-nspawn mounts file systems of its own.
const bootScript = `
for dir in proc dev sys run; do umount --recursive --lazy "$0/$dir"; done
exec systemd-nspawn --quiet --register=no --keep-unit --console=pipe --machine=booted \
	--directory="$0" --boot -- --unit=basic.target`

// boot boots the machine. What a unit waits for in the network may never come here.
func (m *machine) boot() *booted {
	m.t.Helper()
	for _, name := range []string{"/usr/bin/systemd-nspawn", "/usr/lib/systemd/systemd"} {
		if _, err := os.Stat(name); err != nil {
			m.t.Skipf("NOT TESTED: the unit was not run, because this machine has no %s", name)
		}
	}
	m.run("ln", "--symbolic", "--force", "/dev/null", "/etc/systemd/system/network-online.target")
	var said bytes.Buffer
	cmd := exec.Command("nsenter", fmt.Sprintf("--mount=/proc/%d/ns/mnt", m.holder), "sh", "-e", "-c", bootScript, m.root)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(m.t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // The exit code says how the machine was shut down.
	}()
	m.t.Cleanup(func() { shutDown(cmd.Process, ended) })
	b := &booted{machine: m}
	for start := time.Now(); time.Since(start) < patience; time.Sleep(100 * time.Millisecond) {
		b.leader = firstChild(cmd.Process.Pid)
		if b.leader != 0 && b.command("systemctl", "is-active", "basic.target").Run() == nil {
			return b
		}
		select {
		case <-ended:
			m.t.Skipf("NOT TESTED: this machine does not allow to boot systemd, so no unit was run: %s", said.String())
		default:
		}
	}
	require.FailNow(m.t, "systemd has not booted", "%s", said.String())
	return nil
}

// shutDown asks for a shutdown as a power button does, and insists after a while.
func shutDown(process *os.Process, ended <-chan struct{}) {
	_ = process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(patience):
		_ = process.Kill()
		<-ended
	}
}

// firstChild returns 0 for a process that has no child.
func firstChild(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	child, err := strconv.Atoi(first)
	if err != nil {
		return 0
	}
	return child
}

// command returns a command that runs as root on the booted machine.
func (b *booted) command(args ...string) *exec.Cmd {
	cmd := exec.Command("nsenter", append([]string{
		fmt.Sprintf("--target=%d", b.leader), "--mount", "--uts", "--ipc", "--pid", "--root", "--wd",
	}, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/root"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (b *booted) run(args ...string) string {
	b.t.Helper()
	text, err := b.command(args...).CombinedOutput()
	require.NoError(b.t, err, "%s: %s\n%s", args, text, b.journal())
	return string(text)
}

func (b *booted) journal() string {
	text, _ := b.command("journalctl", "--unit=kube-node-manager", "--output=cat", "--no-pager").CombinedOutput()
	return string(text)
}

// property returns what systemd says of the service.
func (b *booted) property(name string) string {
	b.t.Helper()
	return strings.TrimSpace(b.run("systemctl", "show", "--value", "--property="+name, service))
}

// addresses waits for that many starts of the service, and returns the address of each.
func (b *booted) addresses(starts int) []string {
	b.t.Helper()
	listening := regexp.MustCompile(`msg=Listening address=\S+ url=(\S+)`)
	var all []string
	b.until(func() bool {
		all = nil
		for _, found := range listening.FindAllStringSubmatch(b.journal(), -1) {
			all = append(all, found[1])
		}
		return len(all) == starts
	})
	return all
}

func (b *booted) until(done func() bool) {
	b.t.Helper()
	require.Eventually(b.t, done, patience, 100*time.Millisecond)
}

// The unit of the package runs under systemd: it starts, has no rights, opens its log file
// again on a reload, comes back after a crash, runs the new version after an upgrade, and
// is gone after the removal.
func TestDeb_underSystemd(t *testing.T) {
	m := newMachine(t)
	m.install(deb(t, service))
	m.setting("KNM_LISTEN", "127.0.0.1:0")
	m.setting("KNM_LOG_FILE", "/var/log/kube-node-manager/app.log")
	b := m.boot()
	require.Equal(t, "no", b.property("NeedDaemonReload"))
	require.Equal(t, "inactive", b.property("ActiveState"), "somebody has to decide to start it")
	b.run("systemctl", "enable", "--now", service)
	address := b.addresses(1)[0]
	b.addAdministrator()
	signIn(t, address)
	b.hasNoRights()
	b.rotatesItsLog()

	b.run("systemctl", "kill", "--signal=KILL", service)
	b.addresses(2)
	require.Equal(t, "1", b.property("NRestarts"))

	newer := m.newer()
	b.run("dpkg", "--install", newer)
	signIn(t, b.addresses(3)[2])
	require.Contains(t, b.journal(), "version=v3.0.1")

	b.run("systemctl", "stop", service)
	require.Equal(t, "success", b.property("Result"))
	b.run("systemctl", "start", service)
	b.addresses(4)
	b.run("dpkg", "--purge", service)
	require.Error(t, b.command("systemctl", "is-active", service).Run())
	require.Error(t, b.command("systemctl", "is-enabled", service).Run())
}

// addAdministrator runs the command as docs/administration.md says.
func (b *booted) addAdministrator() {
	b.t.Helper()
	add := b.command("runuser", "-u", service, "--", service, "user", "add", "admin", "--role", "admin",
		"--data", stateDir)
	add.Stdin = strings.NewReader(password + "\n")
	text, err := add.CombinedOutput()
	require.NoError(b.t, err, "%s", text)
}

// hasNoRights looks at the process, and at what systemd thinks of the unit.
func (b *booted) hasNoRights() {
	b.t.Helper()
	status := b.run("cat", "/proc/"+b.property("MainPID")+"/status")
	for _, want := range []string{
		`CapEff:\s0+\n`, `CapBnd:\s0+\n`, `NoNewPrivs:\s1\n`, `Seccomp:\s2\n`,
	} {
		require.Regexp(b.t, want, status)
	}
	const highest = "15" // Of 100, which is no protection at all.
	b.run("systemd-analyze", "security", "--no-pager", "--threshold="+highest, service)
}

func (b *booted) rotatesItsLog() {
	b.t.Helper()
	const log = "/var/log/kube-node-manager/app.log"
	b.run("mv", log, log+".1")
	b.run("systemctl", "reload", service)
	b.until(func() bool { return b.command("test", "-e", log).Run() == nil })
}

// newer puts the package of the next version on the machine, and returns its path there.
func (m *machine) newer() string {
	m.t.Helper()
	b := testBuilder(m.t, "v3.0.1")
	made, err := b.make(m.t.Context(), own)
	require.NoError(m.t, err)
	dir := m.t.TempDir()
	require.NoError(m.t, b.writePackages(dir, made))
	return m.copy(filepath.Join(dir, fmt.Sprintf("kube-node-manager_3.0.1_%s.deb", own.Arch)))
}
