package batch_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/kube/kubetest"
)

// person is somebody of that id who may change nodes.
func person(t *testing.T, id int64) context.Context {
	t.Helper()
	return services.WithActor(t.Context(), services.Actor{ID: id, Name: "ops", Role: services.RoleUser})
}

func TestLimits_plans(t *testing.T) {
	o := usual
	o.Limits = batch.Limits{
		PlansPerCluster: 3, PlansPerActor: 2, PlanWait: 50 * time.Millisecond, OpenPerCluster: 9, OpenPerActor: 9,
		NodesPerActor: 9,
	}
	c, proxy, p := behind(t, o)
	names := c.Nodes(t, 1)
	request := batch.Request{Cluster: c.Name, Operation: "cordon", Nodes: names}
	hold := make(chan struct{})
	held := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Hold: hold}) // the dry run of each plan
	answers := make(chan error, 3)
	for i := range int64(3) {
		go func() {
			_, err := p.engine.Preview(person(t, 1+i/2), request) // two of the first, one of the second
			answers <- err
		}()
	}
	held.WaitHits(t, 3)
	_, err := p.engine.Preview(person(t, 1), request)
	require.Equal(t, services.CodeThrottled, services.CodeOf(err))
	require.Equal(t, "error_plans_actor", text(err))
	require.NotZero(t, services.AsError(err).Args["Seconds"], "when to come back")
	_, err = p.engine.Submit(person(t, 3), request)
	require.Equal(t, "error_plans_cluster", text(err))
	held.Remove()
	close(hold)
	for range 3 {
		require.NoError(t, <-answers)
	}
	_, err = p.engine.Preview(person(t, 1), request)
	require.NoError(t, err, "there is room again")
}

// Who has to wait is let in as soon as there is room.
func TestLimits_plansWait(t *testing.T) {
	o := usual
	o.Limits = batch.Limits{
		PlansPerCluster: 1, PlansPerActor: 1, PlanWait: time.Minute, OpenPerCluster: 9, OpenPerActor: 9, NodesPerActor: 9,
	}
	c, proxy, p := behind(t, o)
	request := batch.Request{Cluster: c.Name, Operation: "cordon", Nodes: c.Nodes(t, 1)}
	hold := make(chan struct{})
	held := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Hold: hold, Times: 1})
	answers := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := p.engine.Preview(person(t, 1), request)
			answers <- err
		}()
	}
	held.WaitHits(t, 1)
	close(hold)
	require.NoError(t, <-answers)
	require.NoError(t, <-answers)
}

func TestLimits_openBatches(t *testing.T) {
	o := usual
	o.Limits = batch.Limits{
		PlansPerCluster: 9, PlansPerActor: 9, PlanWait: time.Minute, OpenPerCluster: 3, OpenPerActor: 2, NodesPerActor: 3,
	}
	c, proxy, p := behind(t, o)
	names := c.Nodes(t, 3)
	hold := make(chan struct{})
	proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Hold: hold})
	submit := func(id int64, nodes ...string) (batch.View, error) {
		return p.engine.Submit(person(t, id), batch.Request{Cluster: c.Name, Operation: "cordon", Nodes: nodes})
	}
	first, err := submit(1, names[0])
	require.NoError(t, err)
	_, err = submit(1, names...)
	require.Equal(t, "error_open_nodes", text(err))
	_, err = submit(1, names[1])
	require.NoError(t, err)
	_, err = submit(1, names[2])
	require.Equal(t, services.CodeThrottled, services.CodeOf(err))
	require.Equal(t, "error_open_actor", text(err))
	_, err = submit(2, names[2])
	require.NoError(t, err)
	_, err = submit(3, names[2])
	require.Equal(t, "error_open_cluster", text(err))
	close(hold)
	p.wait(t, first.ID)
	_, err = submit(3, names[2])
	require.NoError(t, err, "one has ended")
}

func TestSubmit_boundsTheKey(t *testing.T) {
	c := lease(t)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	request := batch.Request{
		Cluster: c.Name, Operation: "cordon", Nodes: c.Nodes(t, 1), IdempotencyKey: strings.Repeat("é", 128),
	}
	_, err := p.engine.Submit(person(t, 1), request)
	require.NoError(t, err)
	request.IdempotencyKey += "x"
	_, err = p.engine.Submit(person(t, 1), request)
	require.Equal(t, services.CodeInvalid, services.CodeOf(err))
	require.Equal(t, "idempotency_key: error_key_long", text(err))
}
