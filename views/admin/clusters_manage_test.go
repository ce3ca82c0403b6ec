package admin_test

import (
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/cluster"
	"kube-node-manager/views/admin"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

// oneTest is the result of a connection test with a permission of every kind.
func oneTest() cluster.Test {
	t := cluster.Test{Version: "v1.37.2", Latency: 12 * time.Millisecond}
	for i, need := range cluster.Needs() {
		p := cluster.Permission{Need: need, Allowed: i%3 == 0}
		if i%3 == 1 {
			p.Err = services.NewError(services.CodeTimeout, "error_cluster_timeout")
		}
		t.Permissions = append(t.Permissions, p)
	}
	return t
}

func managePages() map[string]templ.Component {
	imported := cluster.Cluster{
		Name: "prod/eu", Source: cluster.FromImport, Server: "https://192.0.2.1", Labels: map[string]string{"env": "prod"},
		Imported: cluster.Imported{Credentials: "token", Insecure: true},
	}
	off := imported
	off.Disabled, off.Source = true, cluster.FromKubeconfig
	wrong := ui.Problem{Text: "Wrong.", Fields: map[string]string{
		"name": "x", "labels": "x", "colour": "x", "position": "x", "context": "x", "users[0].user.exec": "no programs",
		"clusters[0].cluster.insecure-skip-tls-verify": "not checked",
	}}
	test, down := oneTest(), cluster.Test{Err: services.NewError(services.CodeUnavailable, "error_cluster_cut")}
	again := admin.ClusterForm{Name: "a", Problem: &wrong, Upload: admin.UploadForm{
		Draft: "d", Contexts: []string{"a", "b"}, Context: "b", Test: &test,
	}}
	f := viewstest.Frame()
	return map[string]templ.Component{
		"import":          admin.ClusterFormPage(f, admin.ClusterForm{}),
		"import again":    admin.ClusterFormPage(f, again),
		"edit":            admin.ClusterFormPage(f, admin.ClusterForm{Old: imported, Name: "prod/eu", Colour: "red"}),
		"edit a context":  admin.ClusterFormPage(f, admin.ClusterForm{Old: off, Problem: &wrong}),
		"credentials":     admin.ClusterCredentialsPage(f, admin.ClusterForm{Old: imported}),
		"delete":          admin.ClusterDeletePage(f, imported),
		"access":          admin.ClusterAccessPage(f, admin.ClusterAccess{Cluster: imported, Test: test, Manages: true}),
		"access, is down": admin.ClusterAccessPage(f, admin.ClusterAccess{Cluster: imported, Test: down}),
	}
}

func TestManagePages_areSound(t *testing.T) { viewstest.RequirePages(t, managePages()) }

// The form says what is wrong with a part of the kubeconfig, and asks whether the
// certificate may go unchecked only when the kubeconfig does.
func TestClusterFormPage_kubeconfig(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", managePages()["import again"]))
	require.Contains(t, doc.Find("[role=alert]").Text(), "no programs")
	require.Equal(t, 1, doc.Find("#f-insecure").Length())
	require.Equal(t, []string{"Choose a context", "a", "b"}, viewstest.Texts(doc.Find("#f-context option")))
	area := doc.Find("#f-kubeconfig")
	require.Empty(t, area.Text(), "a kubeconfig is never sent to the browser")
	_, secret := area.Attr("data-secret")
	require.True(t, secret, "login.js must not keep it")

	doc = viewstest.Document(t, viewstest.Render(t, "en", managePages()["import"]))
	require.Zero(t, doc.Find("#f-insecure, #f-context").Length())
}

// A missing permission is said in words, with the role that grants it.
func TestClusterAccessPage_namesWhatIsDenied(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", managePages()["access"]))
	require.Contains(t, doc.Find("#test-result .note").Text(), "permissions are denied")
	require.Equal(t, len(cluster.Needs()), doc.Find(".access-list tbody tr").Length())
	require.Contains(t, doc.Find("#rbac").Text(), "kind: ClusterRole")
}
