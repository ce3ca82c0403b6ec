package acceptance

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const gracePassword = "nobody guesses this one"

// signInAs signs in a person on the sign-in page.
func (x *tab) signInAs(name, password string) *tab {
	x.t.Helper()
	x.open("/login")
	x.fill("#f-name", name)
	x.fill("#f-password", password)
	x.press("form.card button.primary")
	x.until(`location.pathname !== "/login" && document.readyState === "complete"`)
	return x
}

// An administrator adds a colleague with a grant for one cluster. The colleague works
// there as herself, until the grant is taken away in the middle of a batch: the batch
// waits with its reason, and nothing more is shown to her.
func TestBrowser_colleagueWithAGrant(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 4)
	p := startProgram(t, c.Kubeconfig, followed)
	b := startBrowser(t)
	x := b.tab(p).signIn()
	x.open("/users")
	x.press(`a[href="/users/new"]`)
	x.until(`location.pathname === "/users/new" && document.readyState === "complete"`)
	x.fill("#f-name", "grace")
	x.fill("#f-password", gracePassword)
	require.Greater(t, value[float64](x, `document.querySelector("meter").value`), 3.0)
	x.press("#role-none")
	x.fill("[name=grant_about]", c.Name)
	x.choose("[name=grant_role]", "user")
	x.press("form.two button.primary")
	x.until(`location.pathname === "/users/grace" && document.readyState === "complete"`)

	grace := b.tab(p).signInAs("grace", gracePassword)
	grace.openNodes(c.Name, "?sort=name")
	grace.tick(names[0], names[1], names[2])
	grace.operate("cordon")
	done := p.awaitBatch(t, grace.untilBatch("succeeded"))
	require.Equal(t, "grace", done.By)
	require.Equal(t, "grace", p.nodes(t, c.Name, "q="+names[0]).Items[0].ReasonBy)
	require.False(t, value[bool](grace, `!!document.querySelector('.rail a[href="/users"]')`), "she manages nobody")

	grace.expect("403")
	token := p.run(t, "", "user", "token", "grace", "--data", p.Data)
	hers := *p
	hers.Token = strings.TrimSpace(token)
	var started batchDoc
	hers.request(t, http.MethodPost, "/clusters/"+url.PathEscape(c.Name)+"/batches", url.Values{
		"operation": {"uncordon"}, "canary": {"1"}, "node": names[:3],
	}, &started)
	require.Eventually(t, func() bool { return p.batch(t, started.ID).Counts["succeeded"] == 1 }, patience, time.Second/10)
	x.open("/users/grace")
	x.fill("[name=grant_about]", "elsewhere")
	x.press("form.stack button.primary")
	x.until(`location.pathname === "/users/grace" && document.readyState === "complete"`)
	require.Eventually(t, func() bool { return p.batch(t, started.ID).State == "interrupted" }, patience, time.Second/10)
	require.Equal(t, 1, p.batch(t, started.ID).Counts["succeeded"])
	x.open("/batches/" + started.ID)
	x.until(`document.body.textContent.includes("grace, who started it, has lost permissions")`)
	grace.open("/batches/" + started.ID)
	grace.until(`document.body.textContent.includes("You have no access to the cluster")`)
	p.request(t, http.MethodPost, "/batches/"+started.ID+"/resume", nil, &started)
	require.Equal(t, "succeeded", p.awaitBatch(t, started.ID).State, "in the name of the administrator")
}
