package acceptance

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube/kubetest"
)

// everyList is the list of the nodes of all clusters.
type everyList struct {
	Total, Nodes int
	Items        []struct{ Cluster, Name, Status, Scheduling string }
	Clusters     []struct {
		Cluster string
		AsOf    *time.Time
		Problem *struct{ Code, Message string }
	}
}

// groupDoc is the answer to a submission over several clusters.
type groupDoc struct {
	Group   string
	Batches []batchDoc
}

// groupPlan is the plan of one.
type groupPlan struct {
	Digest string
	Plans  []struct {
		Cluster string
		Plan    struct{ Nodes []struct{ Node string } }
	}
	LeftOut []struct {
		Cluster string
		Nodes   int
		Problem struct{ Code string }
		Agreed  bool
	}
}

// refs names nodes of a cluster as forms do.
func refs(cluster string, names ...string) (all []string) {
	for _, name := range names {
		all = append(all, url.PathEscape(cluster)+"/"+name)
	}
	return all
}

// cut makes a cluster behind a proxy unreachable until the result is called.
func cut(proxy *kubetest.Proxy) (repair func()) {
	return proxy.Inject(kubetest.Fault{Cut: kubetest.CutBefore, Connection: true}).Remove
}

// everyProgram starts a program with two clusters, the second behind a proxy.
func everyProgram(t *testing.T, args ...string) (*program, []*kubetest.Cluster, *kubetest.Proxy) {
	t.Helper()
	t.Parallel()
	clusters := kubetest.AcquireN(t, 2)
	proxy := clusters[1].Proxy(t)
	files := []string{clusters[0].Kubeconfig, proxy.Kubeconfig(t, clusters[1].Name)}
	return newProgram(t, strings.Join(files, string(os.PathListSeparator)), args...), clusters, proxy
}

func (p *program) every(t testing.TB, query string) everyList {
	t.Helper()
	var list everyList
	p.request(t, http.MethodGet, "/nodes?"+query, nil, &list)
	return list
}

// One list has the nodes of all clusters, one request starts a batch in each of them, and
// the same key is the same batches.
func TestContract_everyCluster(t *testing.T) {
	p, clusters, _ := everyProgram(t)
	a, b := clusters[0], clusters[1]
	inA, inB := a.Nodes(t, 3), b.Nodes(t, 2)
	p.start(t)
	list := p.every(t, "sort=cluster")
	require.Equal(t, 5, list.Total)
	require.Len(t, list.Clusters, 2)
	require.Equal(t, 2, p.every(t, "cluster="+b.Name).Nodes)
	require.Equal(t, 1, p.every(t, "q="+inA[0]).Total)
	require.Equal(t, http.StatusNotFound, p.request(t, http.MethodGet, "/nodes?cluster=nowhere", nil, nil).StatusCode)
	_, raw := p.call(t, http.MethodGet, "/nodes.csv?cluster="+b.Name, "text/csv", "", nil)
	rows, err := csv.NewReader(strings.NewReader(string(raw))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 3)
	require.Equal(t, []string{inB[0], b.Name}, rows[1][:2])

	form := url.Values{
		"operation": {"cordon"}, "node": append(refs(a.Name, inA[:2]...), refs(b.Name, inB[0])...),
		"reason": {"kernel"}, "idempotency_key": {"once"},
	}
	var plan groupPlan
	p.request(t, http.MethodPost, "/batches/preview", form, &plan)
	require.Len(t, plan.Plans, 2)
	require.Empty(t, plan.LeftOut)
	form.Set("plan", plan.Digest)
	var first, second groupDoc
	response := p.request(t, http.MethodPost, "/batches", form, &first)
	require.Equal(t, http.StatusOK, response.StatusCode, "a small one ends within its request")
	require.Equal(t, "/batches?group="+first.Group, response.Header.Get("Location"))
	require.Len(t, first.Batches, 2)
	for _, one := range first.Batches {
		require.Equal(t, "succeeded", one.State)
	}
	require.Equal(t, 3, p.every(t, "sched=cordoned").Total, "done means visible")
	p.request(t, http.MethodPost, "/batches", form, &second)
	require.Equal(t, first.Batches[1].ID, second.Batches[1].ID)

	var history struct{ Items []batchDoc }
	p.request(t, http.MethodGet, "/batches?group="+first.Group, nil, &history)
	require.Len(t, history.Items, 2)
	events := p.follow(t, "nodes=all&batch="+first.Group)
	last, _ := next(t, events)
	require.Equal(t, "done", last.Name)

	for name, wrong := range map[string]url.Values{
		"no reference":  {"operation": {"cordon"}, "node": {inA[0]}},
		"no node":       {"operation": {"cordon"}},
		"no operation":  {"node": refs(a.Name, inA[0])},
		"wrong option":  {"operation": {"drain"}, "node": refs(a.Name, inA[0]), "timeout": {"soon"}},
		"no cluster":    {"operation": {"cordon"}, "node": {"nowhere/x"}},
		"of one only":   {"operation": {"copy-taints"}, "source": {"x"}, "node": refs(a.Name, inA[0])},
		"key used anew": {"operation": {"uncordon"}, "node": form["node"], "idempotency_key": {"once"}},
	} {
		status := p.request(t, http.MethodPost, "/batches", wrong, nil).StatusCode
		require.Contains(t, []int{http.StatusUnprocessableEntity, http.StatusNotFound, http.StatusConflict}, status, name)
	}
	require.Equal(t, 3, p.every(t, "sched=cordoned").Total)
}

// A cluster that is down is a line, its last nodes stay, and nothing is done with them;
// the others go on if that is agreed to.
func TestContract_everyClusterButOne(t *testing.T) {
	p, clusters, proxy := everyProgram(t, "--list-ttl", "1s")
	a, b := clusters[0], clusters[1]
	inA, inB := a.Nodes(t, 3), b.Nodes(t, 2)
	p.start(t)
	require.Equal(t, 5, p.every(t, "").Total)
	repair := cut(proxy)
	problem := func() string {
		for _, c := range p.every(t, "").Clusters {
			if c.Problem != nil {
				return c.Cluster
			}
		}
		return ""
	}
	require.Eventually(t, func() bool { return problem() == b.Name }, patience, 50*time.Millisecond)
	require.Equal(t, 5, p.every(t, "").Total, "what was known last stays")

	form := url.Values{"operation": {"cordon"}, "all": {"1"}}
	var plan groupPlan
	p.request(t, http.MethodPost, "/batches/preview", form, &plan)
	require.Len(t, plan.Plans, 1)
	require.Equal(t, a.Name, plan.Plans[0].Cluster)
	require.Len(t, plan.LeftOut, 1)
	require.Equal(t, b.Name, plan.LeftOut[0].Cluster)
	require.Equal(t, 2, plan.LeftOut[0].Nodes)
	var started groupDoc
	kind, body := "application/x-www-form-urlencoded", strings.NewReader(form.Encode())
	response, raw := p.call(t, http.MethodPost, "/batches", "application/json", kind, body)
	require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
	require.Contains(t, string(raw), `"fields":{"leave":`)
	form.Set("leave", b.Name)
	p.request(t, http.MethodPost, "/batches", form, &started)
	require.Len(t, started.Batches, 1)
	require.Equal(t, 3, p.awaitBatch(t, started.Batches[0].ID).Total)
	named := url.Values{"operation": {"cordon"}, "node": refs(b.Name, inB...)}
	require.GreaterOrEqual(t, p.request(t, http.MethodPost, "/batches", named, nil).StatusCode, 500)
	for _, name := range inB {
		require.False(t, b.Node(t, name).Spec.Unschedulable)
	}
	for _, name := range inA {
		require.True(t, a.Node(t, name).Spec.Unschedulable)
	}

	repair()
	require.Eventually(t, func() bool { return problem() == "" }, patience, 50*time.Millisecond)
}

// everyRow waits until a row of the table of all clusters has a status.
func (x *tab) everyRow(ref, status string) {
	x.t.Helper()
	x.until(fmt.Sprintf(`%s[%q] === %q`, statusOf, ref, status))
}
