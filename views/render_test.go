package views_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/services/store"
	"kube-node-manager/views"
)

func document(t *testing.T, html string) *goquery.Document {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(html))
	require.NoError(t, err)
	return doc
}

func TestPages_areSound(t *testing.T) {
	for _, locale := range views.Locales() {
		for name, page := range pages() {
			t.Run(locale+"/"+name, func(t *testing.T) {
				html := render(t, locale, page)
				doc := document(t, html)
				require.True(t, strings.HasPrefix(strings.ToLower(html), "<!doctype html>"))
				require.Equal(t, 1, doc.Find("h1").Length(), "one h1")
				require.Equal(t, 1, doc.Find("main").Length(), "one main")
				require.Equal(t, locale, doc.Find("html").AttrOr("lang", ""))
				require.NotEmpty(t, doc.Find("title").Text())
				requireSound(t, html, doc)
			})
		}
	}
}

func TestFragments_areSound(t *testing.T) {
	for _, locale := range views.Locales() {
		for name, fragment := range fragments() {
			t.Run(locale+"/"+name, func(t *testing.T) {
				html := render(t, locale, fragment)
				require.NotEmpty(t, strings.TrimSpace(html))
				requireSound(t, html, document(t, html))
			})
		}
	}
}

// requireSound is what the CSP, HTMX and screen readers ask of every piece.
func requireSound(t *testing.T, html string, doc *goquery.Document) {
	t.Helper()
	require.NotContains(t, html, "<no value>")
	require.NotContains(t, html, "templ.SafeURL")
	require.Zero(t, doc.Find("script:not([src]), style, [style]").Length(), "inline script or style")
	ids := map[string]bool{}
	doc.Find("*").Each(func(_ int, s *goquery.Selection) {
		for _, a := range s.Nodes[0].Attr {
			require.NotRegexp(t, `^(on|hx-on)`, a.Key)
			require.False(t, strings.HasPrefix(a.Val, "js:") || strings.HasPrefix(a.Val, "javascript:"), a.Key)
		}
		if id, ok := s.Attr("id"); ok {
			require.False(t, ids[id], "id %q twice", id)
			require.Regexp(t, `^[A-Za-z][\w-]*$`, id, "an id that no selector takes")
			ids[id] = true
		}
	})
	doc.Find("input:not([type=hidden]), select, textarea").Each(func(_ int, s *goquery.Selection) {
		require.True(t, labelled(doc, s), "no label: %s", outer(s))
	})
	doc.Find("button, a").Each(func(_ int, s *goquery.Selection) {
		_, hidden := s.Attr("hidden")
		named := strings.TrimSpace(s.Text()) != "" || s.AttrOr("aria-label", "") != "" || s.AttrOr("tabindex", "") == "-1" || hidden
		require.True(t, named, "no name: %s", outer(s))
	})
	doc.Find("[aria-describedby], [aria-labelledby], [aria-controls]").Each(func(_ int, s *goquery.Selection) {
		for _, key := range []string{"aria-describedby", "aria-labelledby", "aria-controls"} {
			for id := range strings.FieldsSeq(s.AttrOr(key, "")) {
				require.True(t, ids[id], "%s names %q, which is not there", key, id)
			}
		}
	})
}

func labelled(doc *goquery.Document, s *goquery.Selection) bool {
	if s.AttrOr("aria-label", "") != "" || strings.TrimSpace(s.Closest("label").Text()) != "" {
		return true
	}
	id := s.AttrOr("id", "")
	return id != "" && strings.TrimSpace(doc.Find(`label[for="`+id+`"]`).Text()) != ""
}

func outer(s *goquery.Selection) string {
	html, _ := goquery.OuterHtml(s)
	return html
}

func TestTemplates_useNothingThatNeedsEval(t *testing.T) {
	files, err := filepath.Glob("*.templ")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NotRegexp(t, `hx-on|"js:|hx-trigger="[^"]*\[|\bstyle=|\son[a-z]+=|hx-boost|time\.Now`, string(source), file)
	}
}

func TestNodesPage(t *testing.T) {
	doc := document(t, render(t, "en", views.NodesPage(frame(), nodesView())))

	form := doc.Find("form#batch")
	require.Equal(t, views.BatchesURL(oddCluster), form.AttrOr("action", ""))
	require.Equal(t, views.BatchesURL(oddCluster), form.AttrOr("hx-post", ""))
	require.Equal(t, "#dock", form.AttrOr("hx-target", ""))
	require.Equal(t, "key-1", form.Find("#idempotency-key").AttrOr("value", ""))
	require.Equal(t, []string{"cordon", "uncordon"}, attributes(form.Find("button[name=operation]"), "value"))
	require.Equal(t, "200", form.Find("input[name=reason]").AttrOr("maxlength", ""))
	require.Equal(t, 1, form.Find("button[type=submit]:not([form])").First().Filter("[disabled]").Length(), "Enter in the reason must not choose an operation")

	names := attributes(form.Find("#nodes input[name=node]"), "value")
	for i, n := range sampleNodes() {
		require.Equal(t, n.Name, names[i])
		row := doc.Find("tr#n-" + n.UID)
		require.Equal(t, n.Name, row.AttrOr("data-node", ""))
		require.Equal(t, n.Unschedulable, row.HasClass("cordoned"))
		require.Contains(t, squeezed(row.Find("td.status")), n.StatusText())
		require.Equal(t, n.Name, row.Find("td.name a").Text())
		require.Equal(t, "sel-"+n.UID, row.Find("input").AttrOr("id", ""))
	}
	require.Contains(t, squeezed(doc.Find("tr#n-uid-3 td.status")), "limited")
	require.Contains(t, squeezed(doc.Find("tr#n-uid-1 td.status")), "12 min ago")
	require.Contains(t, squeezed(doc.Find("tr#n-uid-4 td.status")), "kubelet stopped")

	reload := doc.Find("#nodes #reload")
	require.Equal(t, "nodes-changed from:body", reload.AttrOr("hx-trigger", ""))
	require.Equal(t, views.NodesURL(oddCluster, nodesView().Page.Query), reload.AttrOr("hx-get", ""))
	require.Equal(t, []string{"q", "status", "sched", "role", "filter.label", "filter.taint"}, attributes(reload.Find("input[disabled]"), "name"))
	require.Equal(t, views.EventsURL(oddCluster, ""), doc.Find("body").AttrOr("data-stream", ""))
	require.Equal(t, "descending", doc.Find("th[aria-sort]").AttrOr("aria-sort", ""))
	require.Equal(t, 1, doc.Find("th[aria-sort]").Length())
}

func TestNodesPage_searchFormKeepsTheRestOfTheQuery(t *testing.T) {
	doc := document(t, render(t, "en", views.NodesPage(frame(), nodesView())))
	find := doc.Find("form#find")
	require.Equal(t, "get", find.AttrOr("method", ""))
	require.Equal(t, "a&b", find.Find("#q").AttrOr("value", ""))
	require.Equal(t, "worker", find.Find("select[name=role] option[selected]").AttrOr("value", ""))
	require.Equal(t, []string{"label", "taint", "sort", "dir", "size"}, attributes(find.Find("input[type=hidden]"), "name"))
	require.Equal(t, 2, find.Find(".token").Length())
}

func TestNodesPage_rowOperation(t *testing.T) {
	doc := document(t, render(t, "en", views.NodesPage(frame(), nodesView())))
	require.Equal(t, 1, doc.Find("form#one[method=post]").Length())
	button := doc.Find("#op-uid-1")
	require.Equal(t, "one", button.AttrOr("form", ""))
	require.Equal(t, views.OneBatchURL(oddCluster, "uncordon", sampleNodes()[1].Name), button.AttrOr("formaction", ""))
	require.JSONEq(t, `{"operation":"uncordon","node":"`+sampleNodes()[1].Name+`"}`, button.AttrOr("hx-vals", ""))
	require.Equal(t, "operation,node", button.AttrOr("hx-params", ""))
	require.Contains(t, doc.Find("#op-uid-3").AttrOr("hx-vals", ""), `"cordon"`)
}

func TestNodesPage_viewerSeesNoOperation(t *testing.T) {
	v := changedNodes(func(v *views.NodesView) { v.MayChange = false })
	doc := document(t, render(t, "en", views.NodesPage(frame(), v)))
	require.Zero(t, doc.Find("#bar, input[name=node], [name=operation], td.act, #sel-page").Length())
	require.Equal(t, len(sampleNodes()), doc.Find("tbody tr").Length())
}

func TestNodesTable(t *testing.T) {
	doc := document(t, render(t, "en", views.NodesTable(nodesView())))
	require.Equal(t, 1, doc.Find("#nodes-head[hx-swap-oob=true]").Length())
	require.Equal(t, 1, doc.Find("#tokens[hx-swap-oob=true]").Length())
	require.Zero(t, doc.Find("#nodes").Length(), "the fragment goes inside")
	require.Equal(t, 4, doc.Find(".strip svg rect").Length())
	require.Contains(t, squeezed(doc.Find(".pager")), "101–106 of 206")
	require.Zero(t, doc.Find(`[hx-trigger="load"]`).Length())

	v := changedNodes(func(v *views.NodesView) { v.Loading, v.Page.Usage = true, nil })
	doc = document(t, render(t, "en", views.NodesTable(v)))
	require.Contains(t, doc.Find(`[hx-trigger="load"]`).AttrOr("hx-get", ""), "usage=1")
	require.Equal(t, 3*len(sampleNodes()), doc.Find("td .wait").Length())

	v.Loading = false
	doc = document(t, render(t, "en", views.NodesTable(v)))
	require.Equal(t, "–", squeezed(doc.Find("tr#n-uid-0 td.use-col").First()), "unknown is never zero")
}

func TestNodesTable_states(t *testing.T) {
	stale := changedNodes(func(v *views.NodesView) {
		v.Page.Stale = services.NewError(services.CodeInternal, "problem_unknown")
	})
	doc := document(t, render(t, "en", views.NodesTable(stale)))
	require.Contains(t, squeezed(doc.Find(".note.stale")), "Something went wrong.")
	require.Contains(t, doc.Find(".note.stale a").AttrOr("href", ""), "fresh=1")
	require.Equal(t, 1, doc.Find("table").Length(), "old data is still shown")

	p := problem()
	doc = document(t, render(t, "en", views.NodesTable(views.NodesView{Cluster: "c", Problem: &p})))
	require.Equal(t, "/again", doc.Find(".problem a").AttrOr("href", ""))
	require.Equal(t, 1, doc.Find("#reload").Length(), "the table comes back by itself")

	none := changedNodes(func(v *views.NodesView) { v.Page.Match, v.Page.Nodes = 0, nil })
	doc = document(t, render(t, "en", views.NodesTable(none)))
	require.Equal(t, views.NodesURL(oddCluster, node.Query{Sort: "cpu", Desc: true, Size: 100}), doc.Find(".empty a").AttrOr("href", ""))
}

func TestBatchAnswer(t *testing.T) {
	doc := document(t, render(t, "en", views.BatchAnswer(batchView(store.StateRunning))))
	panel := doc.Find("#progress > [data-batch]")
	require.Equal(t, "b1", panel.AttrOr("data-batch", ""))
	require.Equal(t, "running", panel.AttrOr("data-state", ""))
	require.Equal(t, "key-2", doc.Find("#idempotency-key[hx-swap-oob=true]").AttrOr("value", ""))
	require.Contains(t, doc.Text(), "2 more batches running")

	v := batchView(store.StateRunning)
	v.IdempotencyKey = ""
	require.Zero(t, document(t, render(t, "en", views.BatchAnswer(v))).Find("#idempotency-key").Length())
}

func TestBatchPanel(t *testing.T) {
	doc := document(t, render(t, "en", views.BatchPanel(batchView(store.StateRunning))))
	require.Equal(t, []string{"152 done", "12 unchanged", "3 failed", "16 running", "57 left"}, doc.Find(".tally li").Map(func(_ int, s *goquery.Selection) string { return squeezed(s) }))
	require.Contains(t, squeezed(doc.Find(".panel-head")), "41/s 3 s left")
	require.Contains(t, squeezed(doc.Find(".at-work")), "n1, n2")
	require.Equal(t, "167", doc.Find("progress").AttrOr("value", ""))
	require.Equal(t, "50", doc.Find("[data-batch]").AttrOr("data-milestone", ""))
	require.Equal(t, 2, doc.Find(".failures li").Length())
	require.Contains(t, squeezed(doc.Find(".failures")), "Whether it took effect is not known.")
	require.Contains(t, doc.Text(), "All 3 failed nodes", "more failed than are listed")
	require.Equal(t, []string{views.BatchControlURL("b1", "pause"), views.BatchControlURL("b1", "cancel")}, attributes(doc.Find("form"), "hx-post"))

	held := batchView(store.StateInterrupted)
	for hold, words := range map[store.Hold]string{
		store.HoldDeleted: "has been deleted since", store.HoldDisabled: "has been disabled since", store.HoldDemoted: "may do less since",
	} {
		held.Held = hold
		require.Contains(t, document(t, render(t, "en", views.BatchPanel(held))).Find(".note").Text(), held.By+", who started it, "+words)
		require.NotContains(t, render(t, "zh-CN", views.BatchPanel(held)), "interrupted_held")
	}
	doc = document(t, render(t, "en", views.BatchPanel(batchView(store.StateInterrupted))))
	require.Equal(t, views.BatchControlURL("b1", "resume"), doc.Find("form").AttrOr("action", ""))

	asking := batchView(store.StateInterrupted)
	asking.Asks = services.Invalid("confirm", "error_confirm", "Cluster", "prod")
	doc = document(t, render(t, "en", views.BatchPanel(asking)))
	require.Zero(t, doc.Find("#batch-resume").Length(), "only an administrator may")
	asking.MayForce = true
	doc = document(t, render(t, "en", views.BatchPanel(asking)))
	require.Equal(t, "Type the cluster's name, prod, to confirm.", squeezed(doc.Find("label[for=batch-confirm]")))
	require.Equal(t, 1, doc.Find("form:has(#batch-resume) input[name=confirm][required]").Length())

	ended := batchView(store.StateSucceeded)
	doc = document(t, render(t, "en", views.BatchPanel(ended)))
	require.Zero(t, doc.Find("form").Length())
	require.Equal(t, "228 nodes cordoned, 12 were already cordoned", squeezed(doc.Find(".panel-head .verdict")))
	require.Zero(t, doc.Find(".tally, .left-cordoned").Length(), "success is said once")
	require.NotContains(t, doc.Text(), "succeeded")

	ended.Counts = batch.Counts{Unchanged: 240}
	doc = document(t, render(t, "en", views.BatchPanel(ended)))
	require.Equal(t, "240 were already cordoned", squeezed(doc.Find(".verdict")))

	partly := batchView(store.StatePartial)
	partly.Counts = batch.Counts{Succeeded: 238, Failed: 2}
	doc = document(t, render(t, "en", views.BatchPanel(partly)))
	require.Equal(t, "partly failed", squeezed(doc.Find(".panel-head .st").First()))
	require.Equal(t, []string{"238 done", "2 failed"}, texts(doc.Find(".tally li")), "what did not happen is not counted")

	drained := batchView(store.StateSucceeded)
	drained.Operation, drained.MayUndo, drained.ClearedAt = "drain", true, &noon
	drained.Counts = batch.Counts{Succeeded: 6}
	drained.Total = 6
	doc = document(t, render(t, "en", views.BatchPanel(drained)))
	require.Equal(t, "6 nodes drained", squeezed(doc.Find(".verdict")))
	require.Contains(t, doc.Find(".left-cordoned").Text(), "The 6 drained nodes stay cordoned")
	require.Equal(t, "Uncordon these nodes…", squeezed(doc.Find("#batch-undo")))

	other := batchView(store.StateRunning)
	other.MayControl = false
	require.Zero(t, document(t, render(t, "en", views.BatchPanel(other))).Find("form").Length())
}

func TestBatchPage(t *testing.T) {
	f := frame()
	dock := batchView(store.StateRunning)
	f.Dock = &dock
	html := render(t, "en", views.BatchPage(f, batchPageView(store.StateRunning)))
	require.Contains(t, html, `<noscript><meta http-equiv="refresh" content="2;url=/batches/b1?background=1"></noscript>`)
	doc := document(t, html)
	require.Equal(t, 1, doc.Find("main #progress").Length())
	require.Zero(t, doc.Find("#dock > *").Length(), "one #progress a page")
	require.Equal(t, "batch-moved from:body", doc.Find("#items").AttrOr("hx-trigger", ""))
	require.NotContains(t, render(t, "en", views.BatchPage(f, batchPageView(store.StateFailed))), "http-equiv")
}

func TestBatchItems_change(t *testing.T) {
	doc := document(t, render(t, "en", views.BatchItems(batchPageView(store.StateSucceeded))))
	row := doc.Find("tr").FilterFunction(func(_ int, s *goquery.Selection) bool { return s.Find("td.name").Text() == "succeeded.x" })
	require.Equal(t, 1, row.Find(".chip.add:contains(cordoned)").Length())
	require.Equal(t, "a", row.Find("del").Text())
	require.Equal(t, "b", row.Find("ins").Text())
	require.Equal(t, "reason: – → why", row.Find(".chip.more").AttrOr("title", ""))
	require.Equal(t, 1, doc.Find(".chip.add:contains(cordoned)").Length(), "nothing is shown as done that was not")
}

func TestForms(t *testing.T) {
	doc := document(t, render(t, "en", views.SignIn(views.SignInForm{Next: "/n", Name: "a"})))
	form := doc.Find(`form[action="/login"][method=post]`)
	require.Equal(t, []string{"next", "name", "password"}, attributes(form.Find("input"), "name"))
	doc = document(t, render(t, "en", views.Setup(views.SetupForm{Code: "c"})))
	form = doc.Find(`form[action="/setup"][method=post]`)
	require.Equal(t, []string{"code", "name", "password", "password2"}, attributes(form.Find("input"), "name"))
	require.Equal(t, 2, doc.Find(`form[action="/preferences"] [name=back]`).Length())

	doc = document(t, render(t, "en", views.NodePage(frame(), nodeView())))
	require.Equal(t, "uncordon", doc.Find("#batch button[name=operation]").AttrOr("value", ""))
	require.Equal(t, "/x?y=1&z=2", doc.Find("[name=back]").First().AttrOr("value", ""))
	require.Equal(t, 1, doc.Find(`form[action="/logout"][method=post]`).Length())
}

func TestTheme(t *testing.T) {
	f := frame()
	f.Theme = "dark"
	require.Equal(t, "dark", document(t, render(t, "en", views.ErrorPage(f, problem()))).Find("html").AttrOr("data-theme", ""))
	var out strings.Builder
	require.NoError(t, views.BareError(problem()).Render(views.WithTheme(t.Context(), "light"), &out))
	require.Equal(t, "light", document(t, out.String()).Find("html").AttrOr("data-theme", ""))
}

func attributes(s *goquery.Selection, name string) []string {
	return s.Map(func(_ int, s *goquery.Selection) string { return s.AttrOr(name, "") })
}

var blanks = regexp.MustCompile(`\s+`)

func squeezed(s *goquery.Selection) string {
	return strings.TrimSpace(blanks.ReplaceAllString(s.Text(), " "))
}
