package acceptance

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services/kube/kubetest"
)

const (
	kills       = 50
	killedNodes = 200
)

// mixed returns the form of the i-th batch, and records what every node must be
// once it has ended.
func mixed(i int, want *wanted) url.Values {
	round := fmt.Sprintf("r%d", i)
	switch i % 5 {
	case 0:
		want.label = round
		return url.Values{"operation": {"label"}, "label": {"round=" + round}}
	case 1:
		want.taint = round
		return url.Values{"operation": {"taint"}, "taint": {"round=" + round + ":PreferNoSchedule"}}
	case 2:
		want.reason = round
		return url.Values{"operation": {"cordon"}, "reason": {round}}
	case 3:
		want.label, want.extra = round, round
		return url.Values{"operation": {"label"}, "mode": {"replace"}, "label": {"round=" + round + ",extra=" + round}}
	default:
		want.reason = ""
		return url.Values{"operation": {"uncordon"}}
	}
}

// wanted is the expected state of a node after all batches.
type wanted struct{ label, extra, taint, reason string }

// attempt sends a batch; the end of the program may cut the request off.
func (p *program) attempt(ctx context.Context, cluster string, form url.Values) {
	path := "/clusters/" + url.PathEscape(cluster) + "/batches"
	r, err := p.newRequest(ctx, http.MethodPost, path, strings.NewReader(form.Encode()))
	if err != nil {
		return
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", formKind)
	if response, err := p.client.Do(r); err == nil {
		_ = response.Body.Close()
	}
}

// Law 4, many times: the program is killed at random moments while batches of
// every kind are submitted and run on the same nodes. In the end every node is
// as requested, every item has one final state, and no batch, item or line of
// the audit log is lost or doubled.
func TestLaw4_killedFiftyTimesInMixedBatches(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, killedNodes)
	p := startProgram(t, c.Kubeconfig)
	var want wanted
	var ids []string
	for i := range kills {
		form := mixed(i, &want)
		form["node"] = names
		form.Set("idempotency_key", fmt.Sprintf("key-%d", i))
		// Killed while the batch is submitted, or some time later; either way it is
		// submitted again: the key makes both the same batch.
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			p.attempt(context.WithoutCancel(t.Context()), c.Name, form)
		}()
		time.Sleep(rand.N(400 * time.Millisecond))
		p.end(t, syscall.SIGKILL)
		<-sent
		p.start(t)
		var b batchDoc
		p.request(t, http.MethodPost, "/clusters/"+url.PathEscape(c.Name)+"/batches", form, &b)
		require.NotContains(t, ids, b.ID)
		ids = append(ids, b.ID)
	}
	ends := map[string]map[string]int{}
	for _, id := range ids {
		b := p.awaitBatch(t, id)
		ends[id] = b.Counts
		requireComplete(t, b, names)
	}
	want.requireOn(t, c, names)
	p.auditAgrees(t, ends)
}

// firstError returns why the first node that has failed did, "" if none has.
func (b batchDoc) firstError() string {
	for _, it := range b.Items {
		if it.Error != "" {
			return it.Error
		}
	}
	return ""
}

// requireComplete requires that a batch has done every node, once.
func requireComplete(t testing.TB, b batchDoc, names []string) {
	t.Helper()
	require.Equal(t, "succeeded", b.State, "%s: %v: %s", b.Operation, b.Counts, b.firstError())
	require.Equal(t, len(names), b.Counts["succeeded"]+b.Counts["unchanged"], "%v", b.Counts)
	seen := make([]string, len(b.Items))
	for i, it := range b.Items {
		require.Contains(t, []string{"succeeded", "unchanged"}, it.State)
		require.NotNil(t, it.EndedAt)
		seen[i] = it.Node
	}
	slices.Sort(seen)
	require.Equal(t, names, seen, "every node once")
}

// requireOn requires that the nodes are as wanted.
func (want wanted) requireOn(t testing.TB, c *kubetest.Cluster, names []string) {
	t.Helper()
	for _, name := range names {
		n := c.Node(t, name)
		want.require(t, name, n.Labels, n.Spec.Taints, n.Annotations["kube-node-manager.io/cordon-reason"])
		require.Equal(t, want.reason != "", n.Spec.Unschedulable, name)
	}
}

// requireShown requires that a table shows the nodes as wanted.
func (want wanted) requireShown(t testing.TB, table []nodeRow) {
	t.Helper()
	for _, n := range table {
		want.require(t, n.Name, n.Labels, n.Taints, n.Reason)
		require.Equal(t, want.reason != "", n.Unschedulable, n.Name)
	}
}

func (want wanted) require(t testing.TB, name string, labels map[string]string, taints []corev1.Taint, reason string) {
	t.Helper()
	got := wanted{label: labels["round"], extra: labels["extra"], reason: reason}
	for _, taint := range taints {
		if taint.Key == "round" {
			got.taint = taint.Value
		}
	}
	require.Equal(t, want, got, name)
}

// auditAgrees checks that the audit log has one line for the start and one for
// the end of every batch, and that the end has the counts of the batch.
func (p *program) auditAgrees(t testing.TB, ends map[string]map[string]int) {
	t.Helper()
	begun, ended := map[string]int{}, map[string]any{}
	for path := "/audit?"; path != ""; {
		var page auditDoc
		p.request(t, http.MethodGet, path, nil, &page)
		for _, line := range page.Items {
			switch line.Action {
			case "batch.create":
				begun[line.Object]++
			case "batch.end":
				require.NotContains(t, ended, line.Object, "a batch ends once")
				ended[line.Object] = line.After["counts"]
			}
		}
		path = page.Older
	}
	require.Len(t, begun, len(ends))
	for id, counts := range ends {
		require.Equal(t, 1, begun[id])
		for state, n := range counts {
			require.EqualValues(t, n, ended[id].(map[string]any)[state], "%s of %s", state, id)
		}
	}
}

// evictedPods returns how many pods a drain says that it has evicted from its first
// node.
func (p *program) evictedPods(t testing.TB, id string) int {
	t.Helper()
	var after struct{ EvictedPods int }
	require.NoError(t, json.Unmarshal(p.batch(t, id).Items[0].After, &after))
	return after.EvictedPods
}

// A drain that is killed has not forgotten what it evicted.
func TestDrain_killedKeepsItsCount(t *testing.T) {
	c := lease(t)
	node, ns := c.Nodes(t, 1)[0], c.Namespace(t)
	c.Deployment(t, ns, "web", 5, kubetest.OnNodes(node))
	c.Deployment(t, ns, "cart", 1, kubetest.OnNodes(node))
	c.Budget(t, ns, "cart", 1) // keeps the drain from ending
	p := startProgram(t, c.Kubeconfig)
	b, _ := p.submit(t, c.Name, "drain", node)
	require.Eventually(t, func() bool {
		return p.evictedPods(t, b.ID) == 5
	}, time.Minute, 50*time.Millisecond)
	p.end(t, syscall.SIGKILL)
	p.start(t)
	require.Equal(t, "interrupted", p.batch(t, b.ID).State)
	require.Equal(t, 5, p.evictedPods(t, b.ID))

	require.NoError(t, c.Client.PolicyV1().PodDisruptionBudgets(ns).Delete(t.Context(), "cart", metav1.DeleteOptions{}))
	p.request(t, http.MethodPost, "/batches/"+b.ID+"/resume", url.Values{}, nil)
	require.Equal(t, "succeeded", p.awaitBatch(t, b.ID).State)
	require.Equal(t, 5+1, p.evictedPods(t, b.ID))
}
