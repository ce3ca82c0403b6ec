package acceptance

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kube-node-manager/services/kube/kubetest"
)

// controlDoc is what the JSON of a batch says of other batches, and of its
// rollout.
type controlDoc struct {
	batchDoc
	Rollout             map[string]any
	Gate                map[string]any
	WaitsFor            []string
	RetriedBy, UndoneBy []string
	Paused              bool
}

// planDoc is a plan of the HTTP contract.
type planDoc struct {
	Operation string
	Digest    string
	Nodes     []struct {
		Node     string
		Blockers []string
	}
	Summary map[string]int
	Refusal *struct{ Code, Message string }
}

func (p *program) control(t testing.TB, id string) controlDoc {
	t.Helper()
	var b controlDoc
	p.request(t, http.MethodGet, "/batches/"+id, nil, &b)
	return b
}

// act posts to a batch, waits for the end of the new batch that this makes, and
// returns it.
func (p *program) act(t testing.TB, id, verb string, form url.Values) batchDoc {
	t.Helper()
	if form == nil {
		form = url.Values{}
	}
	var b batchDoc
	response := p.request(t, http.MethodPost, "/batches/"+id+"/"+verb, form, &b)
	require.Contains(t, []int{http.StatusOK, http.StatusAccepted}, response.StatusCode)
	require.Equal(t, "/batches/"+b.ID, response.Header.Get("Location"))
	require.NotEqual(t, id, b.ID)
	return p.awaitBatch(t, b.ID)
}

func (p *program) label(t testing.TB, cluster string, form url.Values, nodes ...string) batchDoc {
	t.Helper()
	form.Set("operation", "label")
	form["node"] = nodes
	var b batchDoc
	p.request(t, http.MethodPost, "/clusters/"+cluster+"/batches", form, &b)
	return b
}

// A script retries what failed and undoes everything, and every batch names the
// others.
func TestControl_retryAndUndo(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 4)
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	fault := proxy.Inject(kubetest.Fault{
		Verb: "patch", Resource: "nodes", Name: names[1],
		Code: http.StatusUnprocessableEntity,
	})
	first := p.awaitBatch(t, p.label(t, c.Name, url.Values{"label": {"tier=gold"}, "reason": {"audit"}}, names...).ID)
	require.Equal(t, []any{"partial", 1}, []any{first.State, first.Counts["failed"]})
	fault.Remove()

	retried := p.act(t, first.ID, "retry", nil)
	require.Equal(t, []any{"succeeded", 1, "audit", first.ID},
		[]any{retried.State, retried.Total, retried.Reason, *retried.RetryOf})
	require.Equal(t, names[1], retried.Items[0].Node)
	require.Equal(t, "gold", labels(t, c, names[1])["tier"])

	undone := p.act(t, first.ID, "undo", url.Values{"node": {names[0], names[2]}, "reason": {"wrong tier"}})
	require.Equal(t, []any{"succeeded", 2, "wrong tier", first.ID},
		[]any{undone.State, undone.Total, undone.Reason, *undone.UndoOf})
	require.NotContains(t, labels(t, c, names[0]), "tier")
	require.Equal(t, "gold", labels(t, c, names[3])["tier"], "nobody asked for that one")
	again := p.act(t, undone.ID, "undo", nil)
	require.Equal(t, "gold", labels(t, c, names[0])["tier"])

	doc := p.control(t, first.ID)
	require.Equal(t, []string{retried.ID}, doc.RetriedBy)
	require.Equal(t, []string{undone.ID}, doc.UndoneBy)
	require.Equal(t, []string{again.ID}, p.control(t, undone.ID).UndoneBy)

	r := p.reader(t, "en", adminName)
	page := r.send(t, "GET", "/batches/"+first.ID, nil)
	require.Equal(t, 1, page.doc.Find(`.facts a[href="/batches/`+retried.ID+`"]`).Length())
	require.Equal(t, 1, page.doc.Find(`.facts a[href="/batches/`+undone.ID+`"]`).Length())
	plan := r.send(t, "POST", "/clusters/"+c.Name+"/batches/preview", fields(page, ".afterwards form:has(#batch-undo)"))
	require.Equal(t, 200, plan.status)
	require.Empty(t, faults(plan, "en"))
	page = r.send(t, "POST", "/batches/"+first.ID+"/undo", url.Values{})
	require.Less(t, page.status, 300, "a form without scripts")
	require.NotNil(t, page.doc)
	require.Equal(t, 1, page.doc.Find("#progress [data-batch]").Length())
}

// A refused retry or undo has a status and names the field.
func TestControl_refusals(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig, followed)
	p.run(t, adminPassword+"\n", "user", "add", "looker", "--role", "viewer", "--data", p.Data)
	good, _ := p.submit(t, c.Name, "cordon", names...)
	require.Equal(t, "succeeded", p.awaitBatch(t, good.ID).State)
	drained := p.awaitBatch(t, p.forcedDrain(t, c.Name, "ghost").ID)
	gated := p.label(t, c.Name, url.Values{"label": {"tier=gold"}, "canary": {"1"}}, names...)
	post := func(path string, form url.Values) int {
		return p.request(t, http.MethodPost, path, form, nil).StatusCode
	}
	require.Equal(t, 404, post("/batches/ghost/retry", url.Values{}))
	require.Equal(t, 404, post("/batches/ghost/undo", url.Values{}))
	require.Equal(t, 409, post("/batches/"+good.ID+"/retry", url.Values{}), "nothing failed")
	require.Equal(t, 409, post("/batches/"+gated.ID+"/undo", url.Values{}), "it has not ended")
	require.Equal(t, 409, post("/batches/"+good.ID+"/undo", url.Values{"node": {"other"}}))
	require.Contains(t, p.refusal(t, "/batches/"+drained.ID+"/retry", url.Values{}, 422), "confirm",
		"force needs the cluster's name again")
	require.Contains(t, p.refusal(t, "/batches/"+good.ID+"/undo", url.Values{"canary": {"some"}}, 422), "canary")
	preview := "/clusters/" + c.Name + "/batches/preview"
	require.Contains(t, p.refusal(t, preview, url.Values{"operation": {"undo"}}, 422), "undo_of")
	require.Contains(t, p.refusal(t, preview, url.Values{"operation": {"undo"}, "undo_of": {"ghost"}}, 422), "undo_of")
	require.Contains(t, p.refusal(t, preview, url.Values{"operation": {"cordon"}, "retry_of": {drained.ID}}, 422),
		"retry_of")

	looker := p.reader(t, "en", "looker")
	require.Equal(t, 403, looker.send(t, "POST", "/batches/"+good.ID+"/undo", url.Values{}).status)
	require.Zero(t, looker.send(t, "GET", "/batches/"+drained.ID, nil).doc.Find(".afterwards").Length())
	form := url.Values{
		"operation": {"label"}, "label": {"a=b"}, "node": names, "options": {"1"}, "canary": {"some"},
		"order": {"zone"}, "reason": {"kept"},
	}
	admin := p.reader(t, "en", adminName)
	for _, path := range []string{preview, "/clusters/" + c.Name + "/batches"} {
		page := admin.send(t, "POST", path, form)
		require.Equal(t, 422, page.status, page.body)
		require.Equal(t, "some", page.doc.Find("#rollout[open] #opt-canary[aria-invalid]").AttrOr("value", ""))
		kept := fields(page, "#plan-form")
		require.Equal(t, []string{"zone", "kept", "a=b"}, []string{kept.Get("order"), kept.Get("reason"), kept.Get("label")})
	}
	retry := admin.send(t, "POST", preview, url.Values{"operation": {"drain"}, "retry_of": {drained.ID}})
	require.Equal(t, 1, retry.doc.Find("#opt-confirm").Length(), "the plan of the retry asks for it")
	require.Empty(t, faults(retry, "en"))
}

// forcedDrain drains nodes with the consent to lose pods.
func (p *program) forcedDrain(t testing.TB, cluster string, nodes ...string) batchDoc {
	t.Helper()
	var b batchDoc
	p.request(t, http.MethodPost, "/clusters/"+cluster+"/batches",
		url.Values{"operation": {"drain"}, "force": {"1"}, "confirm": {cluster}, "node": nodes}, &b)
	return b
}

// The JSON of a batch has its rollout, what it waits for, and the batch before
// it.
func TestControl_rolloutAndTurns(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 6)
	p := startProgram(t, c.Kubeconfig, followed)
	first := p.label(t, c.Name,
		url.Values{
			"label": {"tier=gold"}, "canary": {"2"}, "canary_wait": {"2h"}, "order": {"zone"}, "parallel": {"1"},
			"max_failures": {"50%"},
		}, names...)
	var doc controlDoc
	require.Eventually(t, func() bool { doc = p.control(t, first.ID); return doc.Gate != nil }, patience,
		20*time.Millisecond)
	require.Equal(t, map[string]any{
		"canary": 2.0, "canaryWait": 7200.0, "order": "zone", "parallel": 1.0,
		"maxFailedPercent": 50.0,
	}, doc.Rollout)
	require.Equal(t, []any{true, 0.0}, []any{doc.Gate["canary"], doc.Gate["failed"]})
	until, err := time.Parse(time.RFC3339Nano, doc.Gate["until"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(2*time.Hour), until, patience)

	second := p.label(t, c.Name, url.Values{"label": {"tier=iron"}}, names[4:]...)
	require.Eventually(t, func() bool { doc = p.control(t, second.ID); return len(doc.WaitsFor) > 0 }, patience,
		20*time.Millisecond)
	require.Equal(t, []string{first.ID}, doc.WaitsFor)
	require.Equal(t, 2, doc.Counts["waiting"])
	r := p.reader(t, "zh-CN", adminName)
	page := r.send(t, "GET", "/batches/"+second.ID, nil)
	require.Equal(t, 1, page.doc.Find(`.turn a[href="/batches/`+first.ID+`"]`).Length())
	require.Empty(t, faults(page, "zh-CN"))
	page = r.send(t, "GET", "/batches/"+first.ID, nil)
	require.Contains(t, page.doc.Find(".gate").Text(), "前 2 个节点已完成")
	require.Equal(t, 4, page.doc.Find(".rollout-says li").Length())
	require.Empty(t, faults(page, "zh-CN"))

	p.request(t, http.MethodPost, "/batches/"+first.ID+"/pause", url.Values{}, nil)
	require.True(t, p.control(t, first.ID).Paused)
	p.request(t, http.MethodPost, "/batches/"+first.ID+"/resume", url.Values{}, nil)
	doc = p.control(t, first.ID)
	require.False(t, doc.Paused)
	require.NotNil(t, doc.Gate, "what ends a pause does not end the wait")
	p.request(t, http.MethodPost, "/batches/"+first.ID+"/resume", url.Values{}, nil)
	require.Equal(t, "succeeded", p.awaitBatch(t, first.ID).State)
	require.Equal(t, "succeeded", p.awaitBatch(t, second.ID).State)
	require.Equal(t, "iron", labels(t, c, names[5])["tier"], "the later batch has the last word")
}

// The plan says what the cluster would refuse.
func TestControl_refusalInThePlan(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	proxy.Inject(kubetest.Fault{
		Verb: "patch", Resource: "nodes", Code: http.StatusForbidden,
		Message: "the webhook says no",
	})
	form := url.Values{"operation": {"label"}, "label": {"tier=gold"}, "node": names}
	var plan planDoc
	p.request(t, http.MethodPost, "/clusters/"+c.Name+"/batches/preview", form, &plan)
	require.NotNil(t, plan.Refusal)
	require.Equal(t, "forbidden", plan.Refusal.Code)
	require.NotEmpty(t, plan.Refusal.Message)
	for _, lang := range []string{"en", "zh-CN"} {
		page := p.reader(t, lang, adminName).send(t, "POST", "/clusters/"+c.Name+"/batches/preview", form)
		require.Equal(t, 1, page.doc.Find("#plan-refusal[role=alert]").Length())
		require.Empty(t, faults(page, lang))
	}
}

// changeBehind changes a node without the program knowing.
func changeBehind(t testing.TB, c *kubetest.Cluster, name, patch string) {
	t.Helper()
	require.True(t, json.Valid([]byte(patch)))
	_, err := c.Client.CoreV1().Nodes().Patch(t.Context(), name, types.MergePatchType, []byte(patch),
		metav1.PatchOptions{})
	require.NoError(t, err)
}
