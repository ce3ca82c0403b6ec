package acceptance

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube/kubetest"
)

// onlookers are the pages that people have open while replicas are killed. None of them is
// ever loaded again by hand.
type onlookers struct {
	t       *testing.T
	rs      *replicas
	c       *kubetest.Cluster
	tables  []*tab // of nodes, one on each replica
	batches []*tab // pages of a batch, one on each replica
	typist  *tab   // a table with one node, a reason that is being typed, and the button of the node
	node    string // of the typist
	sent    bool   // in this round
	answers map[string]int
}

// typed is a reason that nobody sends.
const typed = "until the new kernel is"

// watchReloads records each table with the time at which it was requested, and marks the
// page, so that a page that was loaded again is known.
const watchReloads = `(() => {
	let asked = 0;
	window.stays = true;
	window.tables = [];
	document.addEventListener("htmx:beforeRequest", (e) => { if (e.detail.target.id === "nodes") asked = Date.now(); });
	document.addEventListener("htmx:afterSettle", (e) => {
		if (e.target.id === "nodes") window.tables.push({ asked, rows: ` + markedRows + ` });
	});
	return null;
})()`

// markedRows is what the table shows of what batches change, by node.
const markedRows = `Object.fromEntries([...document.querySelectorAll("#nodes tr[data-node]")].map((r) => [
	r.dataset.node, [
	r.querySelector(".status .st > span:not(.word)").textContent,
	r.querySelector(".why .reason")?.textContent ?? "",
	...[...r.querySelectorAll("a.chip.more")].flatMap((a) => a.title.split("\n"))
		.filter((tag) => /^(round|extra)=/.test(tag)).sort(),
].join(" ")]))`

type askedTable struct {
	Asked int64             `json:"asked"` // milliseconds since 1970
	Rows  map[string]string `json:"rows"`
}

// shown is what a row of the table shows of a node that is as wanted; see markedRows.
func (want wanted) shown() string {
	status := "Ready"
	if want.reason != "" {
		status += ",SchedulingDisabled"
	}
	parts := []string{status + " " + want.reason}
	if want.extra != "" {
		parts = append(parts, "extra="+want.extra)
	}
	if want.label != "" {
		parts = append(parts, "round="+want.label)
	}
	if want.taint != "" {
		parts = append(parts, "round="+want.taint+":PreferNoSchedule")
	}
	slices.Sort(parts[1:])
	return strings.Join(parts, " ")
}

// fixedAddress returns a free address for a program that is killed and started again. Its
// port is not one of those that the system gives to others in between.
func fixedAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 20_000+rand.N(10_000))
		l, err := net.Listen("tcp", address)
		if err == nil {
			require.NoError(t, l.Close())
			return address
		}
	}
	require.Fail(t, "no port is free")
	return ""
}

// watch opens pages on all replicas.
func (rs *replicas) watch(t *testing.T, c *kubetest.Cluster, names []string) *onlookers {
	t.Helper()
	o := &onlookers{t: t, rs: rs, c: c, node: c.Nodes(t, 1)[0], answers: map[string]int{}}
	b := startBrowser(t)
	for _, p := range rs.all {
		o.tables = append(o.tables, o.open(b, p, "?sort=name&q="+strings.TrimSuffix(names[0], "-0000.test")))
		o.batches = append(o.batches, o.tab(b, p))
	}
	o.typist = o.open(b, rs.all[0], "?q="+o.node)
	o.typist.tick(o.node)
	o.typist.fill("#reason", typed)
	return o
}

func (o *onlookers) open(b *browser, p *program, query string) *tab {
	o.t.Helper()
	x := o.tab(b, p)
	x.openNodes(o.c.Name, query)
	value[any](x, watchReloads)
	return x
}

// tab signs in on a replica, whose end its pages may complain about.
func (o *onlookers) tab(b *browser, p *program) *tab {
	o.t.Helper()
	x := b.tab(p)
	x.expect("net::ERR_", "503", "htmx:sendError", "htmx:timeout")
	return x.signIn()
}

// follow opens the page of a batch on all replicas.
func (o *onlookers) follow(id string) {
	o.t.Helper()
	for _, x := range o.batches {
		x.open("/batches/" + id)
		x.loaded("#progress [data-batch]")
		value[any](x, `void (window.stays = true)`)
	}
}

// send presses the button of a node, and does not wait for what becomes of it. While all
// other nodes are cordoned it does not cordon that one, which would need a plan.
func (o *onlookers) send(cordoned bool) {
	o.t.Helper()
	o.sent = value[bool](o.typist, fmt.Sprintf(`((cordoned) => {
		const button = document.querySelector("#nodes td.act button[id^=op-]");
		document.querySelector("#flash").replaceChildren();
		document.querySelector("#dock").replaceChildren();
		if (cordoned && !button.getAttribute("hx-vals").includes("uncordon")) return false;
		button.click();
		return true;
	})(%t)`, cordoned))
}

// requireTruth requires that every page has come to show what is true after a batch has
// ended, without help, and that none of them showed anything else after that.
func (o *onlookers) requireTruth(want wanted, names []string, b batchDoc) {
	o.t.Helper()
	for _, x := range o.batches {
		if !strings.HasSuffix(value[string](x, `location.pathname`), b.ID) {
			continue
		}
		x.until(fmt.Sprintf(`document.querySelector("#progress [data-batch]").dataset.state === %q`, b.State))
		x.until(fmt.Sprintf(`document.querySelector("#progress progress").value === %d`, len(names)))
		o.requireWell(x)
	}
	shown := want.shown()
	for _, x := range o.tables {
		x.until(fmt.Sprintf(`Object.entries(%s).length === 50 && Object.values(%s).every((row) => row === %q)`,
			markedRows, markedRows, shown))
		x.settled()
		for _, table := range value[[]askedTable](x, `window.tables.splice(0)`) {
			if time.UnixMilli(table.Asked).Before(b.EndedAt.Add(time.Millisecond)) {
				continue
			}
			for name, row := range table.Rows {
				require.Equal(o.t, shown, row, "%s, in a table that was requested after the batch had ended", name)
			}
		}
		o.requireWell(x)
	}
}

// requireWell requires that a page is live and not another one, shows no error, and that its
// reader is still signed in.
func (o *onlookers) requireWell(x *tab) {
	o.t.Helper()
	x.until(`window.stays && document.querySelector(".who")`)
	x.until(`["on", undefined].includes(document.body.dataset.live)`)
	x.until(`!document.querySelector("#flash").textContent.trim()`)
}

// requireAnswer requires that what was sent was either done, or that the page says what to
// do; and that what was typed is still there.
func (o *onlookers) requireAnswer() {
	o.t.Helper()
	x := o.typist
	const state = `document.querySelector("#dock [data-batch]")?.dataset.state`
	const note = `document.querySelector("#flash").textContent.trim()`
	if o.sent {
		x.until(fmt.Sprintf(`%s === "succeeded" || %s`, state, note))
		said := value[string](x, note)
		o.answers[said]++
		if said != "" {
			require.Contains(o.t, said, "before you try again")
		}
	}
	x.settled()
	status := "Ready"
	if o.c.Node(o.t, o.node).Spec.Unschedulable {
		status = "Ready,SchedulingDisabled"
	}
	x.untilRows(status, o.node)
	require.Equal(o.t, typed, value[string](x, `document.querySelector("#reason").value`))
	require.True(o.t, value[bool](x, `window.stays && document.querySelector("#nodes input[name=node]").checked`))
	x.selected("1 selected")
}

// addEnds adds the counts of the batches that the typist has started, and returns how many
// there are.
func (o *onlookers) addEnds(p *program, ends map[string]map[string]int) (n int) {
	o.t.Helper()
	for _, id := range p.history(o.t, "node="+o.node) {
		n++
		ends[id] = p.awaitBatch(o.t, id).Counts
	}
	return n
}
