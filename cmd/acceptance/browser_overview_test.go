package acceptance

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services/kube/kubetest"
)

// fleetDoc is the part of an overview that the tests read.
type fleetDoc struct {
	Nodes struct{ Nodes, Ready, Limited, Cordoned, NotReady int }
	Pools []struct {
		Value string
		Nodes int
	}
	Resources []struct {
		Name            string
		Requested, Free int64
	}
	Cordons []struct{ Node, Reason, By string }
	Drift   []struct {
		Pool, Key, Effect string
		Want              *string
		Agree             int
		Odd               []struct{ Node string }
	}
	Batches []struct{ ID string }
}

// The overview counts the nodes, says what needs attention, and leads to the table.
func TestBrowser_overview(t *testing.T) {
	c := lease(t)
	web := c.Nodes(t, 4, kubetest.WithLabels(map[string]string{"pool": "web", "topology.kubernetes.io/zone": "eu-1"}))
	dead := c.Nodes(t, 1, kubetest.NotReady())[0]
	c.Deployment(t, c.Namespace(t), "web", 2, kubetest.OnNodes(web[0]), kubetest.Requests("500m", "1Gi"))
	p := startProgram(t, c.Kubeconfig)
	p.cordonFor(t, c.Name, "disk swap", web[1])

	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "")
	x.press(`.tabs a[href$="/overview"]`)
	x.until(`document.querySelector("#fleet-room") && !document.querySelector("#fleet-room .wait")`)
	text := value[string](x, `document.querySelector("#fleet").innerText`)
	for _, want := range []string{
		"1 node is not ready", dead, "1 node is cordoned", web[1], "disk swap", "requested: 1 of 40 cores",
		"23 cores free where pods can go", "Cordon · 1 node",
	} {
		require.Contains(t, text, want)
	}
	for _, theme := range []string{"light", "dark"} {
		value[any](x, fmt.Sprintf(`document.documentElement.dataset.theme = %q`, theme))
		x.accessible("overview, " + theme)
	}
	cordonBeside(t, c, web[2])
	x.until(`document.querySelector("#fleet-hold b").textContent === "2"`)
	x.press(`#fleet-pools a[title="web"]`)
	x.untilNames(web...)

	var got fleetDoc
	p.request(t, http.MethodGet, "/clusters/"+c.Name+"/overview?usage=1", nil, &got)
	require.Equal(t, []int{5, 2, 2, 1}, []int{got.Nodes.Nodes, got.Nodes.Ready, got.Nodes.Cordoned, got.Nodes.NotReady})
	require.Equal(t, "disk swap", got.Cordons[0].Reason)
	require.Equal(t, int64(1000), got.Resources[0].Requested)
	require.Len(t, got.Batches, 1)
	require.Empty(t, got.Drift)
}

// Drift is repaired through the plan of a batch: of a label, of a label too many, and of a
// taint. Nothing happens before the plan is carried out.
func TestBrowser_driftIsRepaired(t *testing.T) {
	c := lease(t)
	dedicated := corev1.Taint{Key: "dedicated", Value: "ml", Effect: corev1.TaintEffectNoSchedule}
	names := c.Nodes(t, 10, kubetest.WithTaints(dedicated),
		kubetest.WithLabels(map[string]string{"pool": "ml", "team": "data"}))
	c.UpdateNode(t, names[1], func(n *corev1.Node) { n.Labels["team"] = "web" })
	c.UpdateNode(t, names[2], func(n *corev1.Node) { n.Labels["debug"] = "on" })
	c.UpdateNode(t, names[3], func(n *corev1.Node) { n.Spec.Taints = nil })
	p := startProgram(t, c.Kubeconfig)
	var got fleetDoc
	p.request(t, http.MethodGet, "/clusters/"+c.Name+"/overview", nil, &got)
	require.Len(t, got.Drift, 3)
	for i, key := range []string{"debug", "dedicated", "team"} {
		require.Equal(t, key, got.Drift[i].Key)
	}
	require.Equal(t, names[1], got.Drift[2].Odd[0].Node)

	x := startBrowser(t).tab(p).signIn()
	for i, drift := range []string{"team=data", "debug", "dedicated=ml:NoSchedule"} {
		x.open("/clusters/" + c.Name + "/overview")
		x.until(fmt.Sprintf(`document.querySelectorAll("#fleet-drift li").length === %d`, 3-i))
		x.press(fmt.Sprintf("#fleet-drift li[data-drift=%q] button", drift))
		x.until(`document.querySelector("#plan-do")`)
		require.Equal(t, "Drift in pool ml", value[string](x, `document.querySelector("#plan-form [name=reason]").value`))
		require.Contains(t, value[string](x, `document.querySelector("#main").innerText`), names[i+1])
		x.press("#plan-do")
		x.untilBatch("succeeded")
	}
	x.open("/clusters/" + c.Name + "/overview")
	x.until(`document.querySelector("#fleet-drift .st.ok")`)
	require.Equal(t, "data", c.Node(t, names[1]).Labels["team"])
	require.NotContains(t, c.Node(t, names[2]).Labels, "debug")
	require.Equal(t, []corev1.Taint{dedicated}, c.Node(t, names[3]).Spec.Taints)
}
