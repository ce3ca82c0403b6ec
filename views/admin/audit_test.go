package admin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/audit"
	"kube-node-manager/services/store"
	"kube-node-manager/views/admin"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

// sampleEntries has one entry of every action and result.
func sampleEntries() []audit.Entry {
	var out []audit.Entry
	for i, a := range store.Actions() {
		out = append(out, audit.Entry{
			ID: int64(i + 1), At: viewstest.Noon.Add(-time.Duration(i) * time.Hour), ActorID: 1, Actor: "oncall",
			Address: "192.0.2.1", RequestID: "R", Action: a, Object: "x<y", Result: store.ResultOK,
		})
	}
	after := func(text string) []byte { return []byte(text) }
	return append(
		out,
		audit.Entry{
			ID: 101, At: viewstest.Noon, ActorID: 1, Actor: "oncall", Action: store.ActionBatchEnd,
			Cluster: viewstest.OddCluster, Object: "b1", Kept: true, Reason: "kernel & <more>", Result: store.ResultPartial,
			After: after(`{"operation":"copy-taints","total":1204,"counts":{"succeeded":1200,"failed":3,"cancelled":1}}`),
		},
		audit.Entry{
			ID: 102, At: viewstest.Noon, ActorID: 1, Actor: "oncall", Action: store.ActionTemplateUpdate, Object: "GPU",
			Result: store.ResultOK, Before: after(`{"name":"<a>"}`), After: after(`{"name":"b"}`),
		},
		audit.Entry{
			ID: 103, At: viewstest.Noon, Action: store.ActionLoginFailed, Result: store.ResultRefused,
			After: after(`{"why":"unknown"}`),
		},
		audit.Entry{
			ID: 104, At: viewstest.Noon, Actor: audit.CommandLine, Action: store.ActionUserCreate, Object: "eve",
			Result: store.ResultOK, After: after(`{"role":"viewer"}`),
		},
		audit.Entry{
			ID: 105, At: viewstest.Noon, Action: store.ActionRetention, Result: store.ResultOK,
			After: after(`{"batches":3,"entries":1204}`),
		},
		audit.Entry{
			ID: 106, At: viewstest.Noon, ActorID: 1, Actor: "oncall", Action: store.ActionBatchCreate, Object: "gone",
			Result: store.ResultFailed, After: after(`{"operation":"an odd one","total":1,"params":{"a":1}}`),
		},
		audit.Entry{
			ID: 107, At: viewstest.Noon, ActorID: 1, Actor: "oncall", Action: store.ActionBatchCancel, Object: "odd",
			Result: store.ResultCancelled, After: after(`"text"`),
		},
		audit.Entry{
			ID: 108, At: viewstest.Noon, Actor: audit.CommandLine, Action: store.ActionUserRole, Object: "eve",
			Result: store.ResultOK, Before: after(`{"role":"admin"}`), After: after(`{"role":"viewer"}`),
		},
		audit.Entry{
			ID: 109, At: viewstest.Noon, Actor: audit.CommandLine, Action: store.ActionUserPassword, Object: "eve",
			Result: store.ResultOK, After: after(`{"tokens":2}`),
		},
		audit.Entry{
			ID: 110, At: viewstest.Noon, Actor: audit.CommandLine, Action: store.ActionUserDelete, Object: "eve",
			Result: store.ResultOK, Before: after(`{"role":"user","tokens":1}`),
		},
		audit.Entry{
			ID: 111, At: viewstest.Noon, Actor: audit.CommandLine, Action: store.ActionTokenRevoke, Object: "ci",
			Result: store.ResultOK, Before: after(`{"user":"eve","id":3}`),
		},
		audit.Entry{
			ID: 112, At: viewstest.Noon, ActorID: 1, Actor: "oncall", Action: store.ActionLoginFailed,
			Result: store.ResultRefused, After: after(`{"why":"password","count":1204}`),
		},
		audit.Entry{
			ID: 113, At: viewstest.Noon, Address: "2001:db8::/64", Action: store.ActionLoginFailed, Result: store.ResultRefused,
			After: after(`{"why":"several","count":9,"reasons":{"wait":7,"unknown":2}}`),
		},
	)
}

func TestAuditPage(t *testing.T) {
	full := audit.Query{
		Actor: "a b", Object: "x&y", Action: "login", Cluster: viewstest.OddCluster, Result: "ok", From: "2026-11-23",
		To: "2026-11-23T12:00:00Z", Text: `"<`, Before: 7,
	}
	f := viewstest.Frame()
	f.Current, f.Cluster, f.Stream = "audit", "", ""
	for name, v := range map[string]admin.AuditView{
		"full":       {Page: audit.Page{Items: sampleEntries(), Older: 7}, Everything: true},
		"filtered":   {Page: audit.Page{Query: full, Items: sampleEntries()[:1], Older: 3}, Everything: true},
		"own":        {Page: audit.Page{Items: sampleEntries()[:3]}},
		"logins":     {OnlyLogins: true},
		"none match": {Page: audit.Page{Query: full}},
		"none older": {Page: audit.Page{Query: audit.Query{Before: 1}}},
		"wrong": {
			Page: audit.Page{Query: full}, Problem: &ui.Problem{Text: "No.", Fields: map[string]string{"from": "is no day"}},
		},
	} {
		v.Now = viewstest.Noon
		for _, locale := range ui.Locales() {
			t.Run(locale+"/"+name, func(t *testing.T) {
				html := viewstest.Render(t, locale, admin.AuditPage(f, v))
				doc := viewstest.Document(t, html)
				require.Equal(t, 1, doc.Find("h1").Length())
				viewstest.RequireSound(t, html, doc)
				require.NotContains(t, html, "audit_", "a text without its message")
				require.Equal(t, v.Everything, doc.Find("input[name=actor]").Length() == 1)
				require.Equal(t, !v.OnlyLogins, doc.Find("input[name=cluster]").Length() == 1)
				require.Equal(t, len(v.Page.Items), doc.Find("#audit tbody tr").Length())
			})
		}
	}
}

func TestAuditPage_words(t *testing.T) {
	doc := viewstest.Document(
		t,
		viewstest.Render(
			t, "en",
			admin.AuditPage(viewstest.Frame(), admin.AuditView{Page: audit.Page{Items: sampleEntries()}, Now: viewstest.Noon}),
		),
	)
	text := func(row, cell string) string {
		return strings.Join(strings.Fields(doc.Find("#entry-"+row+" ."+cell).Text()), " ")
	}
	require.Equal(t, "Copy taints · 1,204 nodes", text("101", "object"))
	require.Equal(t, "1,200 done · 3 failed · 1 not done kernel & <more>", text("101", "note-cell"))
	require.Equal(t, "partly failed", text("101", "result"))
	require.Equal(t, "/batches/b1", doc.Find("#entry-101 .object a").First().AttrOr("href", ""))
	require.Contains(t, text("102", "note-cell"), `"name": "<a>"`)
	require.Equal(t, "unknown user name", text("103", "actor"))
	require.Equal(t, "no such user", text("103", "note-cell"))
	require.Equal(t, "command line", text("104", "actor"))
	require.Equal(t, "as viewer", text("104", "note-cell"))
	require.Equal(t, "system", text("105", "actor"))
	require.Equal(t, "from admin to viewer", text("108", "note-cell"))
	require.Equal(t, "2 tokens revoked", text("109", "note-cell"))
	require.Equal(t, "1 token revoked", text("110", "note-cell"))
	require.Equal(t, "for eve", text("111", "note-cell"))
	require.Equal(t, "1,204 more times · wrong password", text("112", "note-cell"))
	require.Equal(t, "9 more times · no such user 2 · too many attempts 7", text("113", "note-cell"))
	require.Zero(t, doc.Find(`#entry-106 .object a[href^="/batches"]`).Length(), "a batch that is gone has no link")
}

func TestAuditURLs(t *testing.T) {
	p := audit.Page{Query: audit.Query{Text: "a&b", Before: 9}, Older: 3}
	require.Equal(t, "/audit?before=3&q=a%26b", admin.AuditPageURL(p))
	require.Equal(t, "/audit.csv?q=a%26b", admin.AuditCSVURL(p.Query))
	require.Equal(t, "/audit?object=x%2Fy", admin.AuditObjectURL("x/y"))
}

func TestAuditColumns_csv(t *testing.T) {
	e := audit.Entry{
		ID: 7, At: viewstest.Noon.Add(time.Nanosecond), Actor: "ann", Address: "::1", RequestID: "R", Action: "batch.create",
		Cluster: "c", Object: "b1", Before: []byte(`{"a":1}`), After: []byte("{}"), Reason: "=r", Result: "ok",
	}
	var out strings.Builder
	require.NoError(
		t, ui.WriteCSV(&out, admin.AuditColumns(time.Time{}), func(yield func(audit.Entry, error) bool) { yield(e, nil) }),
	)
	require.Equal(t, "id,at,actor,address,requestId,action,cluster,object,before,after,reason,result\n"+
		`7,2026-11-23T12:00:00.000000001Z,ann,::1,R,batch.create,c,b1,"{""a"":1}",{},'=r,ok`+"\n", out.String())
}

// A batch that does not begin at once says what it waits for.
func TestAuditPage_whatABatchWaitsFor(t *testing.T) {
	for state, want := range map[string]string{
		`{"operation":"drain","total":2}`:                    "",
		`{"operation":"drain","total":2,"state":"proposed"}`: "waits for approval",
		`{"operation":"drain","total":2,"state":"scheduled","startsAt":"2026-11-27T02:00:00Z"}`: "scheduled · " +
			"Fri 2026-11-27 02:00",
	} {
		doc := viewstest.Document(t, viewstest.Render(t, "en", admin.AuditPage(viewstest.Frame(), admin.AuditView{
			Page: audit.Page{Items: []audit.Entry{{
				ID: 1, At: viewstest.Noon, ActorID: 1, Actor: "oncall", Action: store.ActionBatchCreate, Object: "b1",
				Result: store.ResultOK, After: []byte(state),
			}}}, Everything: true,
		})))
		require.Equal(t, want, viewstest.Squeezed(doc.Find(".audit-table tbody .note-cell")), state)
	}
}
