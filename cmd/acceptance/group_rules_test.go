package acceptance

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// browse sends a form as a browser without scripts does, and returns the page at its end.
func (p *program) browse(t *testing.T, method, path string, form url.Values) (int, string) {
	t.Helper()
	response, body := p.call(t, method, path, "text/html", formKind, strings.NewReader(form.Encode()))
	return response.StatusCode, string(body)
}

// A selection over two clusters passes the limit of one by its name.
func TestGroupRules_exceed(t *testing.T) {
	p, clusters, _ := everyProgram(t)
	var nodes []string
	for _, c := range clusters {
		nodes = append(nodes, refs(c.Name, c.Nodes(t, 12)[:2]...)...)
	}
	p.start(t)
	p.request(t, http.MethodPost, "/clusters/"+clusters[0].Name+"/rules", url.Values{"limit_cluster": {"1"}}, nil)
	form := url.Values{"operation": {"cordon"}, "node": nodes}
	var plan groupPlan
	p.request(t, http.MethodPost, "/batches/preview", form, &plan)
	form.Set("plan", plan.Digest) // as on the page of the plan
	form.Set("options", "1")
	form.Set("exceed", clusters[1].Name)
	status, body := p.browse(t, http.MethodPost, "/batches", form)
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.Contains(t, body, "Type "+clusters[0].Name+" to exceed this limit.")
	require.Contains(t, body, `id="opt-exceed"`)
	form.Del("options")
	form.Set("exceed", clusters[0].Name)
	var group groupDoc
	p.request(t, http.MethodPost, "/batches", form, &group)
	require.Len(t, group.Batches, 2)
	for _, b := range group.Batches {
		require.Equal(t, 2, p.awaitBatch(t, b.ID).Counts["succeeded"])
	}
}

// The page of a group that waits for approvals leads to all plans, and approves them together.
func TestGroupRules_approval(t *testing.T) {
	p, clusters, _ := everyProgram(t)
	var nodes []string
	for _, c := range clusters {
		nodes = append(nodes, refs(c.Name, c.Nodes(t, 1)...)...)
	}
	p.start(t)
	for _, c := range clusters {
		p.request(t, http.MethodPost, "/clusters/"+c.Name+"/rules", url.Values{"approval_drain": {"1"}}, nil)
	}
	var group groupDoc
	p.request(t, http.MethodPost, "/batches", url.Values{"operation": {"drain"}, "node": nodes}, &group)
	require.Equal(t, []string{"proposed", "proposed"}, []string{group.Batches[0].State, group.Batches[1].State})
	plans := "/batches/" + group.Group + "/plan"
	_, history := p.browse(t, http.MethodGet, "/batches?group="+group.Group, nil)
	require.Contains(t, history, plans)
	_, own := p.browse(t, http.MethodGet, plans, nil)
	require.Contains(t, own, "Nobody approves or rejects their own batch")

	other := p.as(t, "grace")
	_, shown := other.browse(t, http.MethodGet, plans, nil)
	for _, ref := range nodes {
		require.Contains(t, shown, ref[strings.Index(ref, "/")+1:])
	}
	digest := regexp.MustCompile(`name="plan" value="([0-9a-f]+)"`).FindStringSubmatch(shown)[1]
	approve := "/batches/" + group.Group + "/approve"
	status, again := other.browse(t, http.MethodPost, approve, url.Values{"plan": {"of-before"}})
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, again, digest, "the page comes back with the plans of now")
	status, _ = other.browse(t, http.MethodPost, approve, url.Values{"plan": {digest}})
	require.Equal(t, http.StatusOK, status)
	for _, b := range group.Batches {
		require.Equal(t, "succeeded", p.awaitBatch(t, b.ID).State)
	}
}
