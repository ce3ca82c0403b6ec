package acceptance

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kube-node-manager/services/kube/kubetest"
)

const (
	benchNodes   = 1000
	benchWorkers = 16  // of the plain client; the product starts with as many
	kubectlNodes = 100 // kubectl is so slow that fewer nodes are enough
	benchRounds  = 3   // of all contestants; the result is the median of the ratios
)

// contender is one operation as the three contestants do it, and its reverse,
// so that each round starts with the same nodes.
type contender struct {
	raw, rawBack         string // merge patches; %q stands for the UID
	form, back           url.Values
	kubectl, kubectlBack []string // words before and after the names: verb, "--", entries
	done                 func(n nodeRow) bool
}

// BenchmarkCordon compares a plain client, the whole product and kubectl on the
// same control plane.
func BenchmarkCordon(b *testing.B) {
	compare(b, contender{
		raw: `{"metadata":{"uid":%q,"annotations":{"bench.example/reason":"kernel CVE","bench.example/by":"admin"}},` +
			`"spec":{"unschedulable":true}}`,
		rawBack: `{"metadata":{"uid":%q,"annotations":{"bench.example/reason":null,"bench.example/by":null}},` +
			`"spec":{"unschedulable":null}}`,
		form: url.Values{"operation": {"cordon"}}, back: url.Values{"operation": {"uncordon"}},
		kubectl: []string{"cordon", "--"}, kubectlBack: []string{"uncordon", "--"},
		done: func(n nodeRow) bool { return n.Unschedulable },
	})
}

// BenchmarkLabel does the same for two labels.
func BenchmarkLabel(b *testing.B) {
	compare(b, contender{
		raw:         `{"metadata":{"uid":%q,"labels":{"tier":"gold","team":"storage"}}}`,
		rawBack:     `{"metadata":{"uid":%q,"labels":{"tier":null,"team":null}}}`,
		form:        url.Values{"operation": {"label"}, "label": {"tier=gold,team=storage"}},
		back:        url.Values{"operation": {"label"}, "label": {"tier-,team-"}},
		kubectl:     []string{"label", "node", "--", "tier=gold", "team=storage"},
		kubectlBack: []string{"label", "node", "--", "tier-", "team-"},
		done:        func(n nodeRow) bool { return n.Labels["tier"] == "gold" && n.Labels["team"] == "storage" },
	})
}

// BenchmarkTaint does the same for a taint. The plain client and kubectl send
// the list without a resource version, which is faster but can lose the taints
// of other writers; the product always sends it.
func BenchmarkTaint(b *testing.B) {
	compare(b, contender{
		raw:         `{"metadata":{"uid":%q},"spec":{"taints":[{"key":"maint","value":"now","effect":"NoSchedule"}]}}`,
		rawBack:     `{"metadata":{"uid":%q},"spec":{"taints":null}}`,
		form:        url.Values{"operation": {"taint"}, "taint": {"maint=now:NoSchedule"}},
		back:        url.Values{"operation": {"taint"}, "taint": {"maint:NoSchedule-"}},
		kubectl:     []string{"taint", "node", "--", "maint=now:NoSchedule"},
		kubectlBack: []string{"taint", "node", "--", "maint:NoSchedule-"},
		done:        func(n nodeRow) bool { return n.Scheduling == "limited" },
	})
}

func compare(b *testing.B, k contender) {
	c := kubetest.Acquire(b)
	names := c.Nodes(b, benchNodes)
	p := startProgram(b, c.Kubeconfig)
	raw := plainClient{c: c, uids: uidsOf(b, c, names)}
	for b.Loop() {
		var rounds []round
		for range benchRounds {
			var r round
			r.raw = rate(benchNodes, raw.patchAll(b, names, k.raw))
			raw.patchAll(b, names, k.rawBack)
			r.ours, r.fresh = p.timedBatch(b, c.Name, k.form, k.done)
			p.timedBatch(b, c.Name, k.back, func(n nodeRow) bool { return !k.done(n) })
			r.kubectl = rate(kubectlNodes, kubectl(b, c, k.kubectl, names[:kubectlNodes]))
			kubectl(b, c, k.kubectlBack, names[:kubectlNodes])
			rounds = append(rounds, r)
			b.Logf("raw %.0f/s, product %.0f/s, kubectl %.1f/s, fresh table %s after the last write", r.raw, r.ours, r.kubectl,
				r.fresh.Round(time.Millisecond))
		}
		report(b, rounds)
	}
}

// round is the result of all contestants once, in nodes per second.
type round struct {
	raw, ours, kubectl float64
	fresh              time.Duration
}

func report(b *testing.B, rounds []round) {
	b.ReportMetric(median(rounds, func(r round) float64 { return r.raw }), "raw-nodes/s")
	b.ReportMetric(median(rounds, func(r round) float64 { return r.ours }), "product-nodes/s")
	b.ReportMetric(median(rounds, func(r round) float64 { return r.kubectl }), "kubectl-nodes/s")
	b.ReportMetric(median(rounds, func(r round) float64 { return r.ours / r.raw }), "x-raw")
	b.ReportMetric(median(rounds, func(r round) float64 { return r.ours / r.kubectl }), "x-kubectl")
	b.ReportMetric(median(rounds, func(r round) float64 { return float64(r.fresh.Milliseconds()) }), "ms-to-fresh-table")
}

func median[R any](rounds []R, of func(R) float64) float64 {
	values := make([]float64, len(rounds))
	for i, r := range rounds {
		values[i] = of(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func rate(n int, took time.Duration) float64 { return float64(n) / took.Seconds() }

func uidsOf(b *testing.B, c *kubetest.Cluster, names []string) map[string]types.UID {
	b.Helper()
	list, err := c.Client.CoreV1().Nodes().List(b.Context(), metav1.ListOptions{})
	require.NoError(b, err)
	require.Len(b, list.Items, len(names))
	uids := make(map[string]types.UID, len(names))
	for _, n := range list.Items {
		uids[n.Name] = n.UID
	}
	return uids
}

// plainClient is client-go with workers and nothing else.
type plainClient struct {
	c    *kubetest.Cluster
	uids map[string]types.UID
}

func (p plainClient) patchAll(b *testing.B, names []string, patch string) time.Duration {
	b.Helper()
	queue := make(chan string)
	var workers sync.WaitGroup
	began := time.Now()
	for range benchWorkers {
		workers.Go(func() {
			for name := range queue {
				_, err := p.c.Client.CoreV1().Nodes().Patch(b.Context(), name, types.MergePatchType,
					fmt.Appendf(nil, patch, p.uids[name]), metav1.PatchOptions{FieldManager: "bench"})
				require.NoError(b, err)
			}
		})
	}
	for _, name := range names {
		queue <- name
	}
	close(queue)
	workers.Wait()
	return time.Since(began)
}

// timedBatch runs an operation on every node. It returns the nodes per second
// from the request to the last event, and the time from the last write of the
// batch until the client has a fresh table of all its nodes.
func (p *program) timedBatch(
	b *testing.B, cluster string, form url.Values, done func(nodeRow) bool,
) (perSecond float64, fresh time.Duration) {
	b.Helper()
	began := time.Now()
	var batch batchDoc
	form.Set("all", "1")
	form.Set("reason", "kernel CVE")
	p.request(b, http.MethodPost, "/clusters/"+url.PathEscape(cluster)+"/batches", form, &batch)
	events := p.follow(b, "batch="+batch.ID)
	for {
		e, open := next(b, events)
		require.True(b, open)
		if e.Name == "done" {
			break
		}
	}
	took := time.Since(began)
	first := p.nodes(b, cluster, "size=200")
	seen := time.Now()
	require.Equal(b, benchNodes, first.Total)
	for _, n := range first.Items {
		require.True(b, done(n), n.Name)
	}
	batch = p.batch(b, batch.ID)
	require.Equal(b, benchNodes, batch.Counts["succeeded"], "%v", batch.Counts)
	last := slices.MaxFunc(batch.Items, func(x, y itemDoc) int { return x.EndedAt.Compare(*y.EndedAt) })
	return rate(benchNodes, took), seen.Sub(*last.EndedAt)
}

// kubectl runs kubectl on the nodes; their names replace the "--" in words.
func kubectl(b *testing.B, c *kubetest.Cluster, words, names []string) time.Duration {
	b.Helper()
	args := []string{"--kubeconfig", c.Kubeconfig, "--context", c.Name}
	at := slices.Index(words, "--")
	args = slices.Concat(args, words[:at], names, words[at+1:])
	cmd := exec.Command(c.Plane().Kubectl, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	require.NoError(b, cmd.Run(), "%s", out.String())
	return time.Since(began)
}
