package batch_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/rule"
	"kube-node-manager/services/store"
)

// asked is a set of clusters of which none can be reached; it notes that somebody
// wanted to work on one.
type asked struct{ n int }

func (a *asked) Client(string) (*kube.Client, error) {
	a.n++
	return nil, services.NewError(services.CodeNotFound, "error_cluster_unknown")
}

// After a restart nothing is done in the name of somebody who is gone or may do
// less than when the batch began.
func TestStart_holdsWhatItsUserMayNoMore(t *testing.T) {
	for name, tt := range map[string]struct {
		then, now services.Role
		change    string // of the user
		canceled  bool
		want      store.Hold
		goesOn    bool
	}{
		"as it was":                {then: "user", now: "user", goesOn: true},
		"may do more":              {then: "user", now: "admin", goesOn: true},
		"demoted":                  {then: "admin", now: "user", want: store.HoldDemoted},
		"earlier version":          {now: "user", goesOn: true},
		"earlier version, demoted": {now: "viewer", want: store.HoldDemoted},
		"disabled": {
			then: "user", now: "user", change: "UPDATE users SET disabled = TRUE", want: store.HoldDisabled,
		},
		"deleted": {then: "user", now: "user", change: "DELETE FROM users", want: store.HoldDeleted},
		"disabled, but to be ended": {
			then: "user", now: "user", change: "UPDATE users SET disabled = TRUE", canceled: true, want: store.HoldDisabled,
			goesOn: true,
		},
		"restored from a copy": {
			then: "user", now: "user", change: "UPDATE batches SET held = 'restored'", want: store.HoldRestored,
		},
		"deleted, with an earlier id": {
			then: "user", now: "user", change: "UPDATE users SET id = 99", want: store.HoldDeleted,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, db := archive(t)
			id, err := db.InsertUser(t.Context(), store.User{
				Name: "bob", PasswordHash: "x", Role: tt.now, CreatedAt: time.Now(),
			})
			require.NoError(t, err)
			b := batch.Batch{
				ID: "b1", Cluster: "prod", Operation: "cordon", Params: json.RawMessage(`{}`), State: store.StateRunning,
				CreatedAt: time.Now(), ActorID: id, By: "bob", ActorRole: tt.then, Total: 1,
			}
			require.NoError(t, db.InsertBatch(t.Context(), b, []batch.Item{{Node: "n1", State: store.ItemPending}}))
			if tt.canceled {
				require.NoError(t, db.RequestCancel(t.Context(), "b1"))
			}
			_, err = db.Writer().ExecContext(t.Context(), tt.change)
			require.NoError(t, err)

			clusters := &asked{}
			log := slog.New(slog.DiscardHandler)
			engine := batch.New(batch.Dependencies{
				Store: db, Accounts: account.New(db, log, time.Now, nil), Clusters: clusters, Log: log,
				Rules: rule.New(db, time.Now),
			}, usual)
			require.NoError(t, engine.Start(t.Context()))
			require.Equal(t, tt.goesOn, clusters.n > 0)
			got, err := db.Batch(t.Context(), "b1")
			require.NoError(t, err)
			require.Equal(t, store.StateInterrupted, got.State, "its cluster cannot be reached")
			require.Equal(t, tt.want, got.Held)
		})
	}
}

// A batch that is held goes on when somebody who may says so, and no longer says
// that it is held.
func TestStart_heldBatchIsResumedByAnother(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	dir := t.TempDir()
	p := startProcess(t, c.Kubeconfig, dir, usual)
	v := p.atGate(t, p.rollout(t, c.Name, names, "canary", "1").ID)
	_, err := p.store.Writer().ExecContext(t.Context(),
		"UPDATE users SET disabled = TRUE; UPDATE batches SET paused = FALSE")
	require.NoError(t, err)
	p.stop()

	p = startProcess(t, c.Kubeconfig, dir, usual)
	now, err := p.engine.View(as(t, services.RoleViewer), v.ID)
	require.NoError(t, err)
	require.Equal(t, store.StateInterrupted, now.State)
	require.Equal(t, store.HoldDisabled, now.Held)
	another := services.WithActor(t.Context(), services.Actor{ID: 8, Name: "eve", Role: services.RoleUser})
	_, err = p.engine.Resume(as(t, services.RoleViewer), v.ID, nil)
	require.Equal(t, services.CodeForbidden, services.CodeOf(err), "not by anybody")
	_, err = p.engine.Resume(another, v.ID, nil)
	require.NoError(t, err)
	ended := p.wait(t, v.ID)
	require.Equal(t, store.StateSucceeded, ended.State)
	require.Empty(t, ended.Held)
}

// What runs in the name of somebody stops when they may no longer do it, and waits for
// somebody who may.
func TestCheckAccess_stopsRunningBatches(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	p.seen.onChange = func() { time.Sleep(100 * time.Millisecond) } // it is seen as interrupted before its run is over
	ctx, cancel := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	watch.Go(func() { p.engine.CheckAccess(ctx) })
	t.Cleanup(func() {
		cancel()
		watch.Wait()
	})
	for _, tt := range []struct {
		change string // of the user; takes effect while the batch waits at its gate
		back   string
		want   store.Hold
	}{
		{"role = 'viewer'", "role = 'admin'", store.HoldDemoted},
		{"disabled = TRUE", "disabled = FALSE", store.HoldDisabled},
		{"reset_at = 9000000000000000", "reset_at = NULL", store.HoldReset},
	} {
		t.Run(string(tt.want), func(t *testing.T) {
			v := p.atGate(t, p.rollout(t, c.Name, names, "canary", "1", "label", "why="+string(tt.want)).ID)
			p.engine.AccessChanged()
			now, err := p.engine.View(as(t, services.RoleViewer), v.ID)
			require.NoError(t, err)
			require.Equal(t, store.StateRunning, now.State, "nothing has changed yet")

			_, err = p.store.Writer().ExecContext(t.Context(), "UPDATE users SET "+tt.change+" WHERE id = 7")
			require.NoError(t, err)
			p.engine.AccessChanged()
			require.Eventually(t, func() bool {
				now, err = p.engine.View(as(t, services.RoleViewer), v.ID)
				return err == nil && now.State == store.StateInterrupted
			}, 20*time.Second, 10*time.Millisecond)
			require.Equal(t, tt.want, now.Held)
			require.Equal(t, batch.Counts{Succeeded: 1, Pending: 2}, now.Counts, "what was done stays, the rest waits")

			_, err = p.store.Writer().ExecContext(t.Context(), "UPDATE users SET "+tt.back+" WHERE id = 7")
			require.NoError(t, err)
			_, err = p.engine.Resume(as(t, services.RoleUser), v.ID, nil)
			require.NoError(t, err)
			ended := p.wait(t, v.ID)
			require.Equal(t, store.StateSucceeded, ended.State)
			require.Empty(t, ended.Held)
		})
	}
}
