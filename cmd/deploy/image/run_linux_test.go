package main

import (
	"bufio"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// jailVariable names the root file system in which this test program runs its
	// arguments, as a container runtime does.
	jailVariable = "IMAGE_JAIL"
	// readOnlyVariable says that the root file system can be mounted.
	readOnlyVariable = "IMAGE_JAIL_READ_ONLY"
	// volumeVariable names the directory that becomes the volume.
	volumeVariable = "IMAGE_JAIL_VOLUME"

	password = "correct horse battery"
	patience = time.Minute
)

func TestMain(m *testing.M) {
	if root := os.Getenv(jailVariable); root != "" {
		panic(enterJail(root))
	}
	os.Exit(m.Run())
}

// enterJail runs the arguments of this process with another root and as another user. It
// returns only after an error.
func enterJail(root string) error {
	if os.Getenv(readOnlyVariable) != "" {
		if err := mountReadOnly(root, os.Getenv(volumeVariable)); err != nil {
			return err
		}
	}
	if err := syscall.Chroot(root); err != nil {
		return err
	}
	if err := os.Chdir(dataDir); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		if err := becomeUser(); err != nil {
			return err
		}
	}
	for _, name := range []string{jailVariable, readOnlyVariable, volumeVariable} {
		if err := os.Unsetenv(name); err != nil {
			return err
		}
	}
	return syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
}

// mountReadOnly makes root a read-only file system with the volume in it.
func mountReadOnly(root, volume string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := syscall.Mount(root, root, "", syscall.MS_BIND, ""); err != nil {
		return err
	}
	if err := syscall.Mount(volume, filepath.Join(root, dataDir), "", syscall.MS_BIND, ""); err != nil {
		return err
	}
	var flags syscall.Statfs_t // Those of the mount above may not be dropped.
	if err := syscall.Statfs(root, &flags); err != nil {
		return err
	}
	kept := uintptr(flags.Flags) & (syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC | syscall.MS_NOATIME)
	return syscall.Mount("", root, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY|kept, "")
}

func becomeUser() error {
	if err := syscall.Setgroups(nil); err != nil {
		return err
	}
	if err := syscall.Setgid(userID); err != nil {
		return err
	}
	return syscall.Setuid(userID)
}

// A jail runs the program of an unpacked image.
type jail struct {
	root, volume string
	attr         *syscall.SysProcAttr
	readOnly     bool
}

// newJail unpacks the image. It finds out what this machine allows: the root user and
// others, by user namespaces, can mount the root read-only. Where mounts are forbidden,
// root can still change the root directory; its files belong to root then, so that the
// user of the program cannot write to them. A machine that allows neither skips the test.
func newJail(t *testing.T) *jail {
	t.Helper()
	j := &jail{root: t.TempDir(), volume: t.TempDir(), readOnly: true}
	j.attr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		const chroot, admin = 18, 21 // CAP_SYS_CHROOT, CAP_SYS_ADMIN
		j.attr.Cloneflags |= syscall.CLONE_NEWUSER
		j.attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: userID, HostID: os.Getuid(), Size: 1}}
		j.attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: userID, HostID: os.Getgid(), Size: 1}}
		j.attr.AmbientCaps = []uintptr{chroot, admin}
	}
	j.unpack(t)
	if j.command(t, "--version").Run() == nil {
		return j
	}
	j.readOnly = false
	j.attr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 || j.command(t, "--version").Run() != nil {
		t.Skip("NOT TESTED: this machine allows neither namespaces nor chroot, so the image was not run")
	}
	t.Log("NOT TESTED: this machine allows no mounts; the root is protected by permissions, and not read-only")
	return j
}

func (j *jail) unpack(t *testing.T) {
	t.Helper()
	var files []file
	for _, f := range entries(t, image(t).images[own]) {
		files = append(files, f)
	}
	require.NoError(t, writeFiles(j.root, files))
	require.NoError(t, os.Chmod(j.volume, 0o700))
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(j.volume, userID, userID))
		require.NoError(t, os.Chown(filepath.Join(j.root, dataDir), userID, userID))
	}
}

// command returns a command of the program, with the environment of the image.
func (j *jail) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	config, err := image(t).images[own].ConfigFile()
	require.NoError(t, err)
	cmd := exec.Command(self, append(config.Config.Entrypoint, args...)...)
	cmd.SysProcAttr = j.attr
	cmd.Env = append(config.Config.Env, jailVariable+"="+j.root, "KNM_LISTEN=127.0.0.1:0")
	if j.readOnly {
		cmd.Env = append(cmd.Env, readOnlyVariable+"=1", volumeVariable+"="+j.volume)
	}
	return cmd
}

// data returns the directory that the program sees as its volume.
func (j *jail) data() string {
	if j.readOnly {
		return j.volume
	}
	return filepath.Join(j.root, dataDir)
}

// The program runs from its root file system as a user without rights and with a
// read-only root: it is healthy, people can sign in, and it writes to the volume only.
func TestImage_runsWithAReadOnlyRoot(t *testing.T) {
	j := newJail(t)
	before := contents(t, j.root)
	add := j.command(t, "user", "add", "admin", "--role", "admin")
	add.Stdin = strings.NewReader(password + "\n")
	text, err := add.CombinedOutput()
	require.NoError(t, err, "%s", text)

	address := j.serve(t)
	cookies, err := cookiejar.New(nil)
	require.NoError(t, err)
	client := &http.Client{Jar: cookies, Timeout: patience}
	defer client.CloseIdleConnections()
	require.Eventually(t, func() bool { return get(t, client, address+"/readyz") == http.StatusOK },
		patience, 50*time.Millisecond)
	form := url.Values{"name": {"admin"}, "password": {password}}
	response, err := client.PostForm(address+"/login", form)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, "/clusters", response.Request.URL.Path, "where the sign-in leads")
	require.Equal(t, http.StatusOK, get(t, client, address+"/users"))

	_, err = os.Stat(filepath.Join(j.data(), "kube-node-manager.db"))
	require.NoError(t, err)
	elsewhere, err := j.command(t, "user", "list", "--data", "/etc/data").CombinedOutput()
	require.Error(t, err, "it must not be able to write elsewhere")
	if j.readOnly {
		require.Contains(t, string(elsewhere), "read-only file system")
		require.Equal(t, before, contents(t, j.root))
	}
}

// Without TLS and without an address of a TLS proxy, it does not listen in the network,
// and says what to set.
func TestImage_needsADecision(t *testing.T) {
	cmd := newJail(t).command(t)
	cmd.Env = append(cmd.Env, "KNM_LISTEN=:8080")
	text, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(text), "--public-url https://")
}

// serve runs the program until the end of the test, and returns its address.
func (j *jail) serve(t *testing.T) string {
	t.Helper()
	cmd := j.command(t)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		_, _ = io.Copy(io.Discard, lines)
		require.NoError(t, cmd.Wait())
	})
	fields := strings.Fields(first)
	return fields[len(fields)-1]
}

func get(t *testing.T, client *http.Client, address string) int {
	t.Helper()
	response, err := client.Get(address)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}
