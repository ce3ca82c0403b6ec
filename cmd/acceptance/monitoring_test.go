package acceptance

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube/kubetest"
)

// monitoringQuery is what a panel of the dashboard or an alert asks of Prometheus, as
// cmd/deploy/queries says.
type monitoringQuery struct {
	Where, Text string
	Selectors   []struct {
		Metric   string
		Matchers []struct{ Name, Type, Value string }
	}
	Labels []string
}

func monitoringQueries(t testing.TB) (all []monitoringQuery) {
	t.Helper()
	cmd := exec.Command("go", "run", "./queries", "../../docs/deploy/chart/files")
	cmd.Dir = "../deploy"
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	require.NoError(t, err, errors.String())
	require.NoError(t, json.Unmarshal(out, &all))
	return all
}

// series are the labels of all series by the name of the metric.
type series map[string][]map[string]string

// scrape reads the metrics of a program as Prometheus does.
func scrape(t testing.TB, p *program) series {
	t.Helper()
	response, raw := p.call(t, http.MethodGet, "/metrics", "text/plain", "", nil)
	require.Equal(t, http.StatusOK, response.StatusCode)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(raw)))
	require.NoError(t, err)
	all := series{}
	for name, family := range families {
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range metric.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if metric.GetHistogram() != nil {
				all[name+"_bucket"] = append(all[name+"_bucket"], labels)
				labels["le"] = "+Inf"
			}
			all[name] = append(all[name], labels)
		}
	}
	return all
}

// byPrometheus are labels that Prometheus adds.
var byPrometheus = []string{"job", "instance"}

// requireExists requires that a query selects something, and groups by labels that exist.
func (s series) requireExists(t testing.TB, q monitoringQuery) {
	t.Helper()
	labels := slices.Clone(byPrometheus)
	for _, one := range q.Selectors {
		found := slices.Clone(s[one.Metric])
		require.NotEmpty(t, found, "%s: there is no metric %s", q.Where, one.Metric)
		for name := range found[0] {
			labels = append(labels, name)
		}
		for _, m := range one.Matchers {
			require.Contains(t, []string{"=", "=~"}, m.Type, "%s: %s", q.Where, q.Text)
			if slices.Contains(byPrometheus, m.Name) {
				continue
			}
			value := regexp.MustCompile("^(?:" + m.Value + ")$")
			found = slices.DeleteFunc(found, func(l map[string]string) bool { return !value.MatchString(l[m.Name]) })
			require.NotEmpty(t, found, "%s: no %s has %s %s", q.Where, one.Metric, m.Name, m.Value)
		}
	}
	for _, label := range q.Labels {
		require.Contains(t, labels, label, "%s: %s", q.Where, q.Text)
	}
}

// The dashboard and the alerts ask for metrics, labels and values that the program has
// after some work.
func TestMonitoring_asksForWhatThereIs(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	proxy := c.Proxy(t)
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	cordon := url.Values{"operation": {"cordon"}, "node": names[:1]}
	batches := "/clusters/" + c.Name + "/batches"
	require.Equal(t, "succeeded", p.made(t, batches, cordon).State)
	proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Code: http.StatusForbidden})
	require.Equal(t, "failed", p.made(t, batches, url.Values{"operation": {"cordon"}, "node": names[1:]}).State)
	p.reader(t, "en", "").send(t, "POST", "/login", url.Values{"name": {adminName}, "password": {"wrong password"}})

	queries := monitoringQueries(t)
	require.Greater(t, len(queries), 20)
	there := scrape(t, p)
	for _, q := range queries {
		there.requireExists(t, q)
	}
}
