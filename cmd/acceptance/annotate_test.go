package acceptance

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services/kube/kubetest"
)

// annotated returns an option that gives nodes these annotations.
func annotated(pairs map[string]string) kubetest.NodeOption {
	return func(_ int, n *corev1.Node) { n.Annotations = pairs }
}

func annotations(t testing.TB, c *kubetest.Cluster, name string) map[string]string {
	t.Helper()
	return c.Node(t, name).Annotations
}

// Without JavaScript: from the nodes to the form, the plan, back, and to the batch,
// in both languages.
func TestAnnotate_forms(t *testing.T) {
	for _, lang := range []string{"en", "zh-CN"} {
		t.Run(lang, func(t *testing.T) {
			c := lease(t)
			names := c.Nodes(t, 2, annotated(map[string]string{"team": "web", "old": "1", "long": strings.Repeat("x", 400)}))
			p := startProgram(t, c.Kubeconfig)
			r := p.reader(t, lang, adminName)
			edit, batches := "/clusters/"+c.Name+"/annotations/edit", "/clusters/"+c.Name+"/batches"
			list := r.send(t, "GET", "/clusters/"+c.Name+"/nodes", nil)
			require.Equal(t, edit, list.doc.Find("#bar-annotations").AttrOr("formaction", ""))

			page := r.send(t, "POST", edit, url.Values{"node": names, "reason": {"because"}})
			require.Equal(t, 200, page.status)
			require.Empty(t, faults(page, lang))
			form := fields(page, "#edit-form")
			require.Equal(t, "web", form.Get("was.team"))
			require.False(t, form.Has("set.long"), "what does not fit a line is not edited in one")
			require.Contains(t, page.doc.Find(".locked-list").Text(), "long")

			form.Set("set.team", "platform, on call")
			form.Set("unset", "old")
			form.Set("annotation", "a b")
			refused := r.send(t, "POST", batches+"/preview", form)
			require.Equal(t, 422, refused.status)
			require.Equal(t, "platform, on call", fields(refused, "#edit-form").Get("set.team"), "what was typed is kept")

			form.Set("annotation", "note=see https://wiki/a=b-")
			plan := r.send(t, "POST", batches+"/preview", form)
			require.Equal(t, 200, plan.status)
			require.Empty(t, faults(plan, lang))
			require.Equal(t, 1, plan.doc.Find(".diff-groups > li").Length(), "both nodes change alike")
			require.Equal(t, "web", annotations(t, c, names[0])["team"], "a plan writes nothing")

			again := r.send(t, "POST", plan.doc.Find("#plan-change").AttrOr("formaction", ""), fields(plan, "#plan-form"))
			require.Equal(t, "platform, on call", fields(again, "#edit-form").Get("set.team"), "going back loses nothing")
			plan = r.send(t, "POST", batches+"/preview", fields(again, "#edit-form"))
			done := r.send(t, "POST", batches, fields(plan, "#plan-form"))
			require.Less(t, done.status, 300)
			b := p.awaitBatch(t, strings.TrimPrefix(done.url.Path, "/batches/"))
			require.Equal(t, "succeeded", b.State)
			for _, name := range names {
				got := annotations(t, c, name)
				require.Equal(t, "platform, on call", got["team"])
				require.Equal(t, "see https://wiki/a=b-", got["note"])
				require.NotContains(t, got, "old")
				require.Len(t, got["long"], 400)
			}
			shown := r.send(t, "GET", "/batches/"+b.ID, nil)
			require.Empty(t, faults(shown, lang))
			require.Contains(t, shown.doc.Find("#items").Text()+shown.doc.Text(), "platform, on call")
		})
	}
}

// By JSON: plan, batch, retry, undo, history, report and audit log.
func TestAnnotate_json(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 3, annotated(map[string]string{"team": "web", "old": "1"}))
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	batches := "/clusters/" + c.Name + "/batches"
	form := url.Values{
		"operation": {"annotate"}, "node": names, "reason": {"ownership"}, "annotation": {"team=platform, on call", "old-"},
	}
	var plan struct {
		Nodes []struct {
			Node   string
			Change struct {
				Before, After struct{ Annotations map[string]*string }
			}
		}
		Summary map[string]int
	}
	p.request(t, http.MethodPost, batches+"/preview", form, &plan)
	require.Equal(t, 3, plan.Summary["changed"])
	require.Equal(t, "web", *plan.Nodes[0].Change.Before.Annotations["team"])
	require.Equal(t, "platform, on call", *plan.Nodes[0].Change.After.Annotations["team"])
	require.Nil(t, plan.Nodes[0].Change.After.Annotations["old"])

	fault := proxy.Inject(kubetest.Fault{
		Verb: "patch", Resource: "nodes", Name: names[1], Code: http.StatusUnprocessableEntity,
	})
	var b batchDoc
	p.request(t, http.MethodPost, batches, form, &b)
	b = p.awaitBatch(t, b.ID)
	require.Equal(t, []any{"partial", 1, 2}, []any{b.State, b.Counts["failed"], b.Counts["succeeded"]})
	fault.Remove()
	retried := p.act(t, b.ID, "retry", nil)
	require.Equal(t, []any{"succeeded", 1, "ownership"}, []any{retried.State, retried.Total, retried.Reason})
	for _, name := range names {
		require.Equal(t, "platform, on call", annotations(t, c, name)["team"])
		require.NotContains(t, annotations(t, c, name), "old")
	}

	undone := p.act(t, b.ID, "undo", nil)
	require.Equal(t, []any{"succeeded", 2}, []any{undone.State, undone.Total})
	for _, name := range []string{names[0], names[2]} {
		require.Equal(t, "web", annotations(t, c, name)["team"])
		require.Equal(t, "1", annotations(t, c, name)["old"])
	}
	require.Equal(t, []string{retried.ID, b.ID}, p.history(t, "operation=annotate"))
	entries := p.audit(t, "q="+b.ID)
	require.Equal(t, "batch.create", entries[0].Action)
	require.Equal(t, "annotate", entries[0].After["operation"])

	protected := url.Values{
		"operation": {"annotate"}, "node": names[:1], "annotation": {"node.alpha.kubernetes.io/ttl=1"}, "confirm": {
			"another",
		},
	}
	response := p.request(t, http.MethodPost, batches, protected, nil)
	require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode, "a protected key needs the cluster's name")
	wrong := url.Values{"operation": {"annotate"}, "node": names[:1], "annotation": {"team"}}
	response = p.request(t, http.MethodPost, batches, wrong, nil)
	require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
}
