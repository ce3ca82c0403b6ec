package acceptance

import (
	"flag"
	"slices"
	"testing"

	"kube-node-manager/services/kube/kubetest"
)

// wholeSuite makes the fault suite run every case; "make soak" does.
var wholeSuite = flag.Bool("faults", false, "run the whole fault suite instead of its short form")

// faultCase is one fault with one operation.
type faultCase struct {
	fault
	deed
}

func (c faultCase) title() string { return c.name + "/" + c.operation }

// faultCases are all cases of the suite, in the order of the table.
func faultCases() []faultCase {
	var cases []faultCase
	for _, f := range faultsOn(engineOfSuite()) {
		if f.words == nil {
			f.words = anyWords
		}
		for _, d := range deeds() {
			if f.only == nil || slices.Contains(f.only, d.operation) {
				cases = append(cases, faultCase{f, d})
			}
		}
	}
	return cases
}

// shortForm has each fault once, and over all of them every operation several times.
func shortForm(cases []faultCase) []faultCase {
	var short []faultCase
	for i, f := range faultsOn(engineOfSuite()) {
		of := slices.DeleteFunc(slices.Clone(cases), func(c faultCase) bool { return c.name != f.name })
		short = append(short, of[i%len(of)])
	}
	return short
}

// Whatever happens to a batch, every node ends in one right state, no success is reported
// that is none, no change of another program is lost, the calls are bounded, and the page
// says what has happened.
func TestFaults(t *testing.T) {
	t.Parallel()
	cases := faultCases()
	if !*wholeSuite {
		cases = shortForm(cases)
	}
	account := newAccount()
	t.Run("cases", func(t *testing.T) {
		t.Run("plane of its own", func(t *testing.T) {
			t.Parallel()
			plane := kubetest.OwnPlane(t)
			for _, c := range cases {
				if c.ownPlane {
					t.Run(c.title(), func(t *testing.T) { account.run(t, plane.Acquire(t), c) })
				}
			}
		})
		for _, c := range cases {
			if !c.ownPlane {
				t.Run(c.title(), func(t *testing.T) {
					t.Parallel()
					account.run(t, kubetest.Acquire(t), c)
				})
			}
		}
	})
	account.report(t)
}

// run runs one case.
func (a *account) run(t *testing.T, cluster *kubetest.Cluster, c faultCase) {
	t.Helper()
	s := newScene(t, cluster, c.fault, c.deed)
	c.strike(s)
	s.await()
	s.judge()
	s.retry()
	if !t.Failed() {
		s.figures.cases = 1
	}
	a.of(c.name).add(s.figures)
}
