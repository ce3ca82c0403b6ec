package acceptance

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services/kube/kubetest"
)

// fields returns what a form on a page would send.
func fields(a *answer, form string) url.Values {
	out := url.Values{}
	a.doc.Find(form).Find("input[name], select[name], textarea[name]").Each(func(_ int, s *goquery.Selection) {
		_, checked := s.Attr("checked")
		switch kind := s.AttrOr("type", ""); {
		case (kind == "checkbox" || kind == "radio") && !checked:
		case goquery.NodeName(s) == "textarea":
			out.Add(s.AttrOr("name", ""), s.Text())
		case goquery.NodeName(s) == "select":
			chosen := s.Find("option[selected]")
			if chosen.Length() == 0 {
				chosen = s.Find("option").First()
			}
			out.Add(s.AttrOr("name", ""), chosen.AttrOr("value", ""))
		default:
			out.Add(s.AttrOr("name", ""), s.AttrOr("value", ""))
		}
	})
	return out
}

// labels returns the labels of a node, read from the cluster.
func labels(t testing.TB, c *kubetest.Cluster, name string) map[string]string {
	t.Helper()
	n, err := c.Client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return n.Labels
}

// taints returns the taints of a node, read from the cluster, as kubectl writes
// them.
func taints(t testing.TB, c *kubetest.Cluster, name string) []string {
	t.Helper()
	n, err := c.Client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	out := []string{}
	for i := range n.Spec.Taints {
		out = append(out, n.Spec.Taints[i].ToString())
	}
	return out
}

// Without JavaScript: from the form to the plan, back, and on to the batch.
func TestForms_labels(t *testing.T) {
	c := lease(t)
	names := append(c.Nodes(t, 2, kubetest.WithLabels(map[string]string{"tier": "gold", "old": "1", "env": "dev"})),
		c.Nodes(t, 1, kubetest.WithLabels(map[string]string{"tier": "gold", "env": "prod"}))...)
	p := startProgram(t, c.Kubeconfig)
	r := p.reader(t, "en", adminName)
	edit, batches := "/clusters/"+c.Name+"/labels/edit", "/clusters/"+c.Name+"/batches"

	page := r.send(t, "POST", edit, url.Values{"node": names, "reason": {"because"}})
	require.Equal(t, 200, page.status)
	form := fields(page, "#edit-form")
	require.Equal(t, "gold", form.Get("was.tier"))
	require.False(t, form.Has("was.env"), "the nodes differ")
	require.Equal(t, "because", form.Get("reason"))

	form.Set("set.tier", "sil ver")
	form.Set("new_key", "-x")
	form.Set("label", "a=b")
	refused := r.send(t, "POST", batches+"/preview", form)
	require.Equal(t, 422, refused.status)
	require.Equal(t, 2, refused.doc.Find("#edit-form .wrong svg").Length(), "each wrong field is marked")
	kept := fields(refused, "#edit-form")
	require.Equal(t, "sil ver", kept.Get("set.tier"))
	require.Equal(t, "-x", kept.Get("new_key"))
	require.Equal(t, "a=b", kept.Get("label"))

	kept.Set("set.tier", "silver")
	kept.Set("new_key", "")
	kept.Set("unset", "old")
	plan := r.send(t, "POST", batches+"/preview", kept)
	require.Equal(t, 200, plan.status)
	require.Equal(t, "gold", labels(t, c, names[0])["tier"], "a plan writes nothing")
	require.Equal(t, 2, plan.doc.Find(".diff-groups > li").Length(), "two of the three nodes change alike")

	again := r.send(t, "POST", plan.doc.Find("#plan-change").AttrOr("formaction", ""), fields(plan, "#plan-form"))
	require.Equal(t, 200, again.status)
	require.Equal(t, "silver", fields(again, "#edit-form").Get("set.tier"), "going back loses nothing")
	require.Equal(t, "old", fields(again, "#edit-form").Get("unset"))

	plan = r.send(t, "POST", batches+"/preview", fields(again, "#edit-form"))
	done := r.send(t, "POST", batches, fields(plan, "#plan-form"))
	require.Less(t, done.status, 300)
	p.awaitBatch(t, strings.TrimPrefix(done.url.Path, "/batches/"))
	for _, name := range names {
		got := labels(t, c, name)
		require.Equal(t, "silver", got["tier"])
		require.Equal(t, "b", got["a"])
		require.NotContains(t, got, "old")
	}
	require.Equal(t, "dev", labels(t, c, names[0])["env"])
	require.Equal(t, "prod", labels(t, c, names[2])["env"])
}

// Fields of a form are validated one by one while it is filled in.
func TestForms_check(t *testing.T) {
	c := lease(t)
	p := startProgram(t, c.Kubeconfig)
	r := p.reader(t, "zh-CN", adminName)
	got := r.send(t, "POST", "/clusters/"+c.Name+"/taints/edit", url.Values{
		"edit": {"taints"}, "new_key": {"gpu", "x y"}, "new_value": {"true", ""},
		"new_effect": {"NoExecute", "NoSchedule"}, "unset": {"old:NoSchedule"},
	}, "HX-Request", "true")
	require.Equal(t, 200, got.status)
	require.Zero(t, got.doc.Find("form").Length(), "what is typed stays where it is")
	require.Equal(t, 1, got.doc.Find(".wrong svg").Length())
	effect := got.doc.Find("#edit-effect").Text()
	require.Contains(t, effect, "gpu=true:NoExecute")
	require.Contains(t, effect, "old:NoSchedule")
	require.Contains(t, effect, "驱逐")
}

// Only the plan that was shown is carried out: if it has changed, it is shown
// again, and nothing is written.
func TestForms_planThatMoved(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig)
	r := p.reader(t, "en", adminName)
	batches := "/clusters/" + c.Name + "/batches"
	plan := r.send(t, "POST", batches+"/preview",
		url.Values{"operation": {"label"}, "mode": {"replace"}, "label": {"tier=gold"}, "node": names})
	require.Equal(t, 200, plan.status)
	changeBehind(t, c, names[1], `{"metadata":{"labels":{"mine":"1"}}}`)
	p.request(t, http.MethodGet, nodesPath(c.Name)+"?fresh=1", nil, nil)

	form := fields(plan, "#plan-form")
	moved := r.send(t, "POST", batches, form)
	require.Equal(t, 409, moved.status)
	require.Contains(t, moved.doc.Find("[role=alert]").Text(), "Nodes have changed since the plan was shown")
	require.NotEqual(t, form.Get("plan"), fields(moved, "#plan-form").Get("plan"))
	require.Contains(t, moved.doc.Find(".diff-groups").Text(), "mine=1")
	require.NotContains(t, labels(t, c, names[0]), "tier", "nothing is written")

	script := r.send(t, "POST", batches, form, "Accept", "application/json")
	require.Equal(t, 409, script.status)
	var answer struct {
		Error struct{ Code string }
		Plan  struct{ Digest string }
	}
	require.NoError(t, json.Unmarshal([]byte(script.body), &answer))
	require.Equal(t, "conflict", answer.Error.Code)
	require.Equal(t, fields(moved, "#plan-form").Get("plan"), answer.Plan.Digest)

	done := r.send(t, "POST", batches, fields(moved, "#plan-form"))
	require.Less(t, done.status, 300)
	p.awaitBatch(t, strings.TrimPrefix(done.url.Path, "/batches/"))
	require.NotContains(t, labels(t, c, names[1]), "mine", "the new plan said so")
}

// A NoExecute taint needs the number of evicted pods, a protected key needs an
// administrator and the name of the cluster.
func TestForms_confirmations(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 1)
	c.Pod(t, c.Namespace(t), "alone", names[0])
	p := startProgram(t, c.Kubeconfig)
	p.run(t, adminPassword+"\n", "user", "add", "worker", "--role", "user", "--data", p.Data)
	batches := "/clusters/" + c.Name + "/batches"
	r := p.reader(t, "en", adminName)

	plan := r.send(t, "POST", batches+"/preview",
		url.Values{"operation": {"taint"}, "taint": {"off:NoExecute"}, "node": names})
	require.Contains(t, plan.doc.Find("#evictions").Text(), "1 pod on 1 node will be evicted, ignoring disruption budgets")
	refused := r.send(t, "POST", batches, fields(plan, "#plan-form"))
	require.Equal(t, 422, refused.status)
	require.Equal(t, 1, refused.doc.Find("#opt-confirm_pods[aria-invalid=true]").Length())
	require.Empty(t, taints(t, c, names[0]))
	form := fields(refused, "#plan-form")
	form.Set("confirm_pods", "1")
	require.Less(t, r.send(t, "POST", batches, form).status, 300)
	require.Eventually(t, func() bool { return len(taints(t, c, names[0])) == 1 }, patience, 50*time.Millisecond)

	protected := url.Values{"operation": {"label"}, "label": {"topology.kubernetes.io/zone=eu-9"}, "node": names}
	plan = r.send(t, "POST", batches+"/preview", protected)
	require.Equal(t, 1, plan.doc.Find("#named").Length())
	require.Equal(t, 422, r.send(t, "POST", batches, fields(plan, "#plan-form")).status, "the name is not typed")
	form = fields(plan, "#plan-form")
	form.Set("confirm", c.Name)
	require.Less(t, r.send(t, "POST", batches, form).status, 300)

	worker := p.reader(t, "en", "worker")
	plan = worker.send(t, "POST", batches+"/preview", protected)
	require.Equal(t, 200, plan.status)
	require.Zero(t, plan.doc.Find("#plan-do, [name=confirm]").Length())
	require.Contains(t, plan.doc.Find("#named").Text(), "Only an administrator")
}

// Taints are copied from a node that is selected or typed.
func TestForms_copy(t *testing.T) {
	c := lease(t)
	source := c.Nodes(t, 1, kubetest.WithTaints(corev1.Taint{Key: "gpu", Value: "true", Effect: "NoSchedule"},
		corev1.Taint{Key: "node.kubernetes.io/mine", Effect: "NoSchedule"}))[0]
	names := c.Nodes(t, 2, kubetest.WithTaints(corev1.Taint{Key: "old", Effect: "NoSchedule"}))
	p := startProgram(t, c.Kubeconfig)
	r := p.reader(t, "en", adminName)
	batches := "/clusters/" + c.Name + "/batches"
	page := r.send(t, "POST", "/clusters/"+c.Name+"/taints/copy", url.Values{"node": names})
	require.Equal(t, 200, page.status)
	form := fields(page, "#edit-form")
	require.Equal(t, 422, r.send(t, "POST", batches+"/preview", form).status, "no source is chosen")
	form.Set("source", ".")
	form.Set("source_other", "ghost")
	refused := r.send(t, "POST", batches+"/preview", form)
	require.Equal(t, 422, refused.status)
	require.Equal(t, "ghost", fields(refused, "#edit-form").Get("source_other"), "what was typed is kept")

	form.Set("source", source)
	plan := r.send(t, "POST", batches+"/preview", form)
	require.Equal(t, 200, plan.status)
	require.Contains(t, plan.doc.Find(".copied").Text(), "node.kubernetes.io/mine:NoSchedule",
		"what stays behind is shown")
	done := r.send(t, "POST", batches, fields(plan, "#plan-form"))
	require.Less(t, done.status, 300)
	p.awaitBatch(t, strings.TrimPrefix(done.url.Path, "/batches/"))
	for _, name := range names {
		require.Equal(t, []string{"gpu=true:NoSchedule"}, taints(t, c, name))
	}
}

func TestForms_overviews(t *testing.T) {
	c := lease(t)
	c.Nodes(t, 2, kubetest.WithLabels(map[string]string{"tier": "gold"}),
		kubetest.WithTaints(corev1.Taint{Key: "gpu", Value: "true", Effect: "NoSchedule"}))
	c.Nodes(t, 1, kubetest.WithLabels(map[string]string{"tier": "silver"}))
	p := startProgram(t, c.Kubeconfig)
	var got struct {
		Cluster string
		Nodes   int
		Items   []struct {
			Key, Effect string
			Nodes       int
			Protected   bool
			Values      []struct {
				Value string
				Nodes int
			}
		}
	}
	p.request(t, http.MethodGet, "/clusters/"+c.Name+"/labels?q=tier", nil, &got)
	require.Equal(t, 3, got.Nodes)
	require.Len(t, got.Items, 1)
	require.Equal(t, 3, got.Items[0].Nodes)
	require.Equal(t, "gold", got.Items[0].Values[0].Value)
	p.request(t, http.MethodGet, "/clusters/"+c.Name+"/taints", nil, &got)
	require.Equal(t, "NoSchedule", got.Items[0].Effect)

	r := p.reader(t, "en", adminName)
	page := r.send(t, "GET", "/clusters/"+c.Name+"/labels", nil)
	page.doc.Find(`[data-key=tier] a.chip`).Each(func(i int, s *goquery.Selection) {
		table := r.send(t, "GET", s.AttrOr("href", ""), nil)
		require.Equal(t, 2-i, table.doc.Find("#nodes tr[data-node]").Length())
	})
}

// No permission, unknown names, and invalid input.
func TestForms_refusals(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 1)
	p := startProgram(t, c.Kubeconfig)
	p.run(t, adminPassword+"\n", "user", "add", "looker", "--role", "viewer", "--data", p.Data)
	viewer, admin := p.reader(t, "en", "looker"), p.reader(t, "en", adminName)
	for _, path := range []string{"/labels/edit", "/taints/edit", "/taints/copy"} {
		require.Equal(t, 403, viewer.send(t, "POST", "/clusters/"+c.Name+path, url.Values{"node": names}).status, path)
		require.Equal(t, 422, admin.send(t, "POST", "/clusters/"+c.Name+path, url.Values{}).status, path)
		require.Equal(t, 404, admin.send(t, "POST", "/clusters/nowhere"+path, url.Values{"node": names}).status, path)
		require.Equal(t, 200, admin.send(t, "POST", "/clusters/"+c.Name+path,
			url.Values{"node": {"ghost"}, "mode": {"odd"}, "label": {"=,-,:"}, "every": {"", "x"}}).status, path)
		require.Equal(t, 200, admin.send(t, "POST", "/clusters/"+c.Name+path,
			url.Values{"all": {"1"}, "q": {names[0]}}).status, path)
	}
	for _, path := range []string{"/labels", "/taints"} {
		require.Equal(t, 200, viewer.send(t, "GET", "/clusters/"+c.Name+path+"?q=%22&key=x", nil).status, path)
		require.Equal(t, 404, viewer.send(t, "GET", "/clusters/nowhere"+path, nil).status, path)
	}
	preview := "/clusters/" + c.Name + "/batches/preview"
	for name, form := range map[string]url.Values{
		"nothing changed": {"edit": {"labels"}},
		"odd mode":        {"edit": {"taints"}, "mode": {"odd"}, "new_key": {"a"}, "new_effect": {"NoSchedule"}},
		"minus, replaced": {"edit": {"labels"}, "mode": {"replace"}, "label": {"a-"}},
		"long reason":     {"edit": {"labels"}, "label": {"a=b"}, "reason": {strings.Repeat("x", 201)}},
	} {
		form["node"] = names
		got := admin.send(t, "POST", preview, form)
		require.Equal(t, 422, got.status, name)
		require.Equal(t, 1, got.doc.Find("#edit-form").Length(), "%s: the form comes back", name)
		require.NotZero(t, got.doc.Find(".wrong svg, #edit-problem").Length(), "%s: it says what is wrong", name)
	}
	var made struct{ ID json.Number }
	p.request(t, http.MethodPost, "/templates/labels/new", url.Values{"name": {"gold"}, "entry": {"tier=gold|silver"}},
		&made)
	wrong := url.Values{"operation": {"label"}, "template": {made.ID.String()}, "value.tier": {"tin"}, "node": names}
	refused := admin.send(t, "POST", preview, wrong)
	require.Equal(t, 422, refused.status)
	require.Equal(t, 1, refused.doc.Find(`select[name="value.tier"]`).Length(), "the template's form comes back")
	chosen := admin.send(t, "GET", nodesPath(c.Name)+"?apply=labels-"+made.ID.String(), nil)
	require.Contains(t, chosen.doc.Find("#apply-note").Text(), "gold")
	apply := admin.send(t, "POST", chosen.doc.Find("#bar-apply").AttrOr("formaction", ""), url.Values{"node": names})
	require.Equal(t, 200, apply.status)
	require.Equal(t, 1, apply.doc.Find(`select[name="value.tier"]`).Length())
	many := url.Values{"edit": {"labels"}, "label": {"a=b"}, "nodes": {strings.Join([]string{names[0], "ghost"}, " ")}}
	require.Equal(t, 200, admin.send(t, "POST", preview, many).status, "many names travel in one field")
}
