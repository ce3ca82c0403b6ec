package acceptance

import (
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/store/storetest/postgres"
)

// A team that began with the embedded database goes on with PostgreSQL: with the same users,
// tokens and batches, which can be undone there.
func TestCopyDatabase(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	server, err := postgres.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	address := server.URL(replicaDatabase)
	p := startProgram(t, c.Kubeconfig)
	var b batchDoc
	form := url.Values{"operation": {"cordon"}, "node": names, "reason": {"kernel CVE"}}
	p.request(t, http.MethodPost, "/clusters/"+url.PathEscape(c.Name)+"/batches", form, &b)
	requireComplete(t, p.awaitBatch(t, b.ID), names)
	before := p.batch(t, b.ID)

	args := []string{"copy-database", "--data", p.Data, "--database", address}
	said, err := exec.Command(p.path, args...).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(said), "another server runs on the data directory")
	p.end(t, syscall.SIGTERM)
	text := p.run(t, "", args...)
	key := filepath.Join(p.Data, "cluster-credentials.key")
	require.Contains(t, text, "counted them on both sides")
	require.Contains(t, text, "a copy of the key "+key+" as --key-file")
	said, err = exec.Command(p.path, args...).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(said), "the PostgreSQL database is not empty")

	p.args = append(p.args, "--database", address, "--key-file", key)
	p.start(t)
	require.Equal(t, before, p.batch(t, b.ID))
	require.Equal(t, []string{b.ID}, p.history(t, ""))
	require.Equal(t, "copy", p.audit(t, "action=copy")[0].Action)
	p.request(t, http.MethodPost, "/batches/"+b.ID+"/undo", url.Values{}, &b)
	requireComplete(t, p.awaitBatch(t, b.ID), names)
	require.False(t, c.Node(t, names[0]).Spec.Unschedulable)
}
