package acceptance

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube/kubetest"
)

// BenchmarkConditionsCordon compares cordons that set conditions on their nodes with those
// that do not.
func BenchmarkConditionsCordon(b *testing.B) {
	c := kubetest.Acquire(b)
	c.Nodes(b, benchNodes)
	p := startProgram(b, c.Kubeconfig)
	p.withAndWithout(b, c.Name, func() time.Duration {
		perSecond, _ := p.timedBatch(b, c.Name, url.Values{"operation": {"cordon"}},
			func(n nodeRow) bool { return n.Unschedulable })
		p.timedBatch(b, c.Name, url.Values{"operation": {"uncordon"}}, func(n nodeRow) bool { return !n.Unschedulable })
		return time.Duration(benchNodes / perSecond * float64(time.Second))
	})
}

// BenchmarkConditionsDrain does the same for drains.
func BenchmarkConditionsDrain(b *testing.B) {
	c := kubetest.Acquire(b)
	victims := c.Nodes(b, drainNodes)
	proxy := c.Proxy(b)
	p := startProgram(b, proxy.Kubeconfig(b, c.Name))
	p.withAndWithout(b, c.Name, func() time.Duration {
		return contest(b, c, proxy, victims, func() { p.drainAll(b, c.Name, victims) }).took
	})
}

// withAndWithout reports how long something takes with conditions, in times of how long it
// takes without.
func (p *program) withAndWithout(b *testing.B, cluster string, do func() time.Duration) {
	for b.Loop() {
		var ratios []float64
		for range benchRounds {
			p.setRules(b, cluster, url.Values{"node_conditions": {"off"}})
			without := do()
			p.setRules(b, cluster, url.Values{"node_conditions": {"on"}})
			with := do()
			b.Logf("%s without conditions, %s with", without.Round(time.Millisecond), with.Round(time.Millisecond))
			ratios = append(ratios, with.Seconds()/without.Seconds())
		}
		b.ReportMetric(median(ratios, func(ratio float64) float64 { return ratio }), "x-without")
	}
}

// setRules changes the rules of a cluster.
func (p *program) setRules(tb testing.TB, cluster string, form url.Values) {
	tb.Helper()
	var doc struct{ Cluster string }
	p.request(tb, http.MethodPost, "/clusters/"+url.PathEscape(cluster)+"/rules", form, &doc)
	require.Equal(tb, cluster, doc.Cluster)
}
