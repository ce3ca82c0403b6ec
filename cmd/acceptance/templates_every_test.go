package acceptance

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A template is applied to the nodes of several clusters, without JavaScript: from the
// form to the plan, back, and to the batches. Only templates that may be used in all of the
// clusters are offered.
func TestTemplates_everyCluster(t *testing.T) {
	p, clusters, _ := everyProgram(t)
	a, b := clusters[0], clusters[1]
	chosen := append(refs(a.Name, a.Nodes(t, 2)...), refs(b.Name, b.Nodes(t, 1)...)...)
	p.start(t)
	made := p.makeTemplate(t, "labels", "tiers", "tier=gold|silver")
	limited := p.makeTemplate(t, "labels", "elsewhere", "tier=bronze")
	p.request(t, "POST", "/templates/labels/"+strconv.FormatInt(limited.ID, 10)+"/edit",
		url.Values{"name": {limited.Name}, "entry": {"tier=bronze"}, "cluster": {a.Name}}, nil)
	r := p.reader(t, "en", adminName)
	list := r.send(t, "GET", "/nodes", nil)
	apply := list.doc.Find("#bar-template").AttrOr("formaction", "")
	require.Equal(t, "/nodes/templates/apply", apply)

	page := r.send(t, "POST", apply, url.Values{"node": chosen, "reason": {"because"}})
	require.Equal(t, 200, page.status)
	require.Empty(t, faults(page, "en"))
	choices := page.doc.Find("#f-choose optgroup option")
	require.Equal(t, 1, choices.Length(), choices.Text())
	choice := fields(page, "#choose-form")
	choice.Set("choose", choices.AttrOr("value", ""))
	page = r.send(t, "POST", apply, choice)
	form := fields(page, "#apply-form")
	require.Equal(t, strconv.FormatInt(made.ID, 10), form.Get("template"))
	require.Equal(t, chosen, refsIn(form))

	form.Set("value.tier", "silver")
	plan := r.send(t, "POST", page.doc.Find("#apply-form").AttrOr("action", ""), form)
	require.Equal(t, 200, plan.status)
	require.Equal(t, 2, plan.doc.Find(".plan-part").Length())
	require.Equal(t, apply, plan.doc.Find("#plan-change").AttrOr("formaction", ""))
	again := r.send(t, "POST", apply, fields(plan, "#plan-form"))
	require.Equal(t, "silver", fields(again, "#apply-form").Get("value.tier"), "going back loses nothing")
	require.Equal(t, chosen, refsIn(fields(again, "#apply-form")))

	done := r.send(t, "POST", plan.doc.Find("#plan-form").AttrOr("action", ""), fields(plan, "#plan-form"))
	require.Less(t, done.status, 300)
	for _, batch := range p.allBatches(t) {
		require.Equal(t, "succeeded", p.awaitBatch(t, batch.ID).State)
	}
	for _, ref := range chosen {
		cluster, name, _ := strings.Cut(ref, "/")
		of := a
		if cluster == b.Name {
			of = b
		}
		require.Equal(t, "silver", of.Node(t, name).Labels["tier"])
	}

	refused := r.send(t, "POST", apply, url.Values{
		"node": chosen, "kind": {"labels"}, "template": {strconv.FormatInt(limited.ID, 10)},
	})
	require.Equal(t, 422, refused.status)
	require.Contains(t, refused.doc.Find(".note.bad").Text(), b.Name)
}

// refsIn returns the nodes that a form names, in one field or in many.
func refsIn(form url.Values) []string {
	return strings.Fields(strings.Join(append(form["node"], form["nodes"]...), " "))
}
