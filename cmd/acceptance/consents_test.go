package acceptance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services/kube/kubetest"
)

// asUser returns the program as seen by somebody with the role user.
func (p *program) asUser(t *testing.T) *program {
	t.Helper()
	p.run(t, adminPassword+"\n", "user", "add", "worker", "--role", "user", "--data", p.Data)
	other := *p
	other.Token = strings.TrimSpace(p.run(t, "", "user", "token", "worker", "--data", p.Data))
	return &other
}

// refusal is the response to somebody who lacks the permission or a consent.
type refusal struct {
	status int
	Error  struct {
		Code, Message string
		Fields        map[string]string
	}
}

// words returns the message and those of all fields.
func (r refusal) words() string {
	said := []string{r.Error.Message}
	for _, text := range r.Error.Fields {
		said = append(said, text)
	}
	return strings.Join(said, " ")
}

// ask posts a form, or the same as JSON, and returns the response.
func (p *program) ask(t *testing.T, path string, form url.Values, asJSON bool) refusal {
	t.Helper()
	kind, body := formKind, form.Encode()
	if asJSON {
		raw, err := json.Marshal(form)
		require.NoError(t, err)
		kind, body = "application/json", string(raw)
	}
	response, raw := p.call(t, http.MethodPost, path, "application/json", kind, strings.NewReader(body))
	got := refusal{status: response.StatusCode}
	require.NoError(t, json.Unmarshal(raw, &got), path)
	return got
}

// made makes a batch and waits for its end.
func (p *program) made(t *testing.T, path string, form url.Values) batchDoc {
	t.Helper()
	var b batchDoc
	p.request(t, http.MethodPost, path, form, &b)
	return p.awaitBatch(t, b.ID)
}

// plus returns a copy of a form with more fields.
func plus(form url.Values, fields ...string) url.Values {
	out := url.Values{}
	for name, values := range form {
		out[name] = values
	}
	for i := 0; i < len(fields); i += 2 {
		out.Set(fields[i], fields[i+1])
	}
	return out
}

const (
	protectedKey = "node.kubernetes.io/out-of-service"
	zone         = "topology.kubernetes.io/zone" // a protected label

	// What a user without the permission or the consent is told.
	onlyAdmin  = "Only an administrator"
	thisNumber = "Confirm this number"
	noBatch    = "This batch does not exist"
)

// A user cannot bypass a consent: every way is refused with the reason, and
// changes nothing.
func TestConsents_noWayRound(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 4, kubetest.WithLabels(map[string]string{zone: "eu-1"}),
		kubetest.WithTaints(
			corev1.Taint{Key: "gone", Effect: corev1.TaintEffectNoExecute},
			corev1.Taint{Key: protectedKey, Value: "x", Effect: corev1.TaintEffectNoSchedule},
		))
	ns := c.Namespace(t)
	tolerant := kubetest.Tolerations(corev1.Toleration{Key: "gone", Operator: corev1.TolerationOpExists},
		corev1.Toleration{Key: protectedKey, Operator: corev1.TolerationOpExists})
	for _, name := range names {
		c.Pod(t, ns, "alone-"+name, name, tolerant)
	}
	p := startProgram(t, c.Kubeconfig, followed)
	user := p.asUser(t)
	batches := "/clusters/" + c.Name + "/batches"
	yes := []string{"confirm", c.Name, "confirm_pods", "999999"}
	request := func(operation string, nodes []string, fields ...string) url.Values {
		form := plus(url.Values{"operation": {operation}}, fields...)
		if len(nodes) > 0 {
			form["node"] = nodes
		}
		return form
	}
	agreed := func(operation string, nodes []string, fields ...string) url.Values {
		return plus(request(operation, nodes, yes...), fields...)
	}
	undo := func(b batchDoc) string { return "/batches/" + b.ID + "/undo" }
	retry := func(b batchDoc) string { return "/batches/" + b.ID + "/retry" }
	preview := batches + "/preview"

	// What an administrator has done, and has left unfinished.
	protected := p.made(t, batches,
		request("label", names[:2], "label", zone+"=eu-9", "confirm", c.Name))
	partly := p.made(t, batches,
		request("label", []string{"ghost"}, "label", zone+"=eu-7", "confirm", c.Name))
	halted := p.halted(t, batches,
		request("label", names[2:], "label", "topology.kubernetes.io/region=eu", "confirm", c.Name, "canary", "1"))
	back := p.made(t, undo(protected), url.Values{"confirm": {c.Name}})
	lifted := p.made(t, batches, request("taint", names[:1], "taint", "gone-"))
	c.Pod(t, ns, "fragile", names[0]) // it does not tolerate that taint, should it return
	forced := p.made(t, batches, request("drain", []string{"ghost"}, "force", "1", "confirm", c.Name))
	template := p.template(t, "labels", "zones", zone+"=eu-8")
	evicting := p.template(t, "taints", "off", "off:NoExecute")

	pod := []string{"pod", ns + "/alone-" + names[0], "uid", "x"}
	copied := []string{"source", names[1], "mode", "merge"}
	typed := append(slices.Clone(pod), "confirm", "alone-"+names[0])

	before := p.portraits(t, c, names)
	made := p.total(t)
	for name, k := range map[string]struct {
		path   string
		form   url.Values
		status int
		words  string
	}{
		"a protected label":          {batches, agreed("label", names, "label", zone+"=x"), 403, onlyAdmin},
		"a protected label, removed": {batches, agreed("label", names, "mode", "remove", "label", zone), 403, onlyAdmin},
		"a protected taint": {
			batches, agreed("taint", names, "taint", protectedKey+":NoSchedule"), 403, onlyAdmin,
		},
		"a protected taint, removed": {batches, agreed("taint", names, "taint", protectedKey+"-"), 403, onlyAdmin},
		"a template":                 {batches, agreed("label", names, "template", template), 403, onlyAdmin},
		"an undo":                    {undo(protected), plus(nil, yes...), 403, onlyAdmin},
		"an undo, forced":            {undo(protected), plus(nil, append(yes, "force", "1")...), 403, onlyAdmin},
		"an undo as a batch":         {batches, agreed("undo", nil, "undo_of", protected.ID), 403, onlyAdmin},
		"an undo of the undo":        {undo(back), plus(nil, yes...), 403, onlyAdmin},
		"a retry":                    {retry(partly), plus(nil, yes...), 403, onlyAdmin},
		"a retry as a batch": {
			batches, agreed("label", nil, "retry_of", partly.ID, "label", "a=b"), 403, onlyAdmin,
		},
		"resuming":                    {"/batches/" + halted + "/resume", plus(nil, yes...), 403, onlyAdmin},
		"NoExecute":                   {batches, request("taint", names, "taint", "off:NoExecute"), 422, thisNumber},
		"NoExecute, any number":       {batches, agreed("taint", names, "taint", "off:NoExecute"), 422, thisNumber},
		"NoExecute by a template":     {batches, agreed("taint", names, "template", evicting), 422, thisNumber},
		"NoExecute by a copy":         {batches, agreed("copy-taints", names[:1], copied...), 422, thisNumber},
		"NoExecute by an undo":        {undo(lifted), plus(nil, yes...), 422, thisNumber},
		"a drain":                     {batches, agreed("drain", names), 403, ""},
		"a forced drain":              {batches, agreed("drain", names, "force", "1"), 403, ""},
		"a retry of a forced drain":   {retry(forced), plus(nil, yes...), 403, ""},
		"a drain as a retry":          {batches, agreed("drain", nil, "retry_of", forced.ID), 403, ""},
		"a plan of a drain":           {preview, request("drain", names), 403, ""},
		"deleting a pod":              {batches, request("delete-pod", names[:1], typed...), 403, ""},
		"a plan of deleting a pod":    {preview, request("delete-pod", names[:1], pod...), 403, ""},
		"a retry of what is no batch": {batches, agreed("undo", nil, "retry_of", "made-up"), 422, noBatch},
		"an undo of what is no batch": {batches, agreed("undo", nil, "undo_of", "made-up"), 422, noBatch},
		"a retry as something else": {
			batches, agreed("undo", nil, "retry_of", partly.ID), 422, "a different cluster or operation",
		},
		"a cluster that is no cluster": {"/clusters/..%2F../batches", request("cordon", names), 404, ""},
		"a node that is no node":       {batches, request("cordon", []string{"../../"}), 422, "../../"},
	} {
		for _, asJSON := range []bool{false, true} {
			said := user.ask(t, k.path, k.form, asJSON)
			about := fmt.Sprintf("%s, JSON: %t: %+v", name, asJSON, said)
			require.Equal(t, k.status, said.status, about)
			require.NotEmpty(t, said.words(), about)
			require.Contains(t, said.words(), k.words, about)
		}
	}
	require.Equal(t, before, p.portraits(t, c, names), "nothing changed")
	require.Equal(t, made, p.total(t), "and no batch was made")

	// A plan needs no consent, only the permission for the operation, and writes
	// nothing.
	plan := user.ask(t, batches+"/preview", request("label", names, "label", zone+"=x"), false)
	require.Equal(t, 200, plan.status)
	require.Equal(t, before, p.portraits(t, c, names))

	// With the consent of an administrator the same requests succeed.
	p.made(t, undo(back), url.Values{"confirm": {c.Name}})
	require.Equal(t, 200, p.ask(t, "/batches/"+halted+"/resume", url.Values{"confirm": {c.Name}}, true).status)
	require.Equal(t, "succeeded", p.awaitBatch(t, halted).State)
}

// Users who may drain cannot confirm the loss of pods without a controller.
func TestConsents_usersMayDrain(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig, "--users-may-drain", followed)
	user := p.asUser(t)
	batches := "/clusters/" + c.Name + "/batches"
	forced := p.made(t, batches,
		url.Values{"operation": {"drain"}, "node": {"ghost"}, "force": {"1"}, "confirm": {c.Name}})
	halted := p.halted(t, batches,
		url.Values{"operation": {"drain"}, "node": names, "force": {"1"}, "confirm": {c.Name}, "canary": {"1"}})
	yes := url.Values{"confirm": {c.Name}}
	for name, path := range map[string]string{
		"force":  batches,
		"retry":  "/batches/" + forced.ID + "/retry",
		"resume": "/batches/" + halted + "/resume",
	} {
		form := yes
		if name == "force" {
			form = plus(yes, "operation", "drain", "node", names[1], "force", "1")
		}
		for _, asJSON := range []bool{false, true} {
			said := user.ask(t, path, form, asJSON)
			require.Equal(t, 403, said.status, name)
			require.NotEmpty(t, said.words(), name)
		}
	}
	require.False(t, p.unschedulable(t, c.Name)[names[1]])
	require.Equal(t, 200, user.ask(t, "/batches/"+halted+"/cancel", nil, false).status, "to cancel is safe")
	require.Less(t, user.ask(t, batches, url.Values{"operation": {"drain"}, "node": names[1:]}, false).status, 300)
}

// halted makes a batch that pauses after its first node.
func (p *program) halted(t *testing.T, path string, form url.Values) string {
	t.Helper()
	var b batchDoc
	p.request(t, http.MethodPost, path, form, &b)
	require.Eventually(t, func() bool {
		var now struct{ Gate *struct{} }
		p.request(t, http.MethodGet, "/batches/"+b.ID, nil, &now)
		return now.Gate != nil
	}, patience, patience/1000)
	return b.ID
}

// portraits returns the labels and taints of nodes.
func (p *program) portraits(t *testing.T, c *kubetest.Cluster, names []string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range names {
		all := labels(t, c, name)
		for key := range all {
			if strings.HasPrefix(key, "beta.kubernetes.io/") { // a controller adds them to new nodes
				delete(all, key)
			}
		}
		out[name] = fmt.Sprint(all, taints(t, c, name))
	}
	return out
}

// total returns the number of batches.
func (p *program) total(t *testing.T) int {
	t.Helper()
	var list struct{ Items []struct{} }
	p.request(t, http.MethodGet, "/batches", nil, &list)
	return len(list.Items)
}
