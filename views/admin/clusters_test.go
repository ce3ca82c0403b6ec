package admin_test

import (
	"strings"
	"testing"

	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/views/admin"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

func TestClustersPage_saysWhatIsKnown(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", admin.ClustersPage(viewstest.Frame(), clusters())))
	states := map[string]string{}
	for _, row := range doc.Find("#clusters tbody tr").EachIter() {
		states[row.Find("td.name a").Text()] = strings.Join(
			strings.Fields(row.Find("td").Eq(1).Find("[id^=state]").Text()), " ",
		)
	}
	require.Equal(t, "reachable", states["held"])
	require.Contains(
		t, states["edge"], "unreachable first failed 60 min ago Cannot connect to the cluster at 10.0.0.1:6443.",
	)
	require.Contains(t, states["blind"], "nodes cannot be listed")
	require.Equal(t, "not checked yet", states["new"])
}

// clusters is the page of all clusters for an administrator.
func clusters() admin.Clusters {
	off := ui.Cluster{Name: "off", Nodes: -1, Source: "imported", Disabled: true, Colour: "red", Labels: []string{"env=x"}}
	return admin.Clusters{Rows: append(viewstest.Clusters(), off), Manages: true}
}

// adminPages are the pages of sign-in and of clusters.
func adminPages() map[string]templ.Component {
	p := viewstest.Problem()
	wrong := ui.Problem{
		Text: "No.", Fields: map[string]string{"code": "x", "name": "x", "password": "x", "password2": "x"},
	}
	return map[string]templ.Component{
		"sign in":       admin.SignIn(admin.SignInForm{Next: "/x", Passwords: true}),
		"sign in again": admin.SignIn(admin.SignInForm{Name: "a", Problem: &p, Passwords: true, Provider: true}),
		"provider down": admin.SignIn(admin.SignInForm{Provider: true, ProviderDown: true}),
		"signed out":    admin.SignedOut("https://id.example.com/out"),
		"setup":         admin.Setup(admin.SetupForm{}),
		"setup, others": admin.Setup(admin.SetupForm{Others: true}),
		"setup again":   admin.Setup(admin.SetupForm{Code: "c", Name: "n", Problem: &wrong}),
		"clusters":      admin.ClustersPage(viewstest.Frame(), clusters()),
		"no clusters":   admin.ClustersPage(viewstest.Frame(), admin.Clusters{Manages: true}),
	}
}

func TestPages_areSound(t *testing.T) { viewstest.RequirePages(t, adminPages()) }

func TestFragments_areSound(t *testing.T) {
	viewstest.RequireFragments(t, map[string]templ.Component{
		"cluster row": admin.ClusterRow(ui.Cluster{Name: "edge", Nodes: -1}, true, viewstest.Noon),
		"rail update": admin.RailUpdate(ui.Rail{Clusters: viewstest.Clusters(), Running: 2}, true, viewstest.Noon),
	})
}
