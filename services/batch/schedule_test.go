package batch_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/store"
)

// clock is a clock that a test sets.
type clock struct{ at atomic.Int64 }

// clockAt returns a clock that shows a time until it is set.
func clockAt(t *testing.T, text string) *clock {
	t.Helper()
	c := &clock{}
	c.set(t, text)
	return c
}

func (c *clock) set(t *testing.T, text string) {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	c.at.Store(at.UnixMilli())
}

func (c *clock) now() time.Time { return time.UnixMilli(c.at.Load()).UTC() }

// on makes time pass until the clock shows a time, and has the engine look at it.
func (p *process) on(t *testing.T, c *clock, text string) {
	t.Helper()
	c.set(t, text)
	p.engine.CheckSchedule(t.Context())
}

// ask submits a request as an administrator.
func (p *process) ask(t *testing.T, cluster, operation string, nodes []string, pairs ...string) (batch.View, error) {
	t.Helper()
	f := form.Fields{}
	for i := 0; i < len(pairs); i += 2 {
		f[pairs[i]] = append(f[pairs[i]], pairs[i+1])
	}
	return p.engine.Submit(as(t, services.RoleAdmin), batch.Request{
		Cluster: cluster, Operation: operation, Nodes: nodes, Reason: "kernel CVE", Fields: f,
	})
}

func (p *process) view(t *testing.T, id string) batch.View {
	t.Helper()
	v, err := p.engine.View(as(t, services.RoleViewer), id)
	require.NoError(t, err)
	return v
}

// 26 November 2026 is a Thursday.
const thursday = "2026-11-26T12:00:00Z"

func TestSchedule_beginsAtItsTime(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	k := clockAt(t, thursday)
	p := startProcessAt(t, c.Kubeconfig, t.TempDir(), usual, k.now)
	v, err := p.ask(t, c.Name, "cordon", names, "start_at", "2026-11-26T14:00:00+00:00")
	require.NoError(t, err)
	require.Equal(t, store.StateScheduled, v.State)
	require.Equal(t, batch.Counts{Pending: 2}, v.Counts)
	require.Nil(t, v.StartedAt)
	require.Equal(t, "2026-11-26T14:00:00Z", v.Schedule.At.Format(time.RFC3339))
	page, err := p.engine.List(as(t, services.RoleViewer), batch.Query{State: "scheduled"})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	_, err = p.engine.Undo(as(t, services.RoleAdmin), v.ID, nil, "", "")
	require.Equal(t, services.CodeConflict, services.CodeOf(err), "nothing can be undone")

	p.on(t, k, "2026-11-26T13:59:59Z")
	require.Equal(t, store.StateScheduled, p.view(t, v.ID).State)
	p.on(t, k, "2026-11-26T14:00:01Z")
	v = p.wait(t, v.ID)
	require.Equal(t, batch.Counts{Succeeded: 2}, v.Counts)
	require.Equal(t, "2026-11-26T14:00:01Z", v.StartedAt.Format(time.RFC3339))
	entries, err := p.store.Entries(t.Context(), store.EntryQuery{Action: store.ActionBatchBegin, Limit: 9})
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestSchedule_refusesWhatIsNoTime(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 1)
	k := clockAt(t, thursday)
	p := startProcessAt(t, c.Kubeconfig, t.TempDir(), usual, k.now)
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for name, f := range map[string]form.Fields{
		"past":    {"start_at": {"2026-11-26T11:00:00Z"}},
		"far":     {"start_at": {"2027-11-26T11:00:00Z"}},
		"text":    {"start_at": {"tomorrow"}},
		"missing": {"start": {"at"}},
		"skipped": {"start_at": {"2027-03-28T02:30"}},
	} {
		_, err := p.engine.Submit(as(t, services.RoleAdmin), batch.Request{
			Cluster: c.Name, Operation: "cordon", Nodes: names, Fields: f, Zone: berlin,
		})
		require.Equal(t, services.CodeInvalid, services.CodeOf(err), name)
		require.Equal(t, "start_at", services.AsError(err).Fields[0].Field, name)
	}
	_, err = p.ask(t, c.Name, "cordon", names, "window", "1")
	require.Equal(t, "start", services.AsError(err).Fields[0].Field, "the cluster has no window")

	local, err := p.engine.Submit(as(t, services.RoleAdmin), batch.Request{
		Cluster: c.Name, Operation: "cordon", Nodes: names, Zone: berlin,
		Fields: form.Fields{"start": {"at"}, "start_at": {"2026-11-26T20:15"}},
	})
	require.NoError(t, err)
	require.Equal(t, "2026-11-26T19:15:00Z", local.Schedule.At.UTC().Format(time.RFC3339))
}

func TestSchedule_isCancelled(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	k := clockAt(t, thursday)
	p := startProcessAt(t, c.Kubeconfig, t.TempDir(), usual, k.now)
	v, err := p.ask(t, c.Name, "cordon", names, "start_at", "2026-11-26T14:00:00Z")
	require.NoError(t, err)
	_, err = p.engine.Cancel(as(t, services.RoleViewer), v.ID)
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
	_, err = p.engine.Cancel(as(t, services.RoleUser), v.ID)
	require.NoError(t, err)
	v = p.wait(t, v.ID)
	require.Equal(t, store.StateCancelled, v.State)
	require.Equal(t, batch.Counts{Cancelled: 2}, v.Counts)
	require.Nil(t, v.StartedAt, "it has not begun")
	p.on(t, k, "2026-11-26T14:00:01Z")
	require.Equal(t, store.StateCancelled, p.view(t, v.ID).State)
	for name, status := range p.table(t, c.Name) {
		require.Equal(t, "Ready", status, name)
	}
}

// Who was away, or may no longer do it, is not acted for.
func TestSchedule_isHeldForItsUser(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 1)
	k := clockAt(t, thursday)
	p := startProcessAt(t, c.Kubeconfig, t.TempDir(), usual, k.now)
	v, err := p.ask(t, c.Name, "cordon", names, "start_at", "2026-11-26T14:00:00Z")
	require.NoError(t, err)
	_, err = p.store.Writer().ExecContext(t.Context(), "UPDATE users SET role = 'viewer'")
	require.NoError(t, err)
	p.on(t, k, "2026-11-26T14:00:01Z")
	v = p.view(t, v.ID)
	require.Equal(t, store.StateInterrupted, v.State)
	require.Equal(t, store.HoldDemoted, v.Held)

	another := services.WithActor(t.Context(), services.Actor{ID: 8, Name: "eve", Role: services.RoleUser})
	_, err = p.engine.Resume(another, v.ID, nil)
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Succeeded: 1}, p.wait(t, v.ID).Counts)
}

// The plan of the time counts: what nobody has agreed to is not done.
func TestSchedule_isHeldForItsPlan(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	k := clockAt(t, thursday)
	dir := t.TempDir()
	p := startProcessAt(t, c.Kubeconfig, dir, usual, k.now)
	v, err := p.ask(t, c.Name, "drain", names, "start_at", "2026-11-26T14:00:00Z", "ignore_daemonsets", "1")
	require.NoError(t, err)
	ns := c.Namespace(t)
	alone := c.Pod(t, ns, "alone", names[1])
	p.on(t, k, "2026-11-26T14:00:01Z")
	v = p.view(t, v.ID)
	require.Equal(t, store.StateInterrupted, v.State)
	require.Equal(t, store.HoldPlan, v.Held)
	require.NotNil(t, v.Schedule.Why)
	require.Nil(t, v.StartedAt)
	p.stop()

	p = startProcessAt(t, c.Kubeconfig, dir, usual, k.now) // a restart does not begin it
	p.on(t, k, "2026-11-26T14:30:00Z")
	require.Equal(t, store.HoldPlan, p.view(t, v.ID).Held)
	_, err = p.engine.Resume(as(t, services.RoleAdmin), v.ID, nil)
	require.Error(t, err, "the pod still needs a consent that this batch does not have")
	require.NoError(t, c.Client.CoreV1().Pods(ns).Delete(t.Context(), alone.Name, metav1.DeleteOptions{}))
	c.Eventually(t, func(context.Context) error {
		if left := podsOn(t, c, names[1]); len(left) > 0 {
			return fmt.Errorf("%s are left", left)
		}
		return nil
	})
	_, err = p.engine.Resume(as(t, services.RoleAdmin), v.ID, nil)
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Succeeded: 2}, p.wait(t, v.ID).Counts)
}

// Another node of the same name is not the one that was chosen.
func TestSchedule_isHeldForAnotherNode(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 1)
	k := clockAt(t, thursday)
	p := startProcessAt(t, c.Kubeconfig, t.TempDir(), usual, k.now)
	v, err := p.ask(t, c.Name, "cordon", names, "start_at", "2026-11-26T14:00:00Z")
	require.NoError(t, err)
	_, err = p.store.Writer().ExecContext(t.Context(), "UPDATE batch_items SET uid = 'another'")
	require.NoError(t, err)
	p.on(t, k, "2026-11-26T14:00:01Z")
	v = p.view(t, v.ID)
	require.Equal(t, store.HoldPlan, v.Held)
	require.Equal(t, "held_node_replaced", v.Schedule.Why.ID)
	require.Equal(t, names[0], v.Schedule.Node)
	_, err = p.engine.Resume(as(t, services.RoleUser), v.ID, nil)
	require.NoError(t, err, "somebody has read that, and wants it")
	require.Equal(t, batch.Counts{Succeeded: 1}, p.wait(t, v.ID).Counts)
}

func TestSchedule_missedWhileTheProgramWasDown(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	k := clockAt(t, thursday)
	dir := t.TempDir()
	p := startProcessAt(t, c.Kubeconfig, dir, usual, k.now)
	p.rule(t, c.Name, saturday)
	late, err := p.ask(t, c.Name, "cordon", names[:1], "start_at", "2026-11-28T23:00:00Z")
	require.NoError(t, err)
	missed, err := p.ask(t, c.Name, "cordon", names[1:2], "start_at", "2026-11-28T14:00:00Z")
	require.NoError(t, err)
	next, err := p.ask(t, c.Name, "cordon", names[2:], "start", "window")
	require.NoError(t, err)
	require.Equal(t, "2026-11-28T20:00:00Z", next.Schedule.At.UTC().Format(time.RFC3339))
	p.stop()

	k.set(t, "2026-11-28T23:10:00Z") // the window was open from 20:00 to 22:00
	p = startProcessAt(t, c.Kubeconfig, dir, usual, k.now)
	p.engine.CheckSchedule(t.Context())
	require.Equal(t, batch.Counts{Succeeded: 1}, p.wait(t, late.ID).Counts, "ten minutes are not too late")
	require.Equal(t, store.HoldMissed, p.view(t, missed.ID).Held)
	waits := p.view(t, next.ID)
	require.Equal(t, store.StateScheduled, waits.State)
	require.Equal(t, "2026-12-05T20:00:00Z", waits.Schedule.At.UTC().Format(time.RFC3339))
	p.on(t, k, "2026-12-05T20:00:00Z")
	require.Equal(t, batch.Counts{Succeeded: 1}, p.wait(t, next.ID).Counts)
}

// saturday is a window on Saturdays from 20:00 to 22:00 UTC.
var saturday = form.Fields{
	"window_days_1": {"sat"}, "window_start_1": {"20:00"}, "window_length_1": {"2h"}, "window_zone_1": {"UTC"},
}

// A window that closes stops a batch at the next safe point, and the next one continues it,
// also in another process.
func TestSchedule_restsBetweenWindows(t *testing.T) {
	for name, restart := range map[string]bool{"same process": false, "another process": true} {
		t.Run(name, func(t *testing.T) {
			c := lease(t)
			names := c.Nodes(t, 3)
			k := clockAt(t, thursday)
			dir := t.TempDir()
			p := startProcessAt(t, c.Kubeconfig, dir, usual, k.now)
			p.rule(t, c.Name, saturday)
			v, err := p.ask(t, c.Name, "drain", names, "window", "1", "wave_size", "1", "wave_pause", "2s", "parallel", "1")
			require.NoError(t, err)
			p.on(t, k, "2026-11-28T20:30:00Z")
			require.Eventually(t, func() bool { return p.view(t, v.ID).Counts.Succeeded == 1 },
				30*time.Second, 10*time.Millisecond)
			p.on(t, k, "2026-11-28T22:00:00Z")
			require.NotNil(t, p.view(t, v.ID).Closed)
			require.Equal(t, "2026-12-05T20:00:00Z", p.view(t, v.ID).Closed.Until.UTC().Format(time.RFC3339))
			require.Never(t, func() bool { return p.view(t, v.ID).Counts.Succeeded > 1 }, 3*time.Second, 100*time.Millisecond)
			if restart {
				p.stop()
				p = startProcessAt(t, c.Kubeconfig, dir, usual, k.now)
				require.Equal(t, store.StateScheduled, p.view(t, v.ID).State)
			}
			p.on(t, k, "2026-12-05T20:00:00Z")
			v = p.wait(t, v.ID)
			require.Equal(t, store.StateSucceeded, v.State)
			require.Equal(t, batch.Counts{Succeeded: 3}, v.Counts)
		})
	}
}

// Where rules keep a cluster to its windows, what takes pods off nodes begins only there,
// and only an administrator lets it go on outside.
func TestSchedule_onlyInWindows(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	k := clockAt(t, thursday)
	p := startProcessAt(t, c.Kubeconfig, t.TempDir(), usual, k.now)
	p.rule(t, c.Name, saturday)
	p.rule(t, c.Name, form.Fields{"windows_only": {"1"}})
	for _, start := range []string{"", "2026-11-27T14:00:00Z"} {
		_, err := p.ask(t, c.Name, "drain", names, "start_at", start)
		require.Equal(t, services.CodeInvalid, services.CodeOf(err))
		require.Equal(t, "error_window_only", services.AsError(err).Fields[0].Text)
	}
	q := batch.Request{Cluster: c.Name, Operation: "drain", Nodes: names}
	plan, err := p.engine.Preview(as(t, services.RoleAdmin), q)
	require.NoError(t, err)
	require.True(t, plan.When.Must)
	require.Equal(t, "2026-11-28T20:00:00Z", plan.When.Next.From.UTC().Format(time.RFC3339))
	v, err := p.ask(t, c.Name, "cordon", names)
	require.NoError(t, err, "it takes no pod off its nodes")
	p.wait(t, v.ID)

	inside, err := p.ask(t, c.Name, "drain", names, "start_at", "2026-11-28T21:00:00Z", "canary", "1")
	require.NoError(t, err)
	_, err = p.engine.Resume(as(t, services.RoleUser), inside.ID, nil)
	require.Error(t, err, "not before its window")
	p.on(t, k, "2026-11-28T21:00:00Z")
	require.Eventually(t, func() bool { return p.view(t, inside.ID).Gate != nil }, 30*time.Second, 10*time.Millisecond)
	_, err = p.engine.Resume(as(t, services.RoleAdmin), inside.ID, nil)
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Succeeded: 2}, p.wait(t, inside.ID).Counts)
}

// Of a batch whose window has closed, an administrator may say that it goes on.
func TestSchedule_goesOnOutsideOfItsWindow(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	k := clockAt(t, "2026-11-28T21:00:00Z")
	p := startProcessAt(t, c.Kubeconfig, t.TempDir(), usual, k.now)
	p.rule(t, c.Name, saturday)
	p.rule(t, c.Name, form.Fields{"windows_only": {"1"}})
	v, err := p.ask(t, c.Name, "taint", names, "taint", "a=b:NoSchedule", "window", "1", "parallel", "1", "wave_size", "1",
		"wave_pause", "2s")
	require.NoError(t, err)
	require.Equal(t, store.StateRunning, v.State, "the window is open")
	p.on(t, k, "2026-11-28T22:00:00Z")
	require.Eventually(t, func() bool { return p.view(t, v.ID).Closed != nil }, 10*time.Second, 10*time.Millisecond)
	_, err = p.engine.Resume(as(t, services.RoleUser), v.ID, nil)
	require.Equal(t, services.CodeConflict, services.CodeOf(err))
	_, err = p.engine.Resume(as(t, services.RoleAdmin), v.ID, nil)
	require.NoError(t, err)
	p.on(t, k, "2026-11-28T23:00:00Z")
	require.Equal(t, batch.Counts{Succeeded: 2}, p.wait(t, v.ID).Counts)
}

// The limits of the cluster hold at the time of a batch, as they are then.
func TestSchedule_isHeldForALimit(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	k := clockAt(t, thursday)
	p := startProcessAt(t, c.Kubeconfig, t.TempDir(), usual, k.now)
	p.rule(t, c.Name, form.Fields{"limit_cluster": {"1"}})
	v, err := p.ask(t, c.Name, "cordon", names[:1], "start_at", "2026-11-26T14:00:00Z")
	require.NoError(t, err)
	c.UpdateNode(t, names[1], func(n *corev1.Node) { n.Spec.Unschedulable = true })
	p.on(t, k, "2026-11-26T14:00:01Z")
	v = p.view(t, v.ID)
	require.Equal(t, store.HoldPlan, v.Held)
	require.Equal(t, "error_limit_cluster", v.Schedule.Why.ID)
}
