package acceptance

import (
	"database/sql"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"kube-node-manager/services/kube/kubetest"
)

// A backup that was made while a batch ran is restored: the program refuses while it runs,
// the database of that time is back, and the batch, which has ended since, does not run
// again by itself. Then the database before is restored, with what it knew.
func TestRestore_whole(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	proxy := c.Proxy(t)
	p := startProgram(t, proxy.Kubeconfig(t, c.Name), followed)
	hold := make(chan struct{})
	held := p.submitHeld(t, c, proxy, hold, names[0], names[1])
	copied := filepath.Join(t.TempDir(), "copy.db")
	p.run(t, "", "backup", copied, "--data", p.Data)
	close(hold)
	require.Equal(t, "succeeded", p.awaitBatch(t, held.ID).State)
	later, _ := p.submit(t, c.Name, "cordon", names[2])
	require.Equal(t, "succeeded", p.awaitBatch(t, later.ID).State)

	said, err := exec.Command(p.path, "restore", copied, "--data", p.Data).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(said), "another server runs on the data directory")
	p.end(t, syscall.SIGTERM)
	text := p.run(t, "", "restore", copied, "--data", p.Data)
	require.Contains(t, text, "1 unfinished batch waits")
	aside := regexp.MustCompile(`The database before is now (\S+\.db)\.`).FindStringSubmatch(text)
	require.NotNil(t, aside, text)

	// Somebody else has taken the nodes back into service. They stay so.
	for _, name := range names[:2] {
		c.UpdateNode(t, name, func(n *corev1.Node) { n.Spec.Unschedulable = false })
	}
	proxy.Reset()
	p.start(t)
	b := p.batch(t, held.ID)
	require.Equal(t, "interrupted", b.State)
	require.Zero(t, proxy.Calls("patch", "nodes"))
	require.Equal(t, []string{held.ID}, p.history(t, ""), "the later batch was not in the copy")
	status, page := p.page(t, "/batches/"+held.ID)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page.Find("#progress").Text(), "the database was restored")
	require.Equal(t, "restore", p.audit(t, "action=restore")[0].Action)
	p.request(t, http.MethodPost, "/batches/"+held.ID+"/resume", url.Values{}, &b)
	require.Equal(t, "succeeded", p.awaitBatch(t, held.ID).State)
	require.True(t, c.Node(t, names[0]).Spec.Unschedulable)

	p.end(t, syscall.SIGTERM)
	p.run(t, "", "restore", aside[1], "--data", p.Data)
	p.start(t)
	require.ElementsMatch(t, []string{held.ID, later.ID}, p.history(t, ""))
}

// A program that is older than a database says so, and changes nothing.
func TestRestore_olderProgram(t *testing.T) {
	p := newProgram(t, kubetest.WriteKubeconfig(t, "none", &rest.Config{Host: "https://127.0.0.1:1"}))
	db, err := sql.Open("sqlite", filepath.Join(p.Data, "kube-node-manager.db"))
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	for _, command := range [][]string{{"serve"}, {"user", "list"}} {
		args := append(command, "--data", p.Data)
		said, err := exec.Command(p.path, args...).CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(said), "its schema has version 999 and this program knows only up to")
		require.Contains(t, string(said), "use the newer program, or restore a copy from")
	}
}
