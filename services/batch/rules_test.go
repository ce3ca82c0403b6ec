package batch_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
)

// rule sets the rules of a cluster.
func (p *process) rule(t *testing.T, cluster string, f form.Fields) {
	t.Helper()
	_, err := p.rules.Set(as(t, services.RoleAdmin), cluster, f)
	require.NoError(t, err)
}

func TestRules_reason(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 1)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	p.rule(t, c.Name, form.Fields{"reason_required": {"1"}})
	q := batch.Request{Cluster: c.Name, Operation: "cordon", Nodes: names, Reason: " "}
	_, err := p.engine.Preview(as(t, services.RoleUser), q)
	require.NoError(t, err, "a plan needs no reason yet")
	_, err = p.engine.Submit(as(t, services.RoleUser), q)
	require.Equal(t, services.CodeInvalid, services.CodeOf(err))
	require.Equal(t, "reason", services.AsError(err).Fields[0].Field)

	q.Reason = "kernel update"
	v, err := p.engine.Submit(as(t, services.RoleUser), q)
	require.NoError(t, err)
	v = p.wait(t, v.ID)
	_, err = p.engine.Undo(as(t, services.RoleUser), v.ID, nil, "", "")
	require.NoError(t, err, "it has the reason of the first")
}
