package acceptance

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// historyDoc is the history of the HTTP contract.
type historyDoc struct {
	Items []batchDoc
	Older string
}

// history returns the ids of the batches that a query finds, newest first, from
// all pages.
func (p *program) history(t testing.TB, query string) []string {
	t.Helper()
	found := []string{}
	for path := "/batches?" + query; path != ""; {
		var page historyDoc
		p.request(t, http.MethodGet, path, nil, &page)
		for _, b := range page.Items {
			found = append(found, b.ID)
		}
		path = page.Older
	}
	return found
}

// Each filter works alone and with others, and is kept from page to page.
func TestHistory_filters(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	p := startProgram(t, c.Kubeconfig)
	one, _ := p.submit(t, c.Name, "cordon", names[0], names[1])
	two, _ := p.submit(t, c.Name, "cordon", names[1], "ghost")
	three, _ := p.submit(t, c.Name, "uncordon", names[2])
	day := three.CreatedAt.UTC().Format(time.DateOnly)
	yesterday := three.CreatedAt.UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	for query, want := range map[string][]string{
		"":                   {three.ID, two.ID, one.ID},
		"cluster=" + c.Name:  {three.ID, two.ID, one.ID},
		"cluster=elsewhere":  {},
		"operation=uncordon": {three.ID},
		"state=partial":      {two.ID},
		"by=ADMIN":           {three.ID, two.ID, one.ID},
		"by=adm":             {},
		"node=" + names[1]:   {two.ID, one.ID},
		"node=GHOST":         {two.ID},
		"from=" + day:        {three.ID, two.ID, one.ID},
		"to=" + yesterday:    {},
		"before=" + three.ID: {two.ID, one.ID},
		"state=succeeded&node=" + names[1] + "&operation=cordon&to=" + day: {one.ID},
		"from=" + url.QueryEscape(two.CreatedAt.Format(time.RFC3339Nano)):  {three.ID, two.ID},
	} {
		require.Equal(t, want, p.history(t, query), query)
	}

	var many []string
	for range 52 {
		b, _ := p.submit(t, c.Name, "uncordon", names[0])
		many = append(many, b.ID)
	}
	slices.Reverse(many)
	require.Equal(t, append(many, three.ID), p.history(t, "operation=uncordon"), "over two pages")
	for _, lang := range []string{"en", "zh-CN"} {
		page := p.reader(t, lang, adminName).send(t, "GET", "/batches?operation=uncordon&by=admin", nil)
		require.Equal(t, 50, page.doc.Find("#batches tbody tr").Length())
		next := page.doc.Find("#batches [rel=next]").AttrOr("href", "")
		require.Equal(t, "/batches?before="+many[49]+"&by=admin&operation=uncordon", next)
		page = p.reader(t, lang, adminName).send(t, "GET", next, nil)
		require.Equal(t, 3, page.doc.Find("#batches tbody tr").Length())
		require.Equal(t, "uncordon", page.doc.Find("#find select[name=operation] option[selected]").AttrOr("value", ""))
	}
}

// Invalid filters are refused by name; nothing in an address breaks the page.
func TestHistory_refusals(t *testing.T) {
	c := lease(t)
	p := startProgram(t, c.Kubeconfig)
	b, _ := p.submit(t, c.Name, "cordon", "ghost")
	r := p.reader(t, "en", adminName)
	for query, field := range map[string]string{
		"operation=explode": "operation", "state=odd": "state", "from=yesterday": "from", "to=2026-13-01": "to",
		"by=%00": "by", "node=%ff": "node", "before=%ff": "before", "cluster=" + strings.Repeat("x", 201): "cluster",
	} {
		got := r.send(t, "GET", "/batches?"+query, nil, "Accept", "application/json")
		require.Equal(t, http.StatusUnprocessableEntity, got.status, query)
		var problem struct {
			Error struct{ Fields map[string]string }
		}
		require.NoError(t, json.Unmarshal([]byte(got.body), &problem))
		require.NotEmpty(t, problem.Error.Fields[field], got.body)
		require.Len(t, problem.Error.Fields, 1)
		page := r.send(t, "GET", "/batches?reason=x&"+query, nil)
		require.Equal(t, http.StatusUnprocessableEntity, page.status, query)
		require.Equal(t, 1, page.doc.Find("form#find").Length(), "the form comes back")
	}
	require.Equal(t, "ex'plode",
		r.send(t, "GET", "/batches?by=ex'plode&state=odd", nil).doc.Find("#find [name=by]").AttrOr("value", ""))
	for path, status := range map[string]int{
		"/batches?node=%27%20OR%201--&page=x&%zz":         200,
		"/batches?before=~":                               200,
		"/batches?before=0":                               200,
		"/batches?from=9999-12-31&to=0001-01-01":          200,
		"/batches/" + b.ID + "?state=odd":                 422,
		"/batches/" + b.ID + "?page=-1":                   422,
		"/batches/" + b.ID + "?page=x":                    422,
		"/batches/" + b.ID + "?page=99999999999999999999": 422,
		"/batches/" + b.ID + "?page=7":                    200,
		"/batches/" + b.ID + "?state=waiting":             200,
		"/batches/ghost?state=odd":                        404,
		"/batches/ghost/report.csv":                       404,
	} {
		require.Equal(t, status, r.send(t, "GET", path, nil).status, path)
	}
	require.Equal(t, http.StatusOK, r.send(t, "GET", "/batches?before=0", nil).status)
	outside := p.reader(t, "en", "").send(t, "GET", "/batches/"+b.ID+"/report.csv", nil, "Accept", "application/json")
	require.NotEqual(t, http.StatusOK, outside.status, "nobody has signed in")
}

// The report has one row for each node, and the audit log says who exported it.
func TestHistory_report(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig)
	ghosts := make([]string, 620) // more than one page, and more than is read at once
	for i := range ghosts {
		ghosts[i] = fmt.Sprintf("ghost-%03d", i)
	}
	b, _ := p.submit(t, c.Name, "cordon", append(slices.Clone(names), ghosts...)...)
	b = p.awaitBatch(t, b.ID)
	require.Equal(t, "partial", b.State)

	r := p.reader(t, "en", adminName)
	got := r.send(t, "GET", "/batches/"+b.ID+"/report.csv", nil)
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, `attachment; filename="batch-`+b.ID+`.csv"`, got.header.Get("Content-Disposition"))
	require.Equal(t, "text/csv; charset=utf-8", got.header.Get("Content-Type"))
	rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 1+len(b.Items))
	require.Equal(t, "node state error attempts started ended seconds before after mayHaveChanged restarted",
		strings.Join(rows[0], " "))
	for i, it := range b.Items {
		row := rows[i+1]
		require.Equal(t, []string{it.Node, it.State, it.Error}, row[:3])
		require.Equal(t, it.EndedAt.Format(time.RFC3339Nano), row[5])
		if it.State == "succeeded" {
			require.JSONEq(t, string(it.Before), row[7])
			require.JSONEq(t, string(it.After), row[8])
			require.Equal(t, "1", row[3])
			require.NotEmpty(t, row[6])
		}
	}
	require.Equal(t, "batch.export ok", actionsOf(p.audit(t, "action=batch.export&object="+b.ID)))

	// The page shows some of them, failed nodes first, and each reason once.
	page := r.send(t, "GET", "/batches/"+b.ID, nil).doc
	require.Equal(t, 500, page.Find("#items tbody tr").Length())
	require.Equal(t, 1, page.Find("#items .reasons details").Length())
	require.Contains(t, page.Find("#items .reasons summary").Text(), "620 nodes")
	require.Equal(t, 50, page.Find("#items .reasons a.mono").Length())
	page = r.send(t, "GET", "/batches/"+b.ID+"?state=failed&page=2", nil).doc
	require.Equal(t, 120, page.Find("#items tbody tr").Length())
	part := r.send(t, "GET", "/batches/"+b.ID+"?state=succeeded", nil, "HX-Request", "true").doc
	require.Equal(t, 2, part.Find("tbody tr").Length())
	require.Zero(t, part.Find("#items, h1").Length(), "only what changes")
	var some batchDoc
	p.request(t, http.MethodGet, "/batches/"+b.ID+"?state=succeeded", nil, &some)
	require.Len(t, some.Items, 2)
	require.Len(t, b.Items, 622, "JSON has no pages")
}

// The page of a node lists what batches did to it, newest first.
func TestHistory_ofANode(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig)
	var last batchDoc
	for i := range 22 {
		last, _ = p.submit(t, c.Name, []string{"cordon", "uncordon"}[i%2], names[0])
	}
	for lang, none := range map[string]string{
		"en": "No batch has run on this node.", "zh-CN": "没有批次在此节点上执行过。",
	} {
		r := p.reader(t, lang, adminName)
		doc := r.send(t, "GET", nodesPath(c.Name)+"/"+names[0]+"?tab=history", nil).doc
		rows := doc.Find("#history tbody tr")
		require.Equal(t, 20, rows.Length())
		require.Equal(t, "/batches/"+last.ID, rows.First().Find("th a").AttrOr("href", ""))
		cordoned := map[string]string{"en": "cordoned", "zh-CN": "调度"}[lang]
		require.Equal(t, 1, rows.First().Find(".chip:contains("+cordoned+")").Length())
		all := doc.Find("#history .head a").AttrOr("href", "")
		require.Equal(t, "/batches?cluster="+c.Name+"&node="+names[0], all)
		require.Equal(t, 22, r.send(t, "GET", all, nil).doc.Find("#batches tbody tr").Length())
		other := r.send(t, "GET", nodesPath(c.Name)+"/"+names[1]+"?tab=history", nil).doc
		require.Contains(t, other.Find("#history").Text(), none)
		require.Equal(t, 20, doc.Find("#node-audit tbody tr").Length())
		require.Zero(t, other.Find("#node-audit tbody tr").Length())
		entries := r.send(t, "GET", doc.Find("#node-audit .head a").AttrOr("href", ""), nil).doc
		require.Equal(t, 44, entries.Find("#audit tbody tr").Length(), "each batch begins and ends")
	}
}
