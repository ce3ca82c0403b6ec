package rules_test

import (
	"slices"
	"testing"

	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/rule"
	"kube-node-manager/views/rules"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

func view() rules.View {
	all := rule.Rules{Reason: rule.Reason{Required: true}, Windows: rule.Windows{Only: true, List: []rule.Window{
		{Days: []string{"sat", "sun"}, Start: "22:00", Zone: "Asia/Shanghai", Length: 240, Pool: "gpu"},
	}}, Approval: rule.Approval{Drain: true}}
	all.Limits = rule.Limits{Cluster: "10%", Pool: "2", Wait: true}
	all.Workloads.Namespaces = []drain.NamespaceRule{{Namespaces: "ci-*", Action: "wait", Seconds: 7200}}
	all.Signals = rule.Signals{Conditions: rule.Off, Events: rule.On}
	all.Lease = rule.Lease{Hold: true, Namespace: "leases"}
	more := 3
	all.Health = rule.Health{
		Nodes: true, Pending: &more, Workloads: 95, Prometheus: "http://prometheus.example:9090/prefix", Query: "sum(up)",
		Below: 0.5, For: 90, Timeout: 3600,
	}
	return rules.View{
		Cluster: viewstest.OddCluster, Fields: all.Fields(), UpdatedBy: "ada", UpdatedAt: viewstest.Noon,
		Now: viewstest.Noon, MayChange: true,
	}
}

func TestPage(t *testing.T) {
	f := viewstest.Frame()
	reader, unset, wrong := view(), view(), view()
	reader.MayChange = false
	unset.Fields, unset.UpdatedBy = rule.Default().Fields(), ""
	wrong.Problem = &ui.Problem{Text: "Wrong.", Fields: map[string]string{}}
	for name := range wrong.Fields {
		wrong.Problem.Fields[name] = "x"
	}
	viewstest.RequirePages(t, map[string]templ.Component{
		"rules": rules.Page(f, view()), "rules of a reader": rules.Page(f, reader),
		"no rules yet": rules.Page(f, unset), "rules refused": rules.Page(f, wrong),
	})
}

// The form has a field for everything that the rules have, and a reader cannot send it.
func TestPage_hasEveryField(t *testing.T) {
	v := view()
	doc := viewstest.Document(t, viewstest.Render(t, "en", rules.Page(viewstest.Frame(), v)))
	sent := viewstest.FormValues(doc.Find("#rules"))
	sent.Del("options")
	for name, values := range sent { // those of another window
		if slices.Equal(values, []string{""}) {
			sent.Del(name)
		}
	}
	require.Equal(t, map[string][]string(v.Fields), map[string][]string(sent))

	v.MayChange = false
	doc = viewstest.Document(t, viewstest.Render(t, "en", rules.Page(viewstest.Frame(), v)))
	require.Zero(t, doc.Find("#rules button").Length())
	require.Equal(t, doc.Find("#rules fieldset").Length(), doc.Find("#rules fieldset[disabled]").Length())
}
