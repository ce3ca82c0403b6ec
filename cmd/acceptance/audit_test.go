package acceptance

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube/kubetest"
)

// auditDoc is the audit log of the HTTP contract.
type auditDoc struct {
	Items []auditEntry
	Older string
}

type auditEntry struct {
	ID                                                                 int64
	At                                                                 time.Time
	Actor, Address, RequestID, Action, Cluster, Object, Reason, Result string
	Before, After                                                      map[string]any
}

// audit returns the entries that a query finds, oldest first.
func (p *program) audit(t testing.TB, query string) []auditEntry {
	t.Helper()
	var doc auditDoc
	p.request(t, http.MethodGet, "/audit?"+query, nil, &doc)
	slices.Reverse(doc.Items)
	return doc.Items
}

func actionsOf(entries []auditEntry) string {
	words := make([]string, len(entries))
	for i, e := range entries {
		words[i] = e.Action + " " + e.Result
	}
	return strings.Join(words, ", ")
}

// The audit log has the start and the end of a batch, with the counts of the
// batch.
func TestAudit_batches(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	p := startProgram(t, c.Kubeconfig)
	b, status := p.submit(t, c.Name, "cordon", names[0], names[1], "ghost")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "partial", b.State)
	found := p.audit(t, "object="+b.ID)
	require.Equal(t, "batch.create ok, batch.end partial", actionsOf(found))
	for _, e := range found {
		require.Equal(t, []string{adminName, "127.0.0.1", c.Name, "kernel CVE"},
			[]string{e.Actor, e.Address, e.Cluster, e.Reason})
		require.NotEmpty(t, e.RequestID)
		require.EqualValues(t, 3, e.After["total"])
	}
	counts := found[1].After["counts"].(map[string]any)
	for state, n := range b.Counts {
		require.EqualValues(t, n, counts[state], state)
	}
	require.WithinDuration(t, b.CreatedAt, found[0].At, time.Minute)

	// Neither a repeated form nor a refused one makes a batch.
	form := url.Values{"operation": {"uncordon"}, "node": {names[0]}, "idempotency_key": {"once"}}
	path := "/clusters/" + c.Name + "/batches"
	for range 2 {
		require.Equal(t, http.StatusOK, p.request(t, http.MethodPost, path, form, nil).StatusCode)
	}
	require.Equal(t, http.StatusUnprocessableEntity,
		p.request(t, http.MethodPost, path, url.Values{"operation": {"cordon"}}, nil).StatusCode)
	require.Equal(t, "batch.create ok, batch.end partial, batch.create ok, batch.end ok",
		actionsOf(p.audit(t, "cluster="+c.Name)))
	require.Len(t, p.audit(t, "action=batch.end&result=partial"), 1)
	require.Empty(t, p.audit(t, "cluster=elsewhere"))
	require.Empty(t, p.audit(t, "to=2020-01-01"))
}

// The log says who paused, resumed or cancelled a batch, even when it ends
// after a restart.
func TestAudit_control(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 30)
	proxy := c.Proxy(t)
	proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Delay: time.Second})
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	b, status := p.submit(t, c.Name, "cordon", names...)
	require.Equal(t, http.StatusAccepted, status)
	for _, verb := range []string{"pause", "resume", "pause"} {
		require.Equal(t, http.StatusOK,
			p.request(t, http.MethodPost, "/batches/"+b.ID+"/"+verb, url.Values{}, nil).StatusCode)
	}
	p.end(t, syscall.SIGKILL)
	p.start(t)
	require.Equal(t, http.StatusOK,
		p.request(t, http.MethodPost, "/batches/"+b.ID+"/cancel", url.Values{}, nil).StatusCode)
	ended := p.awaitBatch(t, b.ID)
	require.Equal(t, "cancelled", ended.State)
	found := p.audit(t, "object="+b.ID)
	require.Equal(t, "batch.create ok, batch.pause ok, batch.resume ok, batch.pause ok, batch.cancel ok, batch.end "+
		"cancelled", actionsOf(found))
	counts := found[5].After["counts"].(map[string]any)
	for state, n := range ended.Counts {
		require.EqualValues(t, n, counts[state], state)
	}
}

// Templates and exports in the log, and its pages in both languages and for
// every role.
func TestAudit_pages(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig)
	for _, role := range []string{"viewer", "user"} {
		p.run(t, adminPassword+"\n", "user", "add", role, "--role", role, "--data", p.Data)
	}
	made := p.makeTemplate(t, "labels", "<GPU>", "pool=gpu|cpu")
	at := fmt.Sprintf("/templates/labels/%d", made.ID)
	p.request(t, http.MethodPost, at+"/edit", url.Values{"name": {"GPU"}, "entry": {"pool=gpu"}}, nil)
	exported := p.reader(t, "en", adminName).send(t, "GET", "/templates/labels/export", nil).body
	p.request(t, http.MethodPost, "/templates/labels/import", url.Values{"document": {exported}, "replace": {"1"}}, nil)
	p.request(t, http.MethodPost, at+"/delete", url.Values{}, nil)
	p.request(t, http.MethodGet, "/clusters/"+c.Name+"/nodes.csv", nil, nil)
	b, _ := p.submit(t, c.Name, "cordon", names[0], "ghost")
	found := p.audit(t, "q=gpu")
	require.Equal(t, "template.create ok, template.update ok, template.update ok, template.delete ok", actionsOf(found))
	require.Equal(t, "<GPU>", found[1].Before["name"])
	require.Equal(t, "GPU", found[1].After["name"])
	require.Equal(t, "template.export ok, template.import ok",
		actionsOf(p.audit(t, "q=labels&object=labels-templates.yaml"))+", "+actionsOf(p.audit(t, "action=template.import")))
	require.Equal(t, "nodes.export ok", actionsOf(p.audit(t, "action=nodes.export&cluster="+c.Name)))

	for _, lang := range []string{"en", "zh-CN"} {
		for _, role := range []string{adminName, "user", "viewer"} {
			r := p.reader(t, lang, role)
			for path, status := range map[string]int{
				"/audit": 200, "/audit?q=nothing-like-it": 200, "/audit?before=1": 200, "/audit?action=dance&from=soon": 422,
				"/audit?object=" + b.ID: 200, "/audit?from=2026-01-01T00:00:00Z": 200,
			} {
				got := r.send(t, "GET", path, nil)
				require.Equal(t, status, got.status, "%s as %s", path, role)
				require.NotNil(t, got.doc)
				require.Empty(t, faults(got, lang), "%s as %s", path, role)
			}
		}
		page := p.reader(t, lang, adminName).send(t, "GET", "/audit?object="+b.ID, nil)
		require.Equal(t, 2, page.doc.Find(`#audit tbody a[href="/batches/`+b.ID+`"]`).Length())
		require.Equal(t, "page", page.doc.Find(`nav.rail a[href="/audit"]`).AttrOr("aria-current", ""))
	}

	got := p.reader(t, "en", adminName).send(t, "GET", "/audit.csv?actor="+adminName, nil)
	rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, adminName, rows[1][2])
	own := p.reader(t, "en", "user").send(t, "GET", "/audit.csv", nil)
	require.NotContains(t, own.body, ","+adminName+",")
	require.Contains(t, own.body, ",user,")
}

// The page of the audit log is accessible in both themes, filters without a new
// page, and unfolds what a template was before.
func TestBrowser_audit(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig)
	b, _ := p.submit(t, c.Name, "cordon", names[0], "ghost")
	made := p.makeTemplate(t, "labels", "GPU pool", "pool=gpu|cpu")
	p.request(t, http.MethodPost, fmt.Sprintf("/templates/labels/%d/edit", made.ID),
		url.Values{"name": {"GPU"}, "entry": {"pool=gpu"}}, nil)
	p.request(t, http.MethodGet, "/clusters/"+c.Name+"/nodes.csv", nil, nil)
	p.reader(t, "en", "").send(t, "POST", "/login", url.Values{"name": {adminName}, "password": {"wrong password"}})
	x := startBrowser(t).tab(p)
	x.expect("422")
	for _, theme := range []string{"light", "dark"} {
		x.theme(theme)
		if theme == "light" {
			x.signIn()
		}
		for _, path := range []string{"/audit", "/audit?q=nothing-like-it", "/audit?from=soon", "/audit?object=" + b.ID} {
			x.open(path)
			x.accessible(theme + " " + path)
		}
	}
	x.open("/audit")
	value[any](x, `window.before = true`)
	x.fill("#q", "gpu")
	x.until(`document.querySelectorAll("#audit tbody tr").length === 2 && location.search.includes("q=gpu")`)
	x.press("#audit tbody tr:first-child summary")
	x.until(`document.querySelector("#audit details[open]").innerText.includes("GPU pool")`)
	x.accessible("an unfolded entry")
	require.True(t, value[bool](x, `window.before`), "it is the same page")
}
