package batch_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/store"
	"kube-node-manager/services/store/storetest"
)

// A batch whose results cannot be stored says why, counts nothing, and goes on by itself.
func TestBatch_saysWhyNothingIsStored(t *testing.T) {
	c, proxy, p := behind(t, usual)
	names := c.Nodes(t, 3)
	hold := make(chan struct{})
	held := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Hold: hold})
	v := p.submit(t, c.Name, "cordon", names...)
	held.WaitHits(t, 1)
	storetest.SetReadOnly(t, p.store, true)
	close(hold)
	var now batch.View
	require.Eventually(t, func() bool {
		var err error
		now, err = p.engine.View(as(t, services.RoleViewer), v.ID)
		return err == nil && now.Unstored != nil
	}, time.Minute, 10*time.Millisecond)
	require.Equal(t, "error_database_readonly", now.Unstored.Text)
	require.Zero(t, now.Counts.Succeeded)
	require.Equal(t, store.StateRunning, now.State)

	storetest.SetReadOnly(t, p.store, false)
	v = p.wait(t, v.ID)
	require.Equal(t, batch.Counts{Succeeded: 3}, v.Counts)
	require.Nil(t, v.Unstored)
}
