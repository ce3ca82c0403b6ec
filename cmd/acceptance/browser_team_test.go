package acceptance

import (
	"net/http"
	"net/url"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/rest"

	"kube-node-manager/services/kube/kubetest"
)

// importCluster imports a cluster on the page, from a pasted kubeconfig.
func (x *tab) importCluster(name string, account *rest.Config, acting bool) {
	x.t.Helper()
	text, err := os.ReadFile(kubetest.WriteKubeconfig(x.t, name, account))
	require.NoError(x.t, err)
	x.open("/clusters")
	x.press(`#main a[href="/clusters/new"]`)
	x.until(`location.pathname === "/clusters/new" && document.readyState === "complete"`)
	x.paste("#f-kubeconfig", string(text))
	x.fill("#f-name", name)
	if acting {
		x.press("#f-act-as")
	}
	x.press("form.card button.primary")
	x.until(`location.pathname.endsWith("/access") && document.readyState === "complete"`)
	require.Equal(x.t, "/clusters/"+name+"/access", value[string](x, `location.pathname`))
}

// The whole way of a team. An administrator imports two clusters from pasted kubeconfigs.
// The groups of the provider make a colleague user in one and viewer in the other. She
// signs in there for the first time and cordons nodes as herself: the cluster refuses it
// until its own RBAC knows her, and the account of the program may change no node.
func TestBrowser_teamFromInvitationToCordon(t *testing.T) {
	t.Parallel()
	clusters := kubetest.AcquireN(t, 2)
	staging, prod := clusters[0], clusters[1]
	names := staging.Nodes(t, 4)
	prod.Nodes(t, 2)
	acting := staging.User(t, kubetest.ActingRules()...)

	_, options := startProvider(t, freeAddress(t))
	options[len(options)-1] = "*=user@staging;*=viewer@prod"
	options = append(options, onLoopback, "--act-as-prefix", "sso:", followed)
	p := startProgram(t, emptyKubeconfig(t), options...)
	b := startBrowser(t)
	x := b.tab(p).signIn()
	x.importCluster("staging", acting, true)
	x.importCluster("prod", prod.User(t, kubetest.ReadingRules()...), false)

	eve := b.tab(p)
	eve.expect("favicon.ico", "403")
	eve.open("/login")
	eve.press("form.card a.btn")
	eve.signInAtProvider()
	eve.until(`location.pathname === "/clusters" && document.readyState === "complete"`)
	eve.openNodes("staging", "?sort=name")
	eve.untilRows("Ready", names...)
	eve.tick(names[:3]...)
	eve.operate("cordon")
	refused := eve.untilBatch("failed")
	eve.open("/batches/" + refused)
	eve.until(`document.querySelector("#main").innerText.includes("does not allow sso:id2 to patch nodes")`)
	require.Equal(t, "id2", p.batch(t, refused).By)
	for _, name := range names {
		require.False(t, staging.Node(t, name).Spec.Unschedulable)
	}

	require.False(t, staging.MayPatchNodes(t, acting), "the account of the program")
	staging.AllowPatchNodes(t, rbacv1.UserKind, "sso:id2")
	eve.openNodes("staging", "?sort=name")
	eve.selected("3 selected")
	eve.operate("cordon")
	require.Equal(t, "id2", p.awaitBatch(t, eve.untilBatch("succeeded")).By)
	for i, name := range names {
		require.Equal(t, i < 3, staging.Node(t, name).Spec.Unschedulable, name)
	}
	eve.openNodes("prod", "")
	require.Zero(t, value[float64](eve, `document.querySelectorAll("#nodes input[type=checkbox], td.act button").length`))

	x.open("/audit?q=id2")
	require.Contains(t, value[string](x, `document.querySelector("#main").innerText`), "staging")
	hers := *p
	hers.Token = ""
	require.Equal(t, http.StatusUnauthorized, hers.request(t, http.MethodPost, "/clusters/prod/batches",
		url.Values{"operation": {"cordon"}, "all": {"1"}}, nil).StatusCode)
}
