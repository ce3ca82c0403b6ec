package acceptance

import (
	"encoding/json"
	"flag"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube/kubetest"
)

// steady is how long the program is under load on each database; "make soak" takes half an
// hour.
var steady = flag.Duration("steady", 5*time.Second, "time under load on each database")

const (
	steadyTeams    = 4
	steadyNodes    = 100 // of each team
	steadyDrained  = 60  // nodes with pods
	drainedAtOnce  = 6
	steadyPods     = 120
	steadyWatchers = 20
	steadySamples  = 180
	steadyRests    = 100 * time.Millisecond // a reader, between two pages
)

// steadyLoad is what goes on around the program: teams that run batches, those who watch
// them, and another program that changes the same nodes.
type steadyLoad struct {
	testing.TB
	cluster  *kubetest.Cluster
	programs []*program // that share a database; each is asked in its turn
	until    time.Time

	asked, pages atomic.Int64
	mu           sync.Mutex
	ends         map[string]map[string]int // counts of the batches that have ended, by their ids
}

func (l *steadyLoad) program() *program {
	return l.programs[int(l.asked.Add(1))%len(l.programs)]
}

func (l *steadyLoad) goesOn() bool { return time.Now().Before(l.until) && !l.Failed() }

// run runs a batch to its end, and returns the table of another program as it is right then.
func (l *steadyLoad) run(form url.Values, names []string) []nodeRow {
	l.Helper()
	form["node"] = names
	b := l.submit(form)
	for !l.followed(b.ID) {
	}
	prefix := names[0][:len(names[0])-len("-0000.test")]
	list := l.program().nodes(l, l.cluster.Name, url.Values{"size": {"200"}, "q": {prefix}}.Encode())
	b = l.program().batch(l, b.ID)
	requireComplete(l, b, names)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ends[b.ID] = b.Counts
	return list.Items
}

// submit starts a batch. The program refuses a plan of somebody who has several in progress.
func (l *steadyLoad) submit(form url.Values) (b batchDoc) {
	l.Helper()
	path := "/clusters/" + l.cluster.Name + "/batches"
	for end := time.Now().Add(patience); ; time.Sleep(time.Second) {
		answer, raw := l.program().call(l, http.MethodPost, path, "application/json", formKind,
			strings.NewReader(form.Encode()))
		if answer.StatusCode == http.StatusTooManyRequests && time.Now().Before(end) {
			continue
		}
		require.Less(l, answer.StatusCode, 300, "%s", raw)
		require.NoError(l, json.Unmarshal(raw, &b))
		return b
	}
}

// followed follows a batch until its last event. It reports false if the stream ended before,
// as it does when another replica takes over.
func (l *steadyLoad) followed(id string) bool {
	l.Helper()
	events, end := l.program().stream(l, url.Values{"batch": {id}}.Encode())
	defer end()
	for {
		e, open := next(l, events)
		if !open || e.Name == "done" {
			return open
		}
	}
}

// change runs batches of all kinds but drains, one after the other. None of them may remove
// the labels of the other program.
func (l *steadyLoad) change(names []string) {
	var want wanted
	for i := 0; l.goesOn(); i++ {
		form := mixed(i, &want)
		form.Del("mode")
		table := l.run(form, names)
		require.Len(l, table, len(names))
		want.requireShown(l, table)
		want.requireOn(l, l.cluster, names)
	}
}

// drain drains a few nodes at a time, and lets the pods come back.
func (l *steadyLoad) drain(names []string, namespace string) {
	for i := 0; l.goesOn(); i = (i + drainedAtOnce) % len(names) {
		some := names[i : i+drainedAtOnce]
		l.run(url.Values{"operation": {"drain"}, "timeout": {"60"}, "reason": {"kernel CVE"}}, some)
		for _, pod := range l.cluster.WaitRunning(l, namespace, "web", steadyPods) {
			require.NotContains(l, some, pod.Spec.NodeName, "a drained node takes no pod")
		}
		for _, n := range l.run(url.Values{"operation": {"uncordon"}}, some) {
			require.False(l, n.Unschedulable, n.Name)
		}
	}
}

// watch follows the cluster as an open page does, and leaves for a new one after some
// changes.
func (l *steadyLoad) watch() {
	for l.goesOn() {
		events, end := l.program().stream(l, url.Values{"cluster": {l.cluster.Name}}.Encode())
		for changes, open := 0, true; open && changes < 3 && l.goesOn(); {
			var e event
			select {
			case e, open = <-events:
			case <-time.After(time.Second):
			}
			if e.Name == "nodes" {
				changes++
				l.look(nodesPath(l.cluster.Name) + "?size=50")
			}
		}
		end()
	}
}

// look loads a page.
func (l *steadyLoad) look(path string) {
	l.program().timed(l, path)
	l.pages.Add(1)
}

// browse loads the pages that people look at, one after the other.
func (l *steadyLoad) browse() {
	nodes := nodesPath(l.cluster.Name)
	cluster := "/clusters/" + l.cluster.Name
	paths := []string{
		"/clusters", nodes + "?q=cordoned", nodes + "?q=round:r1&group=zone", nodes + ".csv", "/nodes",
		cluster + "/overview", cluster + "/rules", cluster + "/labels", cluster + "/taints", "/batches", "/audit",
		"/hooks", "/users", "/profile", "/templates/labels", "/openapi.json",
	}
	for i := 0; l.goesOn(); i++ {
		l.look(paths[i%len(paths)])
		time.Sleep(steadyRests)
	}
}

// sample reads what the processes use, again and again.
func (l *steadyLoad) sample() [][]usage {
	samples := make([][]usage, len(l.programs))
	pause := *steady / steadySamples
	for n := 1; l.goesOn(); n++ {
		for i, p := range l.programs {
			now := p.usage(l)
			samples[i] = append(samples[i], now)
			if n%(steadySamples/30) == 0 {
				l.mu.Lock()
				l.Logf("process %d: %s; %d batches, %d pages", i, now, len(l.ends), l.pages.Load())
				l.mu.Unlock()
			}
		}
		time.Sleep(pause)
	}
	return samples
}

// Under a load of mixed batches, the program uses no more memory, goroutines and files as
// time goes by; every batch does what it says, every table shows that at once, and no change
// of another program is lost.
func TestSteady(t *testing.T) {
	profile := []string{"--pprof-addr", "127.0.0.1:0", "--user-streams", "0"}
	t.Run("SQLite", func(t *testing.T) {
		c := lease(t)
		p := emptyProgram(t, steadyBuild().binary(t), c.Kubeconfig, profile...)
		p.Token = copySeed(t, p.Data)
		p.start(t)
		testSteady(t, c, []*program{p})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		c := lease(t)
		testSteady(t, c, startReplicas(t, steadyBuild().binary(t), c.Kubeconfig, 2, profile...).all)
	})
}

// steadyBuild returns the program as it is released if the load is long enough to judge
// its memory, else the one with the race detector.
func steadyBuild() *build {
	if *steady > workingSize {
		return &releaseBuild
	}
	return &raceBuild
}

func testSteady(t *testing.T, c *kubetest.Cluster, programs []*program) {
	t.Helper()
	l := &steadyLoad{TB: t, cluster: c, programs: programs, ends: map[string]map[string]int{}}
	var teams [][]string
	for range steadyTeams {
		teams = append(teams, c.Nodes(t, steadyNodes))
	}
	drained, namespace := c.Nodes(t, steadyDrained), c.Namespace(t)
	c.Deployment(t, namespace, "web", steadyPods, kubetest.OnNodes(drained...))
	var before []usage
	for _, p := range programs {
		l.look(nodesPath(c.Name))
		before = append(before, p.usage(t))
	}

	other := startNeighbour(t.Context(), c.Client, slices.Concat(teams[0][:drainedAtOnce], drained[:drainedAtOnce]))
	l.until = time.Now().Add(*steady)
	var load sync.WaitGroup
	for _, names := range teams {
		load.Go(func() { l.change(names) })
	}
	load.Go(func() { l.drain(drained, namespace) })
	for range steadyWatchers {
		load.Go(l.watch)
	}
	load.Go(l.browse)
	samples := l.sample()
	load.Wait()
	writes, lost := other.stop()
	require.Empty(t, lost)
	require.False(t, t.Failed())
	t.Logf("%d batches, %d pages, %d foreign changes, none lost", len(l.ends), l.pages.Load(), writes)

	programs[0].auditAgrees(t, l.ends)
	for i, p := range programs {
		if *steady > workingSize {
			require.Empty(t, growth(samples[i]), "process %d", i)
		}
		p.client.CloseIdleConnections()
		require.Eventually(t, func() bool {
			now := p.usage(t)
			return now.goroutines < before[i].goroutines+moreGoroutines && now.files < before[i].files+moreFiles
		}, patience, time.Second, "what the load has used is given back: %s at first", before[i])
		t.Logf("process %d: %s before, %s now", i, before[i], p.usage(t))
	}
}
