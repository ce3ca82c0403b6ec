package batch_test

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/node"
	"kube-node-manager/services/store"
)

// roundOf returns the round of the last batch that has labelled a node.
func roundOf(n *node.Node) int {
	round, _ := strconv.Atoi(n.Labels["round"])
	return round
}

// deaf is nobody who looks at a page.
type deaf struct{}

func (deaf) NodesChanged(string)              {}
func (deaf) NodesConfirmed(string, time.Time) {}

// Law 1 and law 2 while the cluster is followed by a watch: whoever reads after "done"
// never sees what was before, although lists and events of the watch come late, and
// somebody else writes to the same nodes without a pause.
func TestDone_isVisibleWithAWatch(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 300)
	late := c.Proxy(t)
	late.Inject(kubetest.Fault{Verb: "list", Resource: "nodes", Lag: 20 * time.Millisecond})
	late.Inject(kubetest.Fault{Verb: "watch", Resource: "nodes", Lag: 200 * time.Millisecond})
	p := startProcess(t, late.Kubeconfig(t, c.Name), t.TempDir(), usual)
	follower := node.NewFollower(t.Context(), p.nodes, slog.New(slog.DiscardHandler), deaf{})
	defer follower.Close()
	viewer := as(t, services.RoleViewer)

	ctx, stop := context.WithCancel(t.Context())
	var others sync.WaitGroup
	defer others.Wait()
	defer stop()
	h := &hostile{client: c.Client, last: map[string]string{}}
	all := slices.Clone(names)
	others.Go(func() { _ = h.run(ctx, all) })
	var done atomic.Pointer[map[string]int] // by node: the round of the last batch that is done
	done.Store(&map[string]int{})
	var reads, stale atomic.Int64
	for range 50 {
		others.Go(func() {
			for ctx.Err() == nil {
				want := *done.Load()
				table, err := p.nodes.All(viewer, c.Name, false)
				if err != nil {
					continue // the end of the test
				}
				for name, round := range want {
					if roundOf(table.Find(name)) < round {
						stale.Add(1)
					}
				}
				reads.Add(1)
				time.Sleep(rand.N(20 * time.Millisecond))
			}
		})
	}
	rounds := 10 * *rounds // 100 by default
	for round := 1; round <= rounds; round++ {
		follower.Look(c.Name)
		rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		size := 1 + rand.N(min(len(names), 20))
		v, err := p.engine.Submit(as(t, services.RoleUser), batch.Request{
			Cluster: c.Name, Operation: "label", Nodes: names[:size],
			Fields: form.Fields{"label": {"round=" + strconv.Itoa(round)}},
		})
		require.NoError(t, err)
		require.Equal(t, store.StateSucceeded, p.wait(t, v.ID).State)
		now := maps.Clone(*done.Load())
		for _, name := range names[:size] {
			now[name] = round
		}
		done.Store(&now)
	}
	stop()
	others.Wait()
	require.Zero(t, stale.Load(), "of %d reads", reads.Load())
	require.Greater(t, reads.Load(), int64(rounds))
	require.Positive(t, late.Calls("watch", "nodes"))
	t.Logf("%d batches, %d reads, %d foreign writes", rounds, reads.Load(), h.writes)
}
