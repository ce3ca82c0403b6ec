package acceptance

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kube-node-manager/services/kube/kubetest"
)

const (
	viewNodes   = 5000
	viewPods    = 20_000
	viewers     = 200
	viewRounds  = 200 // of each page
	viewChanges = 20  // of a row that a browser shows
	stormSize   = 1000
	viewMinute  = time.Minute // for which calls of the cluster are counted
)

// BenchmarkView measures what people who look at a large cluster wait for, and what they
// cost.
func BenchmarkView(b *testing.B) {
	c := kubetest.Acquire(b)
	names := crowd(b, c)
	proxy := c.Proxy(b)
	for b.Loop() {
		p := startProgram(b, proxy.Kubeconfig(b, c.Name), "--user-streams", "0")
		table := nodesPath(c.Name)
		began := time.Now()
		p.timed(b, table)
		reportTime(b, "cold-table", time.Since(began))
		began = time.Now()
		p.timed(b, table+"?usage=1")
		reportTime(b, "cold-usage", time.Since(began))

		p.measure(b, "table", func(int) string { return table + "?size=100" })
		search := func(text string) string { return table + "?size=100&q=" + url.QueryEscape(text) }
		p.measure(b, "search", func(i int) string { return search(names[i*20][:len(names[0])-6]) })
		p.measure(b, "terms", func(i int) string { return search(fmt.Sprintf("zone:r1-a cpu<%d%%", 1+i%20)) })
		p.measure(b, "by-cpu", func(int) string { return table + "?size=100&sort=cpu&dir=desc" })
		p.measure(b, "grouped", func(int) string { return table + "?size=100&group=pool" })
		p.measure(b, "csv", func(int) string { return table + ".csv" })
		figure(b, megabytes(p.resident(b, "VmRSS")), "MB-resident")

		one := p.watched(b, c.Name, proxy, 1)
		many := p.watched(b, c.Name, proxy, viewers)
		figure(b, float64(one), "calls/min-1-viewer")
		figure(b, float64(many), fmt.Sprintf("calls/min-%d-viewers", viewers))
		figure(b, megabytes(p.resident(b, "VmRSS")), "MB-resident-with-viewers")
		measureChanges(b, c, p, names)
		p.end(b, syscall.SIGTERM)
	}
}

// crowd fills a cluster with nodes in pools and zones, and with pods.
func crowd(b *testing.B, c *kubetest.Cluster) (names []string) {
	b.Helper()
	spread := func(i int, n *corev1.Node) {
		n.Labels[corev1.LabelTopologyZone] = "r1-" + string("abc"[i%3])
		n.Labels["node.kubernetes.io/pool"] = fmt.Sprint("pool-", i%10)
		n.Labels[corev1.LabelInstanceTypeStable] = fmt.Sprint("type-", i%4)
		for j := range 12 {
			n.Labels[fmt.Sprintf("example.com/label-%d", j)] = fmt.Sprint("value-", i%7)
		}
	}
	for range viewNodes / 1000 {
		names = append(names, c.Nodes(b, 1000, spread)...)
	}
	namespace := c.Namespace(b)
	inParallel(viewPods, func(i int) {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("pod-", i)}}
		pod.Spec.NodeName = names[i%len(names)]
		pod.Spec.Containers = []corev1.Container{{Name: "main", Image: "none"}}
		pod.Spec.Containers[0].Resources.Requests = corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("256Mi"),
		}
		_, err := c.Client.CoreV1().Pods(namespace).Create(b.Context(), pod, metav1.CreateOptions{})
		require.NoError(b, err)
	})
	return names
}

// inParallel calls do for each number below n.
func inParallel(n int, do func(i int)) {
	var workers sync.WaitGroup
	for worker := range benchWorkers {
		workers.Go(func() {
			for i := worker; i < n; i += benchWorkers {
				do(i)
			}
		})
	}
	workers.Wait()
}

// timed returns how long a page takes, with all of its body.
func (p *program) timed(b testing.TB, path string) time.Duration {
	b.Helper()
	r, err := p.newRequest(b.Context(), http.MethodGet, path, nil)
	require.NoError(b, err)
	r.Header.Set("Accept", "text/html")
	r.Header.Set("HX-Request", "true")
	began := time.Now()
	response, err := p.client.Do(r)
	require.NoError(b, err)
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(b, err)
	require.Equal(b, http.StatusOK, response.StatusCode, path)
	return time.Since(began)
}

// measure reports how long pages take.
func (p *program) measure(b *testing.B, name string, path func(i int) string) {
	b.Helper()
	var took []time.Duration
	for i := range viewRounds {
		took = append(took, p.timed(b, path(i)))
	}
	reportTimes(b, name, took)
}

func reportTime(b *testing.B, name string, took time.Duration) {
	figure(b, float64(took.Microseconds())/1000, "ms-"+name)
}

func megabytes(bytes int) float64 { return float64(bytes) / (1 << 20) }

// figure reports a figure, and says it at once: a later one may fail.
func figure(b *testing.B, value float64, unit string) {
	b.Logf("%.1f %s", value, unit)
	b.ReportMetric(value, unit)
}

// reportTimes reports the median and the 99th percentile.
func reportTimes(b *testing.B, name string, took []time.Duration) {
	slices.Sort(took)
	reportTime(b, name+"-p50", took[len(took)/2])
	reportTime(b, name+"-p99", took[len(took)*99/100])
}

// watched returns how many calls the cluster gets in a minute in which so many people
// look at its table.
func (p *program) watched(b *testing.B, cluster string, proxy *kubetest.Proxy, people int) int {
	b.Helper()
	var readers sync.WaitGroup
	defer readers.Wait()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	stop := make(chan struct{})
	defer close(stop)
	for range people {
		readers.Go(func() { p.look(b, client, cluster, stop) })
	}
	time.Sleep(5 * time.Second) // the streams are open, and the first lists are over
	before := len(proxy.Requests())
	time.Sleep(viewMinute)
	return len(proxy.Requests()) - before
}

// look has an event stream open, and reloads the table when it says so, as a page does.
func (p *program) look(b *testing.B, client *http.Client, cluster string, stop <-chan struct{}) {
	r, err := p.newRequest(b.Context(), http.MethodGet, "/events?cluster="+url.QueryEscape(cluster), nil)
	if err != nil {
		b.Error(err)
		return
	}
	response, err := client.Do(r)
	if err != nil {
		b.Error(err)
		return
	}
	go func() {
		<-stop
		_ = response.Body.Close()
	}()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if lines.Text() == "event: nodes" {
			p.timed(b, nodesPath(cluster)+"?size=100")
		}
	}
}

// measureChanges reports how long it takes until a browser shows what somebody else has
// changed, while all is quiet and while many other nodes change.
func measureChanges(b *testing.B, c *kubetest.Cluster, p *program, names []string) {
	b.Helper()
	x := startBrowser(b).tab(p).signIn()
	x.openNodes(c.Name, "?sort=name&size=200")
	shown := value[[]string](x, `[...document.querySelectorAll("#nodes tr[data-node]")].map((r) => r.dataset.node)`)
	others := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(shown, name) })
	reportTimes(b, "interaction", x.interactions(shown))
	reportTimes(b, "change-quiet", x.changes(c, shown[:viewChanges]))
	done := make(chan struct{})
	go func() {
		defer close(done)
		inParallel(stormSize, func(i int) {
			patch := fmt.Sprintf(`{"metadata":{"labels":{"storm":"%d"}}}`, i)
			_, err := c.Client.CoreV1().Nodes().Patch(b.Context(), others[i], types.MergePatchType, []byte(patch),
				metav1.PatchOptions{})
			if err != nil {
				b.Error(err)
			}
		})
	}()
	reportTimes(b, "change-storm", x.changes(c, shown[viewChanges:2*viewChanges]))
	<-done
}

// interactions presses keys and clicks in a table, and returns how long the page took each
// time until it was drawn.
func (x *tab) interactions(names []string) (took []time.Duration) {
	x.t.Helper()
	value[any](x, watchInteractions)
	for _, name := range names[:10] {
		x.letter('j')
		x.letter('x')
		x.press(box(name))
	}
	x.press("#sel-page")
	x.press("#bar .menu > summary") // the bar is there with a selection only
	x.escape()
	x.press("#sel-page")
	x.press("#sort-status")
	x.until(`location.search.includes("sort=status")`)
	x.press("#sort-name")
	x.until(`!location.search.includes("sort=status")`)
	x.settled()
	for _, ms := range value[[]float64](x, `window.interactions`) {
		took = append(took, time.Duration(ms*float64(time.Millisecond)))
	}
	require.NotEmpty(x.t, took)
	return took
}

// watchInteractions collects the durations of interactions. The browser rounds them to 8
// ms, and leaves out those that take no more than one frame.
const watchInteractions = `{
	window.interactions = [];
	new PerformanceObserver((list) => {
		for (const e of list.getEntries()) if (e.interactionId) interactions.push(e.duration);
	}).observe({ type: "event", durationThreshold: 16 });
}`

// changes cordons nodes that the table shows, one after the other, and returns how long
// it took each time until the table showed it.
func (x *tab) changes(c *kubetest.Cluster, names []string) (took []time.Duration) {
	x.t.Helper()
	for _, name := range names {
		value[any](x, fmt.Sprintf(waitRow, name))
		began := time.Now()
		cordonBeside(x.t, c, name)
		x.until(`window.shownAt > 0`)
		shown := time.UnixMilli(int64(value[float64](x, `window.shownAt`)))
		took = append(took, shown.Sub(began))
	}
	return took
}

// waitRow records when a row says that its node is cordoned.
const waitRow = `{
	window.shownAt = 0;
	const look = () => {
		const row = document.querySelector('#nodes tr[data-node=%q] .st');
		if (row?.textContent.includes("SchedulingDisabled")) window.shownAt ||= Date.now();
		else requestAnimationFrame(look);
	};
	look();
}`
