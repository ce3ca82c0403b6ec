package acceptance

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"kube-node-manager/services/kube/kubetest"
)

// databaseFile is the database in the data directory.
const databaseFile = "kube-node-manager.db"

func (s *scene) database() string { return filepath.Join(s.program.Data, databaseFile) }

// smallDisk puts the data directory on a disk of its own.
func smallDisk(s *scene) {
	mount(s, s.program.Data, "size=24m,mode=0700")
}

// mount mounts a small disk until the end of the test.
func mount(s *scene, dir, options string) {
	s.Helper()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options)
	if errors.Is(err, syscall.EPERM) {
		s.Skip("NOT TESTED: this fault needs a disk of its own, and this user may not mount one")
	}
	require.NoError(s, err)
	s.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// noise returns bytes that mean nothing, the same in every run.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
}

// holdAll holds the patches of all nodes until the returned function is called, and starts
// the batch.
func (s *scene) holdAll() (release func()) {
	hold := make(chan struct{})
	held := s.proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Hold: hold})
	s.submit()
	held.WaitHits(s, 1)
	return func() {
		held.Remove()
		close(hold)
	}
}

// unstored lets the calls of a batch go while the database takes nothing, and requires that
// its page says why, that the batch is not done, and that further batches are refused for
// that reason.
func (s *scene) unstored(release func(), words string) {
	s.Helper()
	release()
	why := says(words)
	s.eventually("the page says why nothing is stored: "+words, func() bool {
		status, page := s.page("/batches/" + s.batch.ID)
		return status == http.StatusOK && why.MatchString(page)
	})
	now := s.program.batch(s, s.batch.ID)
	s.check(now.EndedAt == nil, "a batch whose results are not stored has not ended")
	s.check(now.Counts["succeeded"] == 0, "what is not stored does not count: %v", now.Counts)
	status, said := s.refused()
	s.check(status == http.StatusServiceUnavailable, "a batch that cannot be stored is answered with %d", status)
	s.check(why.MatchString(said), "a batch that cannot be stored is refused with %q", said)
	s.figures.faults++
}

// refused asks for another batch, and returns the answer.
func (s *scene) refused() (status int, said string) {
	s.Helper()
	path := "/clusters/" + url.PathEscape(s.cluster.Name) + "/batches"
	form := strings.NewReader(s.form().Encode())
	response, raw := s.program.call(s, http.MethodPost, path, "application/json", formKind, form)
	return response.StatusCode, string(raw)
}

// fillDisk fills the disk in the middle of a batch, and makes room again.
func fillDisk(s *scene) {
	release := s.holdAll()
	ballast := filepath.Join(s.program.Data, "ballast")
	fill(s, ballast)
	s.unstored(release, "disk of the data directory is full")
	require.NoError(s, os.Remove(ballast))
}

// fill writes a file until the disk is full.
func fill(s *scene, path string) {
	s.Helper()
	file, err := os.Create(path)
	require.NoError(s, err)
	for size := 1 << 20; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = file.Write(make([]byte, size))
		}
		require.ErrorIs(s, err, syscall.ENOSPC)
	}
	require.NoError(s, file.Close())
}

// lockDatabase has another program hold the lock of the database, in the middle of a batch.
func lockDatabase(s *scene) {
	release := s.holdAll()
	db, err := sql.Open("sqlite", "file:"+s.database()+"?_txlock=immediate")
	require.NoError(s, err)
	tx, err := db.BeginTx(s.Context(), nil)
	require.NoError(s, err)
	s.unstored(release, "database is (busy|locked)")
	require.NoError(s, tx.Rollback())
	require.NoError(s, db.Close())
}

// refusesToStart starts the program and returns what it says before it ends.
func (s *scene) refusesToStart() string {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), longest)
	defer cancel()
	args := slices.DeleteFunc(slices.Clone(s.program.args), func(arg string) bool { // the log would be refused first
		return arg == "--log-file" || arg == s.program.logFile()
	})
	out, err := exec.CommandContext(ctx, s.program.path, args...).CombinedOutput()
	s.figures.faults++
	var exit *exec.ExitError
	s.check(errors.As(err, &exit) && exit.ExitCode() > 0, "the program has started, or was killed: %v", err)
	return string(out)
}

// forbidWrites makes the disk of the data directory read-only while the program starts.
func forbidWrites(s *scene) {
	s.program.end(s, syscall.SIGTERM)
	remount := func(flags uintptr) {
		require.NoError(s, syscall.Mount("tmpfs", s.program.Data, "tmpfs", syscall.MS_REMOUNT|flags, "size=24m"))
	}
	remount(syscall.MS_RDONLY)
	said := s.refusesToStart()
	s.check(strings.Contains(said, "not writable"), "the program ends with %q", said)
	s.check(strings.Contains(said, s.program.Data), "the program does not name the directory: %q", said)
	remount(0)
	s.program.start(s)
	s.submit()
}

// startTwice starts a second program on the data directory of the first.
func startTwice(s *scene) {
	release := s.holdAll()
	said := s.refusesToStart()
	s.check(strings.Contains(said, "another server runs on the data directory"), "the program ends with %q", said)
	release()
}

// corruptDatabase overwrites the database: of a running program after its batch, and of
// one that is to start. A backup brings it back.
func corruptDatabase(s *scene) {
	s.submit()
	s.await()
	backup := filepath.Join(s.TempDir(), "backup.db")
	s.program.run(s, "", "backup", backup, "--data", s.program.Data)
	s.overwrite()
	damaged := says("database is damaged")
	s.eventually("requests say that the database is damaged", func() bool {
		status, page := s.page("/batches")
		return status == http.StatusServiceUnavailable && damaged.MatchString(page)
	})
	status, said := s.refused()
	s.check(status == http.StatusServiceUnavailable, "a batch is answered with %d: %s", status, said)
	s.program.end(s, syscall.SIGKILL)
	said = s.refusesToStart()
	s.check(strings.Contains(said, s.database()), "the program does not name the file: %q", said)
	s.check(damaged.MatchString(said), "the program ends with %q", said)
	s.program.run(s, "", "restore", backup, "--data", s.program.Data)
	s.program.start(s)
}

// overwrite overwrites the database and its log with noise, but for the first page.
func (s *scene) overwrite() {
	s.Helper()
	for _, name := range []string{s.database(), s.database() + "-wal"} {
		file, err := os.OpenFile(name, os.O_WRONLY, 0)
		require.NoError(s, err)
		info, err := file.Stat()
		require.NoError(s, err)
		_, err = file.WriteAt(noise(int(max(0, info.Size()-4096))), 4096)
		require.NoError(s, err)
		require.NoError(s, file.Close())
	}
}

// killOften kills the program at random moments of a batch, and starts it again.
func killOften(s *scene) {
	s.struck(kubetest.Fault{Code: http.StatusServiceUnavailable}, 1, passes)
	s.submit()
	for range killsOfSuite {
		time.Sleep(rand.N(1500 * time.Millisecond))
		s.program.end(s, syscall.SIGKILL)
		s.figures.faults++
		s.program.start(s)
		if s.program.batch(s, s.batch.ID).State == "interrupted" {
			s.resume()
		}
	}
}

// sendGarbage sends what is no request, and forms that mean nothing, beside a batch.
func sendGarbage(s *scene) {
	release := s.holdAll()
	chance := rand.New(rand.NewPCG(3, 4)) // the same sequence in every run
	for range 200 {
		s.figures.faults++
		s.sendNoise(chance)
	}
	paths, fields, values := garbagePaths(s.cluster.Name, "nothing", "1"), garbageFields(), garbage()
	for range 200 {
		form := url.Values{}
		for range chance.IntN(8) {
			form.Add(fields[chance.IntN(len(fields))], values[chance.IntN(len(values))])
		}
		path := paths[chance.IntN(len(paths))]
		response, _ := s.program.call(s, http.MethodPost, path, "application/json", formKind,
			strings.NewReader(form.Encode()))
		s.figures.faults++
		s.check(response.StatusCode < 500, "%s with %q answers %d", path, form, response.StatusCode)
	}
	release()
	s.check(!strings.Contains(s.program.log(s), "panic"), "nothing panics")
}

// sendNoise sends bytes that are no request, and requires that the program closes the
// connection, or answers that it is a bad request.
func (s *scene) sendNoise(chance *rand.Rand) {
	s.Helper()
	conn := s.dial()
	defer func() { _ = conn.Close() }()
	noise := make([]byte, 1+chance.IntN(2000))
	for i := range noise {
		noise[i] = byte(chance.IntN(256))
	}
	_, _ = conn.Write(append(noise, "\r\n\r\n"...)) // it may be closed by then
	require.NoError(s, conn.SetReadDeadline(time.Now().Add(patience)))
	answer, err := io.ReadAll(conn)
	s.check(!errors.Is(err, os.ErrDeadlineExceeded), "a connection with noise stays open")
	s.check(len(answer) == 0 || bytes.HasPrefix(answer, []byte("HTTP/1.1 4")), "noise is answered with %q", answer)
}

// postMuch sends large requests at the same time, beside a batch.
func postMuch(s *scene) {
	const clients, each, limit = 24, 8, 400 << 20
	release := s.holdAll()
	body := url.Values{"operation": {"label"}, "node": {"a"}, "label": {filled("a=b,")}}.Encode()
	path := "/clusters/" + url.PathEscape(s.cluster.Name) + "/batches/preview"
	answers := make(chan string, clients*each)
	for range clients {
		go func() {
			for range each {
				answers <- s.send(path, body)
			}
		}()
	}
	for range clients * each {
		said := <-answers
		s.figures.faults++
		s.check(strings.HasPrefix(said, "4"), "a large request: %s", said)
	}
	release()
	peak := s.program.resident(s, "VmHWM")
	s.Logf("most memory with large requests: %d MB", peak>>20)
	s.check(peak < limit, "the program had %d MB", peak>>20)
}

// send sends a form from any goroutine, and returns the status of the answer or the error.
func (s *scene) send(path, body string) string {
	r, err := s.program.newRequest(s.Context(), http.MethodPost, path, strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	r.Header.Set("Content-Type", formKind)
	response, err := s.program.client.Do(r)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, response.Body)
	return fmt.Sprint(response.StatusCode)
}
