package batch_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/store"
)

// second is another person with the right to drain.
func second(t *testing.T) context.Context {
	t.Helper()
	return services.WithActor(t.Context(), services.Actor{ID: 8, Name: "eve", Role: services.RoleAdmin})
}

func (p *process) planOf(t *testing.T, id string) string {
	t.Helper()
	_, plan, err := p.engine.PlanOf(second(t), id)
	require.NoError(t, err)
	return plan.Digest
}

// A drain begins when a second person has seen its plan, and nobody is their own second.
func TestApprove(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	p.rule(t, c.Name, form.Fields{"approval_drain": {"1"}})
	v, err := p.ask(t, c.Name, "drain", names)
	require.NoError(t, err)
	require.Equal(t, store.StateProposed, v.State)
	require.Equal(t, batch.Counts{Pending: 2}, v.Counts)
	plan := p.planOf(t, v.ID)
	_, err = p.engine.Approve(as(t, services.RoleAdmin), v.ID, plan)
	require.Equal(t, "error_approval_own", services.AsError(err).Text)
	_, err = p.engine.Approve(services.WithActor(t.Context(), services.Actor{ID: 9, Role: services.RoleUser}), v.ID, plan)
	require.Equal(t, services.CodeForbidden, services.CodeOf(err), "they may not drain")
	_, err = p.engine.Resume(second(t), v.ID, nil)
	require.Equal(t, "error_approval_needed", services.AsError(err).Text)
	_, err = p.engine.Approve(second(t), v.ID, "")
	require.Equal(t, "plan", services.AsError(err).Fields[0].Field)
	_, err = p.engine.Approve(second(t), v.ID, "another")
	require.Equal(t, "error_plan_changed", services.AsError(err).Text)

	_, err = p.engine.Approve(second(t), v.ID, plan)
	require.NoError(t, err)
	v = p.wait(t, v.ID)
	require.Equal(t, batch.Counts{Succeeded: 2}, v.Counts)
	require.Equal(t, "oncall", v.By)
	require.Equal(t, "eve", v.Approval.By)
	require.Equal(t, plan, v.Approval.Plan)
	entries, err := p.store.Entries(t.Context(), store.EntryQuery{Action: store.ActionBatchApprove, Limit: 9})
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, "eve", entries[0].Actor)
	_, err = p.engine.Approve(second(t), v.ID, plan)
	require.Equal(t, services.CodeConflict, services.CodeOf(err), "it has ended")

	other, err := p.ask(t, c.Name, "uncordon", names)
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Succeeded: 2}, p.wait(t, other.ID).Counts, "only drains need it")
}

// An approval is for the plan that was seen: another one needs another approval.
func TestApprove_anotherPlan(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	k := clockAt(t, thursday)
	dir := t.TempDir()
	p := startProcessAt(t, c.Kubeconfig, dir, usual, k.now)
	p.rule(t, c.Name, form.Fields{"approval_drain": {"1"}})
	v, err := p.ask(t, c.Name, "drain", names, "start_at", "2026-11-26T14:00:00Z")
	require.NoError(t, err)
	_, err = p.engine.Approve(second(t), v.ID, p.planOf(t, v.ID))
	require.NoError(t, err)
	require.Equal(t, store.StateScheduled, p.view(t, v.ID).State)

	c.UpdateNode(t, names[0], func(n *corev1.Node) { n.Spec.Unschedulable = true })
	p.cache.InvalidateCluster(c.Name)
	p.on(t, k, "2026-11-26T14:00:01Z")
	v = p.view(t, v.ID)
	require.Equal(t, store.StateProposed, v.State)
	require.True(t, v.Approval.Changed)
	require.Nil(t, v.Approval.At)
	p.stop()

	k.set(t, "2026-11-26T20:00:00Z") // nothing is forgotten, and it is not too late
	p = startProcessAt(t, c.Kubeconfig, dir, usual, k.now)
	p.engine.CheckSchedule(t.Context())
	require.Equal(t, store.StateProposed, p.view(t, v.ID).State)
	_, err = p.engine.Approve(second(t), v.ID, p.planOf(t, v.ID))
	require.NoError(t, err)
	require.Equal(t, store.StateSucceeded, p.wait(t, v.ID).State)
}

func TestReject(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 1)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	p.rule(t, c.Name, form.Fields{"approval_drain": {"1"}})
	v, err := p.ask(t, c.Name, "drain", names)
	require.NoError(t, err)
	_, err = p.engine.Reject(as(t, services.RoleAdmin), v.ID, "no")
	require.Equal(t, "error_approval_own", services.AsError(err).Text, "one cancels one's own")
	_, err = p.engine.Reject(second(t), v.ID, "not today")
	require.NoError(t, err)
	v = p.wait(t, v.ID)
	require.Equal(t, store.StateCancelled, v.State)
	require.True(t, v.Approval.Rejected)
	require.Equal(t, "not today", v.Approval.Why)
	require.Equal(t, "eve", v.Approval.By)
	require.Equal(t, "Ready", p.table(t, c.Name)[names[0]])

	mine, err := p.ask(t, c.Name, "drain", names)
	require.NoError(t, err)
	_, err = p.engine.Cancel(as(t, services.RoleAdmin), mine.ID)
	require.NoError(t, err)
	require.Equal(t, store.StateCancelled, p.wait(t, mine.ID).State)
	require.Eventually(t, func() bool { return len(p.engine.Running(services.Scope{All: true})) == 0 },
		10*time.Second, 10*time.Millisecond)
}
