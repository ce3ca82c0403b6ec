package batch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kube-node-manager/services/change"
	"kube-node-manager/services/form"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"kube-node-manager/cache"
	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/cluster"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/node"
	"kube-node-manager/services/prometheus"
	"kube-node-manager/services/rule"
	"kube-node-manager/services/store"
	"kube-node-manager/services/store/storetest"
)

func TestMain(m *testing.M) {
	os.Exit(kubetest.Main(m, func() error { return goleak.Find() }))
}

// lease leases a cluster for a test. Such a test mostly waits, so it runs in
// parallel with others.
func lease(t *testing.T) *kubetest.Cluster {
	t.Helper()
	t.Parallel()
	return kubetest.Acquire(t)
}

// process is the part of the program that runs batches, over a data directory
// that another process may take up later.
type process struct {
	engine edge
	nodes  *node.Service
	cache  *cache.Cache
	store  *store.Store
	rules  *rule.Service
	seen   *journal
	stop   func()
}

// journal notes what an onlooker learns, in its order.
type journal struct {
	mu       sync.Mutex
	lines    []string
	logged   bytes.Buffer
	onEnd    func() // called while the end is being told
	onChange func() // called while a change is being told
}

func (j *journal) note(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}

// forget begins the journal anew.
func (j *journal) forget() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = nil
	j.logged.Reset()
}

func (j *journal) log() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.logged.String()
}

// Write takes the log.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.logged.Write(p)
}

func (j *journal) BatchChanged(string, string) {
	if j.onChange != nil {
		j.onChange()
	}
}
func (j *journal) NodesChanged(string) { j.note("nodes changed") }
func (j *journal) BatchEnded(_, _, _ string, state store.State, _ batch.Counts) {
	if j.onEnd != nil {
		j.onEnd()
	}
	j.note("ended %s", state)
}

// edge is the engine as the handlers call it: what somebody has confirmed is read
// from the fields of their request.
type edge struct{ *batch.Engine }

func (e edge) Submit(ctx context.Context, q batch.Request) (batch.View, error) {
	q.Consents = batch.ReadConsents(q.Fields)
	return e.Engine.Submit(ctx, q)
}

func (e edge) Resume(ctx context.Context, id string, fields form.Fields) (batch.View, error) {
	return e.Engine.Resume(ctx, id, batch.ReadConsents(fields))
}

func (e edge) Retry(ctx context.Context, id string, fields form.Fields, key string) (batch.View, error) {
	q := batch.Request{Fields: fields, Nodes: fields["node"], IdempotencyKey: key, Consents: batch.ReadConsents(fields)}
	return e.Engine.Retry(ctx, id, q)
}

func (e edge) Undo(ctx context.Context, id string, fields form.Fields, reason, key string) (batch.View, error) {
	q := batch.Request{
		Fields: fields, Nodes: fields["node"], Reason: reason, IdempotencyKey: key,
		Consents: batch.ReadConsents(fields),
	}
	return e.Engine.Undo(ctx, id, q)
}

// asJSON returns a state as it is stored and answered.
func asJSON(t *testing.T, s *change.State) string {
	t.Helper()
	raw, err := json.Marshal(s)
	require.NoError(t, err)
	return string(raw)
}

// clearing is a cache whose clearings are noted.
type clearing struct {
	*cache.Cache
	seen *journal
}

func (c clearing) InvalidateCluster(name string) {
	c.Cache.InvalidateCluster(name)
	c.seen.note("cleared")
}

func startProcess(t *testing.T, kubeconfig, dir string, o batch.Options) *process {
	t.Helper()
	return startProcessAt(t, kubeconfig, dir, o, time.Now)
}

// startProcessAt is startProcess with a clock for the batches.
func startProcessAt(
	t *testing.T, kubeconfig, dir string, o batch.Options, now func() time.Time,
) *process {
	t.Helper()
	ctx := t.Context()
	seen := &journal{}
	log := slog.New(slog.NewTextHandler(seen, nil))
	db, err := storetest.Open(t, ctx, dir, log)
	require.NoError(t, err)
	_, err = db.Writer().ExecContext(ctx, // the one of as
		`INSERT INTO users (id, name, password_hash, role, created_at) VALUES (7, 'oncall', 'x', 'admin', 0)
			ON CONFLICT DO NOTHING`)
	require.NoError(t, err)
	registry, err := cluster.Load(cluster.Source{Kubeconfig: kubeconfig})
	require.NoError(t, err)
	c := cache.New(ctx)
	nodes := node.New(registry, c, node.Options{
		ListTTL: 30 * time.Second, DetailTTL: 5 * time.Minute, HardAge: 5 * time.Minute,
	})
	held := rule.New(db, time.Now)
	engine := batch.New(batch.Dependencies{
		Store: db, Accounts: account.New(db, log, time.Now, nil), Clusters: registry, Nodes: nodes, Rules: held,
		Cache: clearing{c, seen}, Watcher: seen, Log: log, Now: now, Metrics: prometheus.New(thisMachine()),
	}, o)
	require.NoError(t, engine.Start(ctx))
	p := &process{engine: edge{engine}, nodes: nodes, cache: c, store: db, rules: held, seen: seen}
	p.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		require.NoError(t, engine.Stop(ctx))
		c.Close()
		registry.Close()
		require.NoError(t, db.Close(ctx))
	})
	t.Cleanup(p.stop)
	return p
}

// usual options; the long wait makes the log's words go by a batch's size alone,
// however busy the machine is.
var usual = batch.Options{SyncLimit: 5, SyncWait: time.Minute, Resume: true}

// as returns a context of somebody with the role.
func as(t *testing.T, role services.Role) context.Context {
	t.Helper()
	return services.WithActor(t.Context(), services.Actor{
		ID: 7, Name: "oncall", Role: role, Address: "127.0.0.1", RequestID: "r1",
	})
}

func (p *process) submit(t *testing.T, cluster, operation string, nodes ...string) batch.View {
	t.Helper()
	v, err := p.engine.Submit(as(t, services.RoleUser), batch.Request{
		Cluster: cluster, Operation: operation, Nodes: nodes, Reason: "kernel CVE",
	})
	require.NoError(t, err)
	return v
}

// wait waits for the batch's end.
func (p *process) wait(t *testing.T, id string) batch.View {
	t.Helper()
	v, err := p.engine.Wait(as(t, services.RoleViewer), id, time.Minute)
	require.NoError(t, err)
	require.True(t, v.State.Ended(), "the batch is %s after a minute: %+v", v.State, v.Counts)
	return v
}

func (p *process) items(t *testing.T, id string) map[string]batch.Item {
	t.Helper()
	items, err := p.engine.Items(as(t, services.RoleViewer), id)
	require.NoError(t, err)
	byNode := make(map[string]batch.Item, len(items))
	for _, it := range items {
		byNode[it.Node] = it
	}
	return byNode
}

// table reads the node table as a page would.
func (p *process) table(t *testing.T, cluster string) map[string]string {
	t.Helper()
	page, err := p.nodes.List(as(t, services.RoleViewer), cluster, node.Query{Size: 200}, false)
	require.NoError(t, err)
	rows := make(map[string]string, len(page.Nodes))
	for _, n := range page.Nodes {
		rows[n.Name] = n.StatusText()
	}
	return rows
}

func TestBatch_cordonAndUncordonLeaveTheTableFresh(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 8)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	require.Len(t, p.table(t, c.Name), 8) // now it is cached

	v := p.wait(t, p.submit(t, c.Name, "cordon", names[:3]...).ID)
	require.Equal(t, store.StateSucceeded, v.State)
	require.Equal(t, batch.Counts{Succeeded: 3}, v.Counts)
	rows := p.table(t, c.Name)
	for i, name := range names {
		require.Equal(t, map[bool]string{true: "Ready,SchedulingDisabled", false: "Ready"}[i < 3], rows[name])
	}
	all, err := p.nodes.All(as(t, services.RoleViewer), c.Name, false)
	require.NoError(t, err)
	n := all.Find(names[0])
	require.Equal(t, []string{"kernel CVE", "oncall"}, []string{n.Reason, n.ReasonBy})
	require.WithinDuration(t, time.Now(), *n.ReasonSince, time.Minute)
	require.Contains(t, p.seen.log(), "Invalidated cache for cluster "+c.Name+" after batch cordon operation")

	v = p.wait(t, p.submit(t, c.Name, "uncordon", names[:7]...).ID)
	require.Equal(t, batch.Counts{Succeeded: 3, Unchanged: 4}, v.Counts)
	for _, status := range p.table(t, c.Name) {
		require.Equal(t, "Ready", status)
	}
	require.Empty(t, c.Node(t, names[0]).Annotations[node.AnnotationReason])
	require.Contains(t, p.seen.log(), "Invalidated cache for cluster "+c.Name+" after batch uncordon with progress")
}

// Law 1: whoever learns of the end finds the cache cleared and the end stored.
func TestBatch_doneMeansVisible(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	p.table(t, c.Name)
	var atEnd map[string]string
	var stored store.State
	p.seen.onEnd = func() {
		atEnd = p.table(t, c.Name)
		open, err := p.store.Batches(t.Context(), store.BatchQuery{Scope: services.Scope{All: true}, Limit: 1})
		require.NoError(t, err)
		stored = open[0].State
	}
	p.wait(t, p.submit(t, c.Name, "cordon", names...).ID)
	require.Equal(t, []string{"cleared", "nodes changed", "ended succeeded"}, p.seen.all())
	require.Equal(t, store.StateSucceeded, stored)
	for _, name := range names {
		require.Equal(t, "Ready,SchedulingDisabled", atEnd[name])
	}
}

// Law 3 and scenario 3 of the original: a failed half keeps nothing stale.
func TestBatch_partialFailureClearsOnceAndSaysWhy(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	p.table(t, c.Name)
	v := p.wait(t, p.submit(t, c.Name, "cordon", append([]string{"ghost-1", "ghost-2.prod"}, names...)...).ID)
	require.Equal(t, store.StatePartial, v.State)
	require.Equal(t, batch.Counts{Succeeded: 3, Failed: 2}, v.Counts)
	items := p.items(t, v.ID)
	for _, ghost := range []string{"ghost-1", "ghost-2.prod"} {
		require.Equal(t, store.ItemFailed, items[ghost].State)
		require.Equal(t, "error_node_gone", items[ghost].Error.ID)
	}
	rows := p.table(t, c.Name)
	for _, name := range names {
		require.Equal(t, "Ready,SchedulingDisabled", rows[name])
	}
	require.Equal(t, 1, strings.Count(p.seen.log(), "Invalidated cache for cluster "))
	require.Equal(t, []string{"cleared", "nodes changed", "ended partial"}, p.seen.all())
}

func TestBatch_nothingChangedClearsNothing(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	v := p.wait(t, p.submit(t, c.Name, "uncordon", names...).ID)
	require.Equal(t, batch.Counts{Unchanged: 2}, v.Counts)
	v = p.wait(t, p.submit(t, c.Name, "cordon", "ghost").ID)
	require.Equal(t, store.StateFailed, v.State)
	require.Equal(t, []string{"ended succeeded", "ended failed"}, p.seen.all())
	require.NotContains(t, p.seen.log(), "Invalidated cache")
}

func TestBatch_forbiddenEndsTheBatchAfterTheFirstRefusal(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 100)
	p := startProcess(t, c.ViewerKubeconfig, t.TempDir(), usual)
	v := p.wait(t, p.submit(t, c.Name, "cordon", names...).ID)
	require.Equal(t, store.StateFailed, v.State)
	require.Positive(t, v.Counts.Failed)
	require.Positive(t, v.Counts.Skipped, "the rest is not tried")
	require.Equal(t, 100, v.Counts.Failed+v.Counts.Skipped)
	for _, it := range p.items(t, v.ID) {
		if it.State == store.ItemFailed {
			require.Equal(t, "error_cluster_forbidden", it.Error.ID)
			require.Equal(t, "patch nodes", it.Error.Args["Call"])
		}
	}
}

func TestSubmit_refusesWhatIsWrongByName(t *testing.T) {
	c := lease(t)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	for name, want := range map[string]struct {
		request batch.Request
		role    services.Role
		code    services.Code
		field   string
	}{
		"no nodes": {
			batch.Request{Cluster: c.Name, Operation: "cordon"}, services.RoleUser, services.CodeInvalid, "node",
		},
		"bad node name": {
			batch.Request{Cluster: c.Name, Operation: "cordon", Nodes: []string{"a b"}},
			services.RoleUser, services.CodeInvalid, "node",
		},
		"path in node name": {
			batch.Request{Cluster: c.Name, Operation: "cordon", Nodes: []string{"../pods/x"}},
			services.RoleUser, services.CodeInvalid, "node",
		},
		"too many nodes": {
			batch.Request{Cluster: c.Name, Operation: "cordon", Nodes: many(batch.MaxNodes + 1)},
			services.RoleUser, services.CodeInvalid, "node",
		},
		"no operation": {
			batch.Request{Cluster: c.Name, Nodes: []string{"a"}}, services.RoleUser, services.CodeInvalid, "operation",
		},
		"unknown operation": {
			batch.Request{Cluster: c.Name, Operation: "reboot", Nodes: []string{"a"}},
			services.RoleUser, services.CodeInvalid, "operation",
		},
		"long reason": {
			batch.Request{Cluster: c.Name, Operation: "cordon", Nodes: []string{"a"}, Reason: strings.Repeat("长", 201)},
			services.RoleUser, services.CodeInvalid, "reason",
		},
		"two-line reason": {
			batch.Request{Cluster: c.Name, Operation: "cordon", Nodes: []string{"a"}, Reason: "a\nb"},
			services.RoleUser, services.CodeInvalid, "reason",
		},
		"unknown cluster": {
			batch.Request{Cluster: "nowhere", Operation: "cordon", Nodes: []string{"a"}},
			services.RoleUser, services.CodeNotFound, "",
		},
		"viewer": {
			batch.Request{Cluster: c.Name, Operation: "cordon", Nodes: []string{"a"}},
			services.RoleViewer, services.CodeForbidden, "",
		},
		"nobody": {batch.Request{Cluster: c.Name, Operation: "cordon", Nodes: []string{"a"}}, "", services.CodeForbidden, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.engine.Submit(as(t, want.role), want.request)
			require.Equal(t, want.code, services.CodeOf(err), "%v", err)
			if want.field != "" {
				require.Equal(t, want.field, services.AsError(err).Fields[0].Field)
			}
		})
	}
	stored, err := p.store.Batches(t.Context(), store.BatchQuery{Scope: services.Scope{All: true}, Limit: 10})
	require.NoError(t, err)
	require.Empty(t, stored)
}

func many(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("n%d", i)
	}
	return names
}

func TestSubmit_sameFormTwiceIsOneBatch(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	request := batch.Request{Cluster: c.Name, Operation: "cordon", Nodes: names, IdempotencyKey: "k1"}
	ids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			v, err := p.engine.Submit(as(t, services.RoleUser), request)
			require.NoError(t, err)
			ids[i] = v.ID
		})
	}
	wg.Wait()
	require.Len(t, slices.Compact(ids), 1)
	p.wait(t, ids[0])
	request.Nodes = names[:1]
	_, err := p.engine.Submit(as(t, services.RoleUser), request)
	require.Equal(t, services.CodeConflict, services.CodeOf(err), "the key belongs to another request")
}

func TestPreview_writesNothing(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	plans, err := p.engine.Preview(as(t, services.RoleUser), batch.Request{
		Cluster: c.Name, Operation: "cordon", Nodes: append(names, "ghost"),
	})
	require.NoError(t, err)
	require.True(t, plans.Nodes[0].Changes())
	require.NotEmpty(t, plans.Nodes[2].Blockers)
	require.False(t, c.Node(t, names[0]).Spec.Unschedulable)
	stored, err := p.store.Batches(t.Context(), store.BatchQuery{Scope: services.Scope{All: true}, Limit: 10})
	require.NoError(t, err)
	require.Empty(t, stored)
}

// What our account in the cluster may not do is said by the plan.
func TestPreview_rehearsesTheFirstChange(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProcess(t, c.ViewerKubeconfig, t.TempDir(), usual)
	for operation, form := range map[string]form.Fields{
		"cordon": nil, "label": {"label": {"a=b"}}, "taint": {"taint": {"a:NoSchedule"}},
	} {
		plan, err := p.engine.Preview(as(t, services.RoleUser), batch.Request{
			Cluster: c.Name, Operation: operation, Nodes: names, Fields: form,
		})
		require.NoError(t, err)
		require.NotNil(t, plan.Refusal, operation)
		require.Equal(t, services.CodeForbidden, plan.Refusal.Code)
	}
	plan, err := p.engine.Preview(as(t, services.RoleUser), batch.Request{
		Cluster: c.Name, Operation: "uncordon", Nodes: names,
	})
	require.NoError(t, err)
	require.Nil(t, plan.Refusal, "there is nothing to change")
}
