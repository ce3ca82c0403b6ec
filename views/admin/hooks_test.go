package admin_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services/notify"
	"kube-node-manager/services/store"
	"kube-node-manager/views/admin"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

func hooksView() admin.HooksView {
	return admin.HooksView{
		Hooks: []store.Hook{
			{ID: 3, Name: "on-call", Format: "slack", Host: "hooks.example", Events: notify.Events()},
			{ID: 4, Name: "old", Format: "json", Host: "10.0.0.1", Events: []string{"failed"}, Cluster: "prod", Disabled: true},
		},
		Log: []store.Delivery{
			{ID: 2, Hook: "on-call", Event: "ended", BatchID: "b1", State: store.DeliverySent, Answer: "200 OK"},
			{ID: 1, Hook: "old", Event: "test", State: store.DeliveryPending, Attempts: 1, NextAt: viewstest.Noon},
		},
		Form: admin.HookForm{Clusters: []string{"prod"}}, Now: viewstest.Noon,
	}
}

func TestHooksPage(t *testing.T) {
	wrong := hooksView()
	wrong.Form.Typed = url.Values{"name": {"x"}, "event": {"failed"}}
	wrong.Form.Problem = &ui.Problem{Text: "No.", Fields: map[string]string{"url": "Not an address."}}
	viewstest.RequirePages(t, map[string]templ.Component{
		"webhooks":        admin.HooksPage(viewstest.Frame(), hooksView()),
		"no webhook":      admin.HooksPage(viewstest.Frame(), admin.HooksView{}),
		"webhook refused": admin.HooksPage(viewstest.Frame(), wrong),
		"webhook deleted": admin.HookDeletePage(viewstest.Frame(), wrong.Hooks[0]),
	})
	doc := viewstest.Document(t, viewstest.Render(t, "en", admin.HooksPage(viewstest.Frame(), hooksView())))
	for _, verb := range []string{"3/test", "3/disable", "4/enable"} {
		require.Equal(t, 1, doc.Find("form[action=\"/hooks/"+verb+"\"]").Length(), verb)
	}
	for _, verb := range []string{"3/edit", "3/delete"} {
		require.Equal(t, 1, doc.Find("a[href=\"/hooks/"+verb+"\"]").Length(), verb)
	}
	require.Equal(t, 2, doc.Find("#hook-log li").Length())
	sent := viewstest.FormValues(doc.Find("#hook-form"))
	require.Equal(t, append([]string{""}, notify.Events()...), sent["event"], "all, unless somebody chooses")
	doc = viewstest.Document(t, viewstest.Render(t, "en", admin.HooksPage(viewstest.Frame(), wrong)))
	require.Equal(t, []string{"", "failed"}, viewstest.FormValues(doc.Find("#hook-form"))["event"])
}

// The form of a webhook has what is stored, without its secrets, or what was typed.
func TestHookPage(t *testing.T) {
	old := hooksView().Hooks[1]
	old.Minutes, old.Language = 25, "zh-CN"
	form := admin.HookForm{Hook: &old, Clusters: []string{"staging"}}
	wrong := form
	wrong.Typed = url.Values{"name": {""}, "event": {"", "ended"}, "cluster": {""}}
	wrong.Problem = &ui.Problem{Text: "No.", Fields: map[string]string{"name": "A name has 1 to 60 characters."}}
	viewstest.RequirePages(t, map[string]templ.Component{
		"webhook":       admin.HookPage(viewstest.Frame(), form),
		"webhook wrong": admin.HookPage(viewstest.Frame(), wrong),
	})
	sent := func(v admin.HookForm) url.Values {
		doc := viewstest.Document(t, viewstest.Render(t, "en", admin.HookPage(viewstest.Frame(), v)))
		return url.Values(viewstest.FormValues(doc.Find("#hook-form")))
	}
	require.Equal(t, url.Values{
		"name": {"old"}, "url": {""}, "secret": {""}, "format": {"json"}, "language": {"zh-CN"}, "cluster": {"prod"},
		"event": {"", "failed"}, "minutes": {"25"},
	}, sent(form), "the cluster that is gone stays")
	typed := sent(wrong)
	require.Equal(t, []string{"", "ended"}, typed["event"])
	require.Equal(t, []string{""}, typed["cluster"])
}

// Every event has words in both languages.
func TestHookText(t *testing.T) {
	m := notify.Message{
		Batch: "b1", Cluster: "prod", Operation: "drain", State: "partial", By: "ada", Reason: "kernel",
		Total: 3, Blocked: 2, Counts: store.Counts{Succeeded: 2, Failed: 1},
	}
	for _, language := range notify.Languages() {
		for _, event := range append(notify.Events(), notify.EventTest) {
			m.Event = event
			text := admin.HookText(language, m)
			require.NotContains(t, text, "notify_")
			require.Contains(t, text, "ada")
			if event != notify.EventTest {
				require.Contains(t, text, "prod")
				require.Contains(t, text, "kernel")
			}
		}
	}
	m.Event = notify.EventFailed
	require.True(t, strings.HasPrefix(admin.HookText("en", m), "Failed: Drain · 3 nodes in prod, by ada"))
}
