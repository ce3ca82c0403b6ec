package acceptance

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services/kube/kubetest"
)

const (
	drainNodes    = 40
	drainApps     = 30
	drainReplicas = 20 // of each application; its budget allows a quarter of them to be evicted
	drainSpare    = 20 // nodes that take the pods
)

// BenchmarkDrain drains the same nodes of the same pods under the same budgets,
// once with kubectl and once with the product, and counts the calls of both.
func BenchmarkDrain(b *testing.B) {
	c := kubetest.Acquire(b)
	victims := c.Nodes(b, drainNodes)
	proxy := c.Proxy(b)
	kubeconfig := proxy.Kubeconfig(b, c.Name)
	p := startProgram(b, kubeconfig)
	for b.Loop() {
		theirs := contest(b, c, proxy, victims, func() { kubectlDrain(b, c, kubeconfig, victims) })
		ours := contest(b, c, proxy, victims, func() { p.drainAll(b, c.Name, victims) })
		b.Logf("kubectl: %s, %d pods, %d calls; product: %s, %d pods, %d calls", theirs.took.Round(time.Second), theirs.pods,
			theirs.calls, ours.took.Round(time.Second), ours.pods, ours.calls)
		b.ReportMetric(theirs.took.Seconds(), "kubectl-s")
		b.ReportMetric(ours.took.Seconds(), "product-s")
		b.ReportMetric(theirs.took.Seconds()/ours.took.Seconds(), "x-kubectl")
		b.ReportMetric(float64(theirs.calls)/float64(theirs.pods), "kubectl-calls/pod")
		b.ReportMetric(float64(ours.calls)/float64(ours.pods), "product-calls/pod")
	}
}

// turn is what one contestant needed.
type turn struct {
	took        time.Duration
	pods, calls int
}

// contest fills the nodes to be drained with new pods, adds nodes that can take
// the pods, and lets one contestant drain.
func contest(b *testing.B, c *kubetest.Cluster, proxy *kubetest.Proxy, victims []string, drain func()) turn {
	b.Helper()
	uncordon(b, c, victims)
	namespace := c.Namespace(b)
	var apps sync.WaitGroup
	for i := range drainApps {
		apps.Go(func() {
			app := fmt.Sprintf("app-%02d", i)
			c.Deployment(b, namespace, app, drainReplicas)
			c.Budget(b, namespace, app, drainReplicas*3/4)
		})
	}
	apps.Wait()
	spare := c.Nodes(b, drainSpare)
	proxy.Reset()
	began := time.Now()
	drain()
	t := turn{took: time.Since(began), calls: proxy.Calls("", "")}
	on := map[string]bool{}
	for _, name := range victims {
		on[name] = true
	}
	evicted := map[string]bool{}
	for _, r := range proxy.Requests() {
		if r.Resource == "pods/eviction" && r.Code < 300 {
			evicted[r.Namespace+"/"+r.Name] = true
		}
	}
	t.pods = len(evicted)
	left, err := c.Client.CoreV1().Pods("").List(b.Context(), metav1.ListOptions{})
	require.NoError(b, err)
	for _, pod := range left.Items {
		require.False(b, on[pod.Spec.NodeName], "%s is still on %s", pod.Name, pod.Spec.NodeName)
	}
	require.NoError(b, c.Client.CoreV1().Namespaces().Delete(b.Context(), namespace, metav1.DeleteOptions{}))
	for _, name := range spare {
		require.NoError(b, c.Client.CoreV1().Nodes().Delete(b.Context(), name, metav1.DeleteOptions{}))
	}
	return t
}

func uncordon(b *testing.B, c *kubetest.Cluster, names []string) {
	b.Helper()
	for _, name := range names {
		changeBehind(b, c, name, `{"spec":{"unschedulable":null}}`)
	}
}

func kubectlDrain(b *testing.B, c *kubetest.Cluster, kubeconfig string, names []string) {
	b.Helper()
	args := append([]string{"--kubeconfig", kubeconfig, "drain", "--ignore-daemonsets", "--timeout=20m"}, names...)
	cmd := exec.Command(c.Plane().Kubectl, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(b, cmd.Run(), "%s", out.String())
}

// drainAll drains with the default options.
func (p *program) drainAll(b *testing.B, cluster string, names []string) {
	b.Helper()
	var batch batchDoc
	p.request(b, http.MethodPost, "/clusters/"+url.PathEscape(cluster)+"/batches",
		url.Values{"operation": {"drain"}, "node": names}, &batch)
	events := p.follow(b, "batch="+batch.ID)
	for {
		select {
		case e, open := <-events:
			require.True(b, open)
			if e.Name != "done" {
				continue
			}
		case <-time.After(20 * time.Minute):
			b.Fatal("the drain does not end")
		}
		break
	}
	batch = p.batch(b, batch.ID)
	require.Equal(b, len(names), batch.Counts["succeeded"], "%s", strings.Join(failures(batch), "\n"))
}

func failures(batch batchDoc) []string {
	var lines []string
	for _, it := range batch.Items {
		if it.State != "succeeded" {
			lines = append(lines, it.Node+": "+it.State+": "+it.Error)
		}
	}
	return lines
}
