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
		Clusters: []string{"prod"}, Now: viewstest.Noon,
	}
}

func TestHooksPage(t *testing.T) {
	wrong := hooksView()
	wrong.Typed = url.Values{"name": {"x"}, "event": {"failed"}}
	wrong.Problem = &ui.Problem{Text: "No.", Fields: map[string]string{"url": "Not an address."}}
	viewstest.RequirePages(t, map[string]templ.Component{
		"webhooks":        admin.HooksPage(viewstest.Frame(), hooksView()),
		"no webhook":      admin.HooksPage(viewstest.Frame(), admin.HooksView{}),
		"webhook refused": admin.HooksPage(viewstest.Frame(), wrong),
	})
	doc := viewstest.Document(t, viewstest.Render(t, "en", admin.HooksPage(viewstest.Frame(), hooksView())))
	for _, verb := range []string{"3/test", "3/disable", "3/delete", "4/enable"} {
		require.Equal(t, 1, doc.Find("form[action=\"/hooks/"+verb+"\"]").Length(), verb)
	}
	require.Equal(t, 2, doc.Find("#hook-log li").Length())
	sent := viewstest.FormValues(doc.Find("#hook-form"))
	require.Equal(t, notify.Events(), sent["event"], "all, unless somebody chooses")
	doc = viewstest.Document(t, viewstest.Render(t, "en", admin.HooksPage(viewstest.Frame(), wrong)))
	require.Equal(t, []string{"failed"}, viewstest.FormValues(doc.Find("#hook-form"))["event"])
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
