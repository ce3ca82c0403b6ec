package acceptance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// reliabilityDocument is written by the whole suite with -update.
const reliabilityDocument = "docs/reliability.md"

// account has the figures of all faults.
type account struct {
	mu      sync.Mutex
	began   time.Time
	byFault map[string]*figures
}

func newAccount() *account { return &account{began: time.Now(), byFault: map[string]*figures{}} }

// of returns the figures of a fault.
func (a *account) of(fault string) *figures {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, known := a.byFault[fault]
	if !known {
		f = &figures{}
		a.byFault[fault] = f
	}
	return f
}

// report logs the figures, and writes those of the faults to the document of which all cases
// have passed.
func (a *account) report(t *testing.T) {
	t.Helper()
	sum := &figures{}
	for _, f := range a.byFault {
		sum.add(f)
	}
	t.Logf("%d faults, %d batches, %d items, %d calls struck, %d changes of others, %d checks, %s",
		len(a.byFault), sum.batches, allItems(sum), sum.faults, sum.foreign, sum.checks,
		time.Since(a.began).Round(time.Second))
	if *update && *wholeSuite {
		a.write(t)
	}
}

// write writes the document. The rows of the other engine, and of faults that were not tried,
// stay as they are.
func (a *account) write(t *testing.T) {
	t.Helper()
	before := readDocument(t, reliabilityDocument)
	text := reliabilityHead
	for _, engine := range []string{onSQLite, onPostgres} {
		table := tableIn(before, engine)
		if engine == engineOfSuite() {
			table = a.table(table)
		}
		text += tableTitle(engine) + table + "\n"
	}
	text += meanings() + reliabilityTail
	require.NoError(t, os.WriteFile(filepath.Join(repository, reliabilityDocument), []byte(text), 0o644))
}

func tableTitle(engine string) string { return "### " + engine + "\n\n" }

// tableIn returns the table of an engine in the document.
func tableIn(document, engine string) string {
	_, rest, _ := strings.Cut(document, tableTitle(engine))
	table, _, _ := strings.Cut(rest, "\n\n")
	return table + "\n"
}

func allItems(f *figures) int {
	all := 0
	for _, n := range f.items {
		all += n
	}
	return all
}

const tableHead = "| fault | operations | batches | nodes done | nodes failed, and said so | retried, and done | " +
	"faults | API calls | changes of others | checks |\n|---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n"

// table returns the table of the document for the engine of the suite. before is the table
// that it has.
func (a *account) table(before string) string {
	var b strings.Builder
	b.WriteString(tableHead)
	sum := make([]int, numbers)
	for _, f := range faultsOn(engineOfSuite()) {
		begins := "| " + f.name + " | " + operationsOf(f) + " |"
		counts := a.of(f.name).row()
		if a.of(f.name).cases < casesOf(f) {
			counts = rowIn(before, begins)
		}
		for i, n := range counts {
			sum[i] += n
		}
		b.WriteString(begins + cells(counts))
	}
	b.WriteString("| all |  |" + cells(sum))
	return b.String()
}

// numbers is how many figures a row has.
const numbers = 8

// row returns the figures of a row.
func (f *figures) row() []int {
	done, retried := f.items["succeeded"]+f.items["unchanged"], f.items["retried"]
	return []int{f.batches, done, allItems(f) - done - retried, retried, f.faults, f.calls, f.foreign, f.checks}
}

// rowIn returns the figures of the row of a table that begins with a text, zeros if there is
// none.
func rowIn(table, begins string) []int {
	counts := make([]int, numbers)
	_, rest, found := strings.Cut(table, begins)
	if !found {
		return counts
	}
	for i, cell := range strings.SplitN(rest, "|", numbers+1)[:numbers] {
		counts[i], _ = strconv.Atoi(strings.TrimSpace(cell))
	}
	return counts
}

func cells(counts []int) string {
	var b strings.Builder
	for _, n := range counts {
		fmt.Fprintf(&b, " %d |", n)
	}
	return b.String() + "\n"
}

// casesOf is with how many operations a fault is tried.
func casesOf(f fault) int {
	if f.only == nil {
		return len(deeds())
	}
	return len(f.only)
}

// operationsOf returns the operations that a fault is tried with.
func operationsOf(f fault) string {
	var names []string
	for _, d := range deeds() {
		if f.only == nil || slices.Contains(f.only, d.operation) {
			names = append(names, d.operation)
		}
	}
	if len(names) == len(deeds()) {
		return "all"
	}
	return strings.Join(names, ", ")
}

// meanings returns what each fault means for a person.
func meanings() string {
	var b strings.Builder
	b.WriteString("## What you see of each\n\n")
	for _, f := range faultTable() {
		fmt.Fprintf(&b, "- **%s.** %s\n", f.name, f.means)
	}
	return b.String()
}

// The document lists exactly the cases of the suite, in their order, and has figures of each.
func TestReliability_listsTheSuite(t *testing.T) {
	text := readDocument(t, reliabilityDocument)
	require.Contains(t, text, meanings())
	for _, engine := range []string{onSQLite, onPostgres} {
		rows := strings.Split(strings.TrimPrefix(tableIn(text, engine), tableHead), "\n")
		faults := faultsOn(engine)
		require.Greater(t, len(rows), len(faults), engine)
		for i, f := range faults {
			begins := "| " + f.name + " | " + operationsOf(f) + " | "
			require.True(t, strings.HasPrefix(rows[i], begins), rows[i])
			require.False(t, strings.HasPrefix(rows[i], begins+"0 |"), "without figures: %s", rows[i])
		}
		require.True(t, strings.HasPrefix(rows[len(faults)], "| all |"), "the document has further faults")
	}
}

const reliabilityHead = `# Reliability

What happens to a batch when something goes wrong: in the network, in the cluster, on the machine, or to the program
itself. This page is written by the test suite that tries it; the figures of each fault are those of the last run in
which all of its cases have passed.

## Method

Each case is a batch of one operation over four nodes of a real control plane (API server, etcd, controllers and
scheduler; the kubelets are simulated). The program is the released binary, used over HTTP. It reaches the API server
through a proxy that speaks HTTP/2 as the API server does and makes chosen calls fail. Of the faults of single calls,
the first node meets one at every call that writes, for as long as the batch runs; the second and the third node meet
it twice each; the fourth node meets none. In a drain, the calls that write are evictions, too. All the while, another
program changes a label, a taint and an annotation of its own on the same nodes, and notices if one of them is lost.

When the batch has ended, the suite reads the nodes and pods past the program and its proxy, and checks:

- every node has one item, in one final state, and the counts and the verdict of the batch follow from the items;
- **no success is reported that is none**: a node that succeeded is as requested, and in a drain all of its pods are
  gone;
- **no change is denied**: a node that failed is as it was, unless its item says that it may have changed;
- a failure has a reason that names the fault, in the JSON and on the page of the batch;
- nodes that the fault left alone, or for which it passed, are done;
- the node table shows the truth as soon as the batch says that it is done;
- no change of the other program is lost;
- the calls are bounded: six patches of a node and twelve evictions of a pod by one process, and 400 calls in all,
  those included that keep an open page up to date;
- once the fault is over, a retry of what failed does it.

The suite runs with each of the database engines, with faults of its own for each. The short form in
` + "`make test`" + ` tries each fault with one of its operations, with SQLite; ` + "`make soak`" + ` tries all, with
both. Where the user may not mount a disk, the faults that need one of their own are skipped, and the log says NOT
TESTED. To write this page: ` + "`go test ./cmd/acceptance -run TestFaults -faults -update`" + `, and the same
as a command of ` + "`go run ./cmd/devpostgres`" + `, which provides PostgreSQL.

## Figures

`

const reliabilityTail = `
## What is not covered

- Several API servers of which one lags behind: tests of ` + "`services/batch`" + ` cover it, not this table.
- Several replicas: here, one program uses the database. Other tests of ` + "`cmd/acceptance`" + ` kill and stop
  replicas, and take their database away.
- A file system that becomes read-only while the program runs. It is treated as a full disk is.
- Failures of single disk blocks, and of memory.
- The clock of the cluster is behind in the answers to reads and ahead in those to writes. The clock of the machine that
  runs the program is right.
- The simulated kubelets end pods without running anything, so hooks and signals in containers are not exercised.
`
