package acceptance

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A far-reaching form leads to its plan; a script states its intent in JSON,
// and the plan has the reach.
func TestReach_formsAndScripts(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig)
	r := p.reader(t, "en", adminName)
	batches := "/clusters/" + c.Name + "/batches"
	form := url.Values{"operation": {"cordon"}, "node": names, "reason": {"because"}}

	plan := r.send(t, "POST", batches, form)
	require.Equal(t, 200, plan.status)
	require.Equal(t, batches+"/preview", plan.url.Path)
	require.Equal(t, 1, plan.doc.Find("#plan-reach [data-reach=cluster]").Length())
	require.Empty(t, p.cordonedIn(t, c.Name))
	htmx := r.send(t, "POST", batches, form, "HX-Request", "true")
	require.Equal(t, http.StatusNoContent, htmx.status)
	require.True(t, strings.HasPrefix(htmx.header.Get("HX-Redirect"), batches+"/preview?"))

	made := fields(plan, "#plan-form")
	require.Equal(t, "because", made.Get("reason"))
	digest := made.Get("plan")
	made.Set("plan", strings.Repeat("0", len(digest)))
	require.Equal(t, 409, r.send(t, "POST", batches, made).status, "the consent is to one plan")
	require.Empty(t, p.cordonedIn(t, c.Name))
	made.Set("plan", digest)
	made.Set("reason", "another") // does not change the plan
	done := r.send(t, "POST", batches, made)
	require.Equal(t, 200, done.status)
	require.True(t, strings.HasPrefix(done.url.Path, "/batches/"))
	require.Len(t, p.cordonedIn(t, c.Name), 2)
	first := strings.TrimPrefix(done.url.Path, "/batches/")

	// Undoing an uncordon closes the cluster too, and so does a retry.
	lifted, _ := p.submit(t, c.Name, "uncordon", names...)
	p.awaitBatch(t, lifted.ID)
	undo := r.send(t, "POST", "/batches/"+lifted.ID+"/undo", url.Values{})
	require.Equal(t, batches+"/preview", undo.url.Path)
	require.Equal(t, 1, undo.doc.Find("#plan-reach [data-reach=cluster]").Length())
	require.Empty(t, p.cordonedIn(t, c.Name))
	require.Less(t, r.send(t, "POST", batches, fields(undo, "#plan-form")).status, 300)
	require.Len(t, p.cordonedIn(t, c.Name), 2)
	require.Equal(t, first, p.batch(t, first).ID)

	// A taint that repels pods, from its form.
	p.submit(t, c.Name, "uncordon", names...)
	tainted := r.send(t, "POST", batches, url.Values{"operation": {"taint"}, "taint": {"off:NoSchedule"}, "node": names})
	require.Equal(t, batches+"/preview", tainted.url.Path)
	require.Equal(t, 1, tainted.doc.Find("#plan-reach").Length())
	require.Empty(t, taints(t, c, names[0]))

	var shown struct {
		Reach []struct {
			Kind      string
			Nodes, Of int
		}
	}
	p.request(t, http.MethodPost, batches+"/preview", form, &shown)
	require.Len(t, shown.Reach, 1)
	require.Equal(t, "cluster", shown.Reach[0].Kind)
	require.Equal(t, 2, shown.Reach[0].Of)
	b, status := p.submit(t, c.Name, "cordon", names...)
	require.Less(t, status, 300)
	require.Equal(t, "succeeded", p.awaitBatch(t, b.ID).State)
}

// The nodes of a batch are all matches except those listed, for forms and for
// scripts.
func TestBatches_except(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 4)
	p := startProgram(t, c.Kubeconfig)
	batches := "/clusters/" + c.Name + "/batches"
	var b batchDoc
	response := p.request(t, http.MethodPost, batches,
		url.Values{"operation": {"cordon"}, "all": {"1"}, "except": {names[1], names[3] + " gone"}}, &b)
	require.Less(t, response.StatusCode, 300)
	require.Equal(t, 2, b.Total)
	p.awaitBatch(t, b.ID)
	require.ElementsMatch(t, []string{names[0], names[2]}, p.cordonedIn(t, c.Name))
	require.Contains(t, p.refusal(t, batches, url.Values{"operation": {"cordon"}, "all": {"1"}, "except": names}, 422),
		"node")
	require.Contains(t, p.refusal(t, batches,
		url.Values{"operation": {"undo"}, "undo_of": {b.ID}, "node": names, "except": names}, 422), "node", "none is not all")
	require.Contains(t, p.refusal(t, batches, url.Values{"operation": {"undo"}, "undo_of": {b.ID}, "except": names[:1]},
		422), "except", "of which?")
}

// Every page that a form leads to has an address that can be reloaded, even
// when the form is too long for an address; addresses that only take forms
// redirect.
func TestAddresses(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 100)
	p := startProgram(t, c.Kubeconfig)
	p.run(t, adminPassword+"\n", "user", "add", "other", "--role", "admin", "--data", p.Data)
	r, other := p.reader(t, "en", adminName), p.reader(t, "en", "other")
	at := "/clusters/" + c.Name
	for path, form := range map[string]url.Values{
		at + "/batches/preview": {"operation": {"drain"}},
		at + "/labels/edit":     {},
		at + "/taints/edit":     {},
		at + "/taints/copy":     {},
		at + "/templates/apply": {},
	} {
		for _, count := range []int{1, 100} {
			form["node"] = names[:count]
			page := r.send(t, "POST", path, form, "Referer", p.URL+nodesPath(c.Name)+"?sort=age")
			require.Equal(t, 200, page.status, path)
			require.Equal(t, path, page.url.Path)
			require.LessOrEqual(t, len(page.url.RequestURI()), 2000)
			again := r.send(t, "GET", page.url.RequestURI(), nil)
			require.Equal(t, 200, again.status)
			require.Equal(t, page.doc.Find("h1").Text(), again.doc.Find("h1").Text())
			require.Positive(t, again.doc.Find(`a[href="`+nodesPath(c.Name)+`?sort=age"]`).Length(), path)
			if count > 1 {
				require.Equal(t, 404, other.send(t, "GET", page.url.RequestURI(), nil).status, "a kept form is its owner's")
			}
		}
		require.Equal(t, nodesPath(c.Name), r.send(t, "GET", path, nil).url.Path)
		require.Equal(t, 404, r.send(t, "GET", path+"?draft=nothing", nil).status)
	}
	b, _ := p.submit(t, c.Name, "cordon", names[0])
	p.awaitBatch(t, b.ID)
	require.Equal(t, "/batches?cluster="+c.Name, r.send(t, "GET", at+"/batches", nil).url.RequestURI())
	require.Equal(t, "/clusters", r.send(t, "GET", at+"/test", nil).url.Path)
	for _, verb := range []string{"cancel", "pause", "resume", "retry", "undo"} {
		require.Equal(t, "/batches/"+b.ID, r.send(t, "GET", "/batches/"+b.ID+"/"+verb, nil).url.Path)
	}
	refused := r.send(t, "POST", at+"/batches",
		url.Values{"operation": {"drain"}, "node": names[:1], "options": {"1"}, "parallel": {"x"}})
	require.Equal(t, 422, refused.status)
	require.Equal(t, 200, r.send(t, "GET", refused.url.RequestURI(), nil).status)

	elsewhere := r.send(t, "POST", at+"/batches/preview",
		url.Values{"operation": {"cordon"}, "node": names[:1], "back": {"//example.com/"}})
	require.Zero(t, elsewhere.doc.Find(`a[href*="example.com"]`).Length())
	forced := url.Values{"operation": {"drain"}, "node": names[:1], "confirm": {c.Name}, "force": {"1"}}
	consent := r.send(t, "GET", at+"/batches/preview?"+forced.Encode(), nil)
	require.Empty(t, fields(consent, "#plan-form").Get("confirm"), "no address brings a consent with it")
}
