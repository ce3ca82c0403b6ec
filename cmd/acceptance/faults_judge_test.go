package acceptance

import (
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"kube-node-manager/services/kube/kubetest"
)

const (
	// mostPatches is how often one process may patch a node, beside the patches that the API
	// server refused because the node had changed.
	mostPatches = 6
	// mostEvictions is how often the eviction of a pod may be tried.
	mostEvictions = 12
	// mostCalls is how many calls of any kind a batch of the suite may cost, those included
	// that keep an open page up to date.
	mostCalls = 400
)

// figures count what the cases of one fault did.
type figures struct {
	mu      sync.Mutex
	batches int
	items   map[string]int // by state
	faults  int            // calls that failed, or what was done to the program
	calls   int            // to the API server
	foreign int            // changes of the other program
	checks  int
	cases   int // that were tried to their end, and have not failed
}

// add adds the figures of one case.
func (f *figures) add(of *figures) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.items == nil {
		f.items = map[string]int{}
	}
	for state, n := range of.items {
		f.items[state] += n
	}
	f.batches += of.batches
	f.faults += of.faults
	f.calls += of.calls
	f.foreign += of.foreign
	f.checks += of.checks
	f.cases += of.cases
}

// check is one check that counts.
func (s *scene) check(holds bool, format string, args ...any) {
	s.Helper()
	s.figures.checks++
	if !holds {
		s.Errorf(format, args...)
	}
}

// judge compares what the program says of the batch with what is true of the nodes.
func (s *scene) judge() {
	s.Helper()
	writes, lost := s.neighbour.stop()
	s.figures.batches++
	s.figures.foreign += writes
	s.check(writes > 0, "the other program was at work")
	s.check(len(lost) == 0, "changes of another program are lost: %q", lost)
	s.check(s.batch.EndedAt != nil, "the batch has not ended: it is %s, %v", s.batch.State, s.batch.Counts)
	s.judgeItems()
	s.judgeCounts()
	s.judgeTable()
	s.judgeCalls()
	s.judgePage()
	s.judgeProgram()
	for _, i := range s.injected {
		s.figures.faults += i.Hits()
	}
	s.check(s.figures.faults > 0, "the fault did not strike")
}

// judgeItems: no success that is none, no change that is denied.
func (s *scene) judgeItems() {
	s.Helper()
	s.figures.items = map[string]int{}
	for i, it := range s.batch.Items {
		s.figures.items[it.State]++
		now := s.state(it.Node)
		switch it.State {
		case "succeeded", "unchanged":
			s.check(now == s.to(), "%s is said to be done, and is %q", it.Node, now)
		case "failed", "skipped", "cancelled":
			s.check(it.MayHaveChanged || now == s.from(it.Node), "%s is said to be as it was, and is %q", it.Node, now)
			s.check(it.Error != "", "%s %s without a reason", it.Node, it.State)
			s.check(s.fault.words.MatchString(it.Error), "%s %s: %q does not name the fault", it.Node, it.State, it.Error)
		default:
			s.check(false, "%s is %s in a batch that has ended", it.Node, it.State)
		}
		if s.fault.spares(i) {
			s.check(it.State == "succeeded" || it.State == "unchanged", "%s %s: %s", it.Node, it.State, it.Error)
		}
	}
	s.check(len(s.batch.Items) == sceneNodes, "every node has one item")
}

// judgeCounts: the counts are those of the items.
func (s *scene) judgeCounts() {
	s.Helper()
	for state, n := range s.batch.Counts {
		s.check(s.figures.items[state] == n, "%d items are %s, and %d are counted", s.figures.items[state], state, n)
	}
	want := "partial"
	good := s.figures.items["succeeded"] + s.figures.items["unchanged"]
	if good == sceneNodes {
		want = "succeeded"
	} else if good == 0 {
		want = "failed"
	}
	s.check(s.batch.State == want, "the batch is %s, not %s", s.batch.State, want)
}

// judgeTable: after the last event, the table shows the truth.
func (s *scene) judgeTable() {
	s.Helper()
	if s.fault.blind {
		_, page := s.page("/clusters/" + s.cluster.Name + "/nodes?fresh=1")
		s.check(s.fault.words.MatchString(page), "the table does not say why it cannot be read")
		return
	}
	if !s.deed.inTable {
		return
	}
	if s.shown == nil { // its stream was cut off
		s.shown = s.table()
	}
	for _, name := range s.names {
		n, there := s.shown[name]
		if !there {
			s.check(s.state(name) == "", "%s is missing in the table", name)
			continue
		}
		truth := s.deed.state(s.cluster.Node(s, name))
		s.check(s.deed.state(n) == truth, "the table shows %s as %q, and it is %q", name, s.deed.state(n), truth)
	}
}

// judgeCalls: the calls are bounded, however the cluster answers.
func (s *scene) judgeCalls() {
	s.Helper()
	all := s.proxy.Requests()
	s.figures.calls += len(all)
	s.check(len(all) <= mostCalls, "the batch made %d calls", len(all))
	for _, name := range s.names {
		sent, conflicts := patchesOf(all, name)
		s.check(sent <= s.fault.starts()*mostPatches+conflicts, "%s was patched %d times, %d of them in vain",
			name, sent, conflicts)
	}
	evictions := map[string]int{}
	for _, r := range all {
		if r.Resource == "pods/eviction" {
			evictions[r.Name]++
		}
	}
	for pod, n := range evictions {
		s.check(n <= s.fault.starts()*mostEvictions, "%s was evicted %d times", pod, n)
	}
}

// patchesOf returns how often a node was patched, and how often in vain because somebody
// else had changed it.
func patchesOf(all []kubetest.Request, node string) (sent, conflicts int) {
	for _, r := range all {
		if r.Verb != "patch" || r.Resource != "nodes" || r.Name != node {
			continue
		}
		sent++
		if r.Code == http.StatusConflict {
			conflicts++
		}
	}
	return sent, conflicts
}

// retry retries what has failed, once the fault is over: then all is done.
func (s *scene) retry() {
	s.Helper()
	failed := s.figures.items["failed"] + s.figures.items["skipped"]
	if failed == 0 || s.fault.stays {
		return
	}
	s.proxy.Reset()
	form := s.form()
	form.Del("node") // those that failed
	s.post("/batches/"+s.batch.ID+"/retry", form)
	s.await()
	s.figures.batches++
	for _, it := range s.batch.Items {
		s.figures.items["retried"]++
		s.check(it.State == "succeeded" || it.State == "unchanged", "a retry of %s %s: %s", it.Node, it.State, it.Error)
		s.check(s.state(it.Node) == s.to(), "a retry of %s is said to be done, and it is %q", it.Node, s.state(it.Node))
	}
	s.check(len(s.batch.Items) == failed, "%d nodes are retried of %d", len(s.batch.Items), failed)
}

// judgePage: the page of the batch says what the items say.
func (s *scene) judgePage() {
	s.Helper()
	status, page := s.page("/batches/" + s.batch.ID)
	s.check(status == http.StatusOK, "the page of the batch answers %d", status)
	text := html.UnescapeString(page)
	for _, it := range s.batch.Items {
		s.check(strings.Contains(text, it.Node), "the page does not show %s", it.Node)
		if it.Error != "" {
			s.check(strings.Contains(text, it.Error), "the page does not say of %s: %q", it.Node, it.Error)
		}
	}
}

// judgeProgram: the program runs on, whatever happens to it.
func (s *scene) judgeProgram() {
	s.Helper()
	select {
	case err := <-s.program.exited:
		s.program.exited <- err // for the end of the test
		s.check(false, "the program has ended: %v", err)
	default:
		s.check(true, "the program runs")
	}
	s.check(!strings.Contains(s.program.log(s), "panic"), "nothing panics")
}

// spares reports whether the i-th node of a batch is to be done all the same.
func (f fault) spares(i int) bool { return !slices.Contains(f.fails, i) }

// starts is how many processes may try a node.
func (f fault) starts() int { return 1 + f.kills }

// anyWords are those of a fault that fails no node.
var anyWords = regexp.MustCompile(`\w`)
