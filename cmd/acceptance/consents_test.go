package acceptance

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services/kube/kubetest"
)

// refusal is what a script is told when it may not do something.
type refusal struct {
	Status int
	Error  struct {
		Code, Message string
		Fields        map[string]string
	}
}

// asUser is the same program for somebody of the role "user".
func (p *program) asUser(t *testing.T) *program {
	t.Helper()
	p.run(t, "correct horse battery 2\n", "user", "add", "mallory", "--role", "user", "--data", p.Data)
	other := *p
	other.Token = strings.TrimSpace(p.run(t, "", "user", "token", "mallory", "--data", p.Data))
	return &other
}

// ask posts fields as a form or as JSON and returns what came of it.
func (p *program) ask(t *testing.T, path string, asJSON bool, form url.Values) refusal {
	t.Helper()
	body, kind := []byte(form.Encode()), formKind
	if asJSON {
		var err error
		body, err = json.Marshal(form)
		require.NoError(t, err)
		kind = "application/json"
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+path, bytes.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+p.Token)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", kind)
	response, err := p.client.Do(r)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	answer := refusal{Status: response.StatusCode}
	if answer.Status >= 400 {
		require.NoError(t, json.Unmarshal(raw, &answer), "%s", raw)
	}
	return answer
}

// isRefused checks that somebody without the right is refused with words,
// whatever they confirm.
func (r refusal) isRefused(t *testing.T, way string) {
	t.Helper()
	require.Equal(t, http.StatusForbidden, r.Status, "%s: %+v", way, r)
	require.Equal(t, "forbidden", r.Error.Code, way)
	require.NotEmpty(t, r.Error.Message, way)
}

// wants checks that a field is asked for by name.
func (r refusal) wants(t *testing.T, way, field string) {
	t.Helper()
	require.Equal(t, http.StatusUnprocessableEntity, r.Status, "%s: %+v", way, r)
	require.NotEmpty(t, r.Error.Fields[field], "%s: %+v", way, r)
}

// consentCase is a cluster in which somebody tries to go past a consent.
type consentCase struct {
	c     *kubetest.Cluster
	proxy *kubetest.Proxy
	admin *program
	user  *program
	names []string
}

func newConsentCase(t *testing.T, args ...string) *consentCase {
	t.Helper()
	c := lease(t)
	k := &consentCase{c: c, proxy: c.Proxy(t)}
	k.names = c.Nodes(t, 2)
	k.admin = startProgram(t, k.proxy.Kubeconfig(t, c.Name), args...)
	k.user = k.admin.asUser(t)
	return k
}

func (k *consentCase) batches() string { return "/clusters/" + k.c.Name + "/batches" }

// everyForm tries a batch as a form and as JSON, with and without the words that
// an administrator would confirm it by.
func (k *consentCase) everyForm(t *testing.T, form url.Values) {
	t.Helper()
	for _, asJSON := range []bool{false, true} {
		for _, confirm := range []string{"", k.c.Name} {
			form = withField(form, "confirm", confirm)
			k.user.ask(t, k.batches(), asJSON, form).isRefused(t, "batch")
		}
	}
}

// ended lets the administrator run a batch; broken makes it fail on the first
// node, so that there is something to retry.
func (k *consentCase) ended(t *testing.T, broken bool, form url.Values) batchDoc {
	t.Helper()
	if broken {
		fault := k.proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Name: k.names[0], Code: 422, Times: 1})
		defer fault.Remove()
	}
	var b batchDoc
	k.admin.request(t, http.MethodPost, k.batches(), withField(form, "confirm", k.c.Name), &b)
	b = k.admin.awaitBatch(t, b.ID)
	if broken {
		require.Equal(t, "partial", b.State)
	} else {
		require.Equal(t, "succeeded", b.State)
	}
	return b
}

// paused lets the administrator start a batch and pause it in the middle.
func (k *consentCase) paused(t *testing.T, form url.Values) (b batchDoc, goOn func()) {
	t.Helper()
	hold := make(chan struct{})
	held := k.proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Hold: hold})
	k.admin.request(t, http.MethodPost, k.batches(), withField(withField(form, "confirm", k.c.Name), "canary", "1"), &b)
	held.WaitHits(t, 1)
	k.admin.request(t, http.MethodPost, "/batches/"+b.ID+"/pause", url.Values{}, nil)
	held.Remove()
	return b, func() { close(hold) }
}

func withField(form url.Values, name, value string) url.Values {
	out := url.Values{}
	for field, values := range form {
		out[field] = slices.Clone(values)
	}
	if value != "" {
		out.Set(name, value)
	}
	return out
}

// everyWayBack tries to retry, undo and resume what an administrator did.
func (k *consentCase) everyWayBack(t *testing.T, form url.Values, undoes bool) {
	t.Helper()
	word := url.Values{"confirm": {k.c.Name}, "reason": {"please"}}
	failed := k.ended(t, true, form)
	for _, asJSON := range []bool{false, true} {
		k.user.ask(t, "/batches/"+failed.ID+"/retry", asJSON, word).isRefused(t, "retry")
		again := withField(withField(form, "retry_of", failed.ID), "confirm", k.c.Name)
		k.user.ask(t, k.batches(), asJSON, again).isRefused(t, "a batch that says it is a retry")
		if undoes {
			k.user.ask(t, "/batches/"+failed.ID+"/undo", asJSON, withField(word, "force", "1")).isRefused(t, "undo")
			undo := withField(withField(word, "operation", "undo"), "undo_of", failed.ID)
			undo["node"] = k.names
			k.user.ask(t, k.batches(), asJSON, undo).isRefused(t, "a batch that says it is an undo")
		}
	}
	b, goOn := k.paused(t, form)
	k.user.ask(t, "/batches/"+b.ID+"/resume", false, word).isRefused(t, "resume")
	goOn()
	k.user.ask(t, "/batches/"+b.ID+"/resume", true, word).isRefused(t, "resume after the first nodes")
	require.Equal(t, http.StatusOK, k.user.ask(t, "/batches/"+b.ID+"/cancel", false, nil).Status, "anybody who changes nodes may stop it")
	k.admin.awaitBatch(t, b.ID)
}

// Protected labels and taints are an administrator's, by whatever way.
func TestConsents_protectedKeys(t *testing.T) {
	k := newConsentCase(t)
	for name, form := range map[string]url.Values{
		"label":         {"operation": {"label"}, "label": {"topology.kubernetes.io/zone=z9"}},
		"label removed": {"operation": {"label"}, "label": {"kubernetes.io/hostname-"}},
		"taint":         {"operation": {"taint"}, "taint": {"node.kubernetes.io/unreachable=x:PreferNoSchedule"}},
	} {
		t.Run(name, func(t *testing.T) {
			form["node"] = k.names
			k.everyForm(t, form)
			k.everyWayBack(t, form, true)
		})
	}
}

func TestConsents_protectedKeysOfATemplate(t *testing.T) {
	k := newConsentCase(t)
	for kind, entry := range map[string]string{
		"labels": "topology.kubernetes.io/zone=z9|z8", "taints": "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute",
	} {
		t.Run(kind, func(t *testing.T) {
			id := k.user.template(t, kind, "mine "+kind, entry) // anybody may write it down
			form := url.Values{"operation": {strings.TrimSuffix(kind, "s")}, "template": {id}, "node": k.names}
			k.everyForm(t, form)
		})
	}
}

// A copy leaves protected taints where they are.
func TestConsents_protectedTaintsAreNotCopied(t *testing.T) {
	k := newConsentCase(t)
	protected := corev1.Taint{Key: "node.kubernetes.io/out-of-service", Value: "nodeshutdown", Effect: corev1.TaintEffectNoExecute}
	own := corev1.Taint{Key: "gpu", Effect: corev1.TaintEffectNoSchedule}
	source := k.c.Nodes(t, 1, kubetest.WithTaints(protected, own))[0]
	for _, mode := range []string{"merge", "replace"} {
		form := url.Values{"operation": {"copy-taints"}, "source": {source}, "mode": {mode}, "node": k.names, "confirm": {k.c.Name}}
		var b batchDoc
		k.user.request(t, http.MethodPost, k.batches(), form, &b)
		k.user.awaitBatch(t, b.ID)
		for _, name := range k.names {
			require.Equal(t, []corev1.Taint{own}, k.c.Node(t, name).Spec.Taints, mode)
		}
	}
}

// Who may drain may not force.
func TestConsents_force(t *testing.T) {
	k := newConsentCase(t, "--users-may-drain")
	form := url.Values{"operation": {"drain"}, "force": {"1"}, "node": k.names}
	k.everyForm(t, form)
	k.everyWayBack(t, form, false) // to undo a drain is to uncordon
}

// Who may not drain may not by any other way.
func TestConsents_drain(t *testing.T) {
	k := newConsentCase(t)
	form := url.Values{"operation": {"drain"}, "node": k.names}
	k.everyForm(t, form)
	k.user.ask(t, k.batches()+"/preview", false, form).isRefused(t, "preview")
	k.everyWayBackWithoutCancel(t, form)
}

// everyWayBackWithoutCancel is everyWayBack for somebody who may not even stop
// such a batch.
func (k *consentCase) everyWayBackWithoutCancel(t *testing.T, form url.Values) {
	t.Helper()
	failed := k.ended(t, true, form)
	k.user.ask(t, "/batches/"+failed.ID+"/retry", true, url.Values{}).isRefused(t, "retry")
	b, goOn := k.paused(t, form)
	for _, control := range []string{"resume", "pause", "cancel"} {
		k.user.ask(t, "/batches/"+b.ID+"/"+control, false, url.Values{}).isRefused(t, control)
	}
	goOn()
	k.admin.request(t, http.MethodPost, "/batches/"+b.ID+"/cancel", url.Values{}, nil)
	k.admin.awaitBatch(t, b.ID)
}

// One pod past its budget is an administrator's decision.
func TestConsents_deletePod(t *testing.T) {
	k := newConsentCase(t, "--users-may-drain")
	pod := k.c.Pod(t, k.c.Namespace(t), "stuck", k.names[0])
	form := url.Values{
		"operation": {"delete-pod"}, "node": k.names[:1], "pod": {pod.Namespace + "/" + pod.Name}, "uid": {string(pod.UID)}, "confirm": {pod.Name},
	}
	for _, asJSON := range []bool{false, true} {
		k.user.ask(t, k.batches(), asJSON, form).isRefused(t, "batch")
		k.user.ask(t, k.batches()+"/preview", asJSON, form).isRefused(t, "preview")
	}
	for _, wrong := range []string{"", "other", k.c.Name} {
		k.admin.ask(t, k.batches(), true, withField(url.Values{
			"operation": form["operation"], "node": form["node"], "pod": form["pod"], "uid": form["uid"],
		}, "confirm", wrong)).wants(t, "batch", "confirm")
	}
	k.stillThere(t, pod)
}

// stillThere checks that a pod was neither deleted nor told to go.
func (k *consentCase) stillThere(t *testing.T, pod corev1.Pod) {
	t.Helper()
	now, err := k.c.Client.CoreV1().Pods(pod.Namespace).Get(t.Context(), pod.Name, metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, pod.UID, now.UID)
	require.Nil(t, now.DeletionTimestamp)
}

// Pods that a NoExecute taint evicts are counted first, whatever brings it.
func TestConsents_noExecute(t *testing.T) {
	k := newConsentCase(t)
	pod := k.c.Pod(t, k.c.Namespace(t), "web", k.names[0])
	evicting := corev1.Taint{Key: "maint", Effect: corev1.TaintEffectNoExecute}
	source := k.c.Nodes(t, 1, kubetest.WithTaints(evicting))[0]
	template := k.user.template(t, "taints", "evicting", "maint:NoExecute")
	for way, form := range map[string]url.Values{
		"taint":       {"operation": {"taint"}, "taint": {"maint:NoExecute"}},
		"replacement": {"operation": {"taint"}, "taint": {"maint:NoExecute"}, "mode": {"replace"}},
		"template":    {"operation": {"taint"}, "template": {template}},
		"copy":        {"operation": {"copy-taints"}, "source": {source}},
	} {
		form["node"] = k.names
		for _, asJSON := range []bool{false, true} {
			for _, count := range []string{"", "0", "2.5", "999999", "unknown"} {
				k.user.ask(t, k.batches(), asJSON, withField(form, "confirm_pods", count)).wants(t, way, "confirm_pods")
			}
		}
	}
	k.stillThere(t, pod)

	// The taint was there before a batch removed it: to bring it back evicts too.
	tainted := k.c.Nodes(t, 1, kubetest.WithTaints(evicting))[0]
	var b batchDoc
	k.user.request(t, http.MethodPost, k.batches(), url.Values{"operation": {"taint"}, "taint": {"maint-"}, "node": {tainted}}, &b)
	b = k.user.awaitBatch(t, b.ID)
	k.c.Pod(t, k.c.Namespace(t), "late", tainted)
	for _, count := range []string{"", "0", "999999"} {
		k.user.ask(t, "/batches/"+b.ID+"/undo", true, withField(url.Values{}, "confirm_pods", count)).wants(t, "undo", "confirm_pods")
	}
}
