package plan_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/rule"
	"kube-node-manager/views/plan"
	"kube-node-manager/views/viewstest"
)

// A plan says what its batch will wait for between two waves, for how long, and when it stops
// waiting.
func TestPage_gates(t *testing.T) {
	most := 3
	v := plan.View{
		Cluster: "prod", Operation: "cordon", Names: []string{"a", "b"}, Nodes: []plan.Node{{Node: "a"}, {Node: "b"}},
		Gates: &batch.Gates{Waves: 2, Health: rule.Health{
			Nodes: true, Pending: &most, Workloads: 90, For: 120, Timeout: 1800,
			Prometheus: "http://prometheus.example", Query: "sum(errors)", Below: 0.5,
		}},
	}
	for language, says := range map[string][]string{
		"en":    {"2 waves", "2m", "3 more pods", "90%", "sum(errors) is below 0.5", "After 30m"},
		"zh-CN": {"2 个波次", "3 个", "90%", "低于 0.5"},
	} {
		html := viewstest.Render(t, language, plan.Page(viewstest.Frame(), v))
		doc := viewstest.Document(t, html)
		viewstest.RequireSound(t, html, doc)
		require.Equal(t, 4, doc.Find("#plan-gates li").Length())
		for _, text := range says {
			require.Contains(t, doc.Find("#plan-gates").Text(), text, language)
		}
	}
	v.Gates.Health.For = 0
	doc := viewstest.Document(t, viewstest.Render(t, "en", plan.Page(viewstest.Frame(), v)))
	require.Contains(t, doc.Find("#plan-gates").Text(), "until this holds")
	v.Gates = nil
	doc = viewstest.Document(t, viewstest.Render(t, "en", plan.Page(viewstest.Frame(), v)))
	require.Zero(t, doc.Find("#plan-gates").Length())
}
