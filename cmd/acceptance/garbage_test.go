package acceptance

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// garbage is what a person, a script or an attacker may send in any field.
func garbage() []string {
	return []string{
		"", " ", "0", "1", "-1", "99999999999999999999", "1e9", "10%", "101%", "15m", "-5s",
		"a", "a=b", "a=b,c-", "=", "-", ":", "k=v:NoSchedule", "k:NoExecute-", "k=v:Never", "a/b/c=d",
		"é=ü", "\x00", "\xff\xfe", "<script>alert(1)</script>", "'; DROP TABLE batches; --",
		"../../etc/passwd", "%2e%2e", "null", "{}", "[]", "add", "remove", "replace", "merge", "zone",
		"label", "taint", "copy-taints", "cordon", "drain", "undo", "delete-pod",
		"1970-01-01", "2026-13-45", strings.Repeat("x", 300), strings.Repeat("ab=c,", 2000),
	}
}

func garbageFields() []string {
	return []string{
		"operation", "mode", "label", "taint", "overwrite", "source", "source_other", "template", "kind",
		"choose", "value.a", "value.", "confirm", "confirm_pods", "plan", "node", "nodes", "all", "q",
		"status", "sched", "role", "pool", "zone", "version", "condition",
		"sort", "dir", "page", "size", "filter.label", "filter.taint",
		"reason", "idempotency_key", "options", "edit", "set.a", "was.a", "unset", "every", "new_key",
		"new_value", "new_effect", "more", "retry_of", "undo_of", "force", "pod", "uid", "canary",
		"canary_wait", "order", "wave_pause", "parallel", "max_failures", "timeout", "grace_period",
		"pod_selector", "skip_wait_seconds", "name", "description", "entry", "key", "values", "effect",
		"clusters", "updatedAt", "yaml", "replace", "id",
	}
}

// garbagePaths returns all addresses that take a form from a signed-in user.
func garbagePaths(cluster, batch, template string) []string {
	c := "/clusters/" + cluster
	paths := []string{
		c + "/test", c + "/batches", c + "/batches/preview", c + "/labels/edit", c + "/taints/edit",
		c + "/taints/copy", c + "/templates/apply",
		"/clusters/nowhere/batches", "/clusters/nowhere/labels/edit", "/preferences",
	}
	for _, id := range []string{batch, "nothing"} {
		for _, control := range []string{"cancel", "pause", "resume", "retry", "undo"} {
			paths = append(paths, "/batches/"+id+"/"+control)
		}
	}
	for _, kind := range []string{"labels", "taints"} {
		for _, rest := range []string{
			"/new", "/import", "/export", "/999/edit", "/x/delete",
			"/" + template + "/edit", "/" + template + "/duplicate",
		} {
			paths = append(paths, "/templates/"+kind+rest)
		}
	}
	return paths
}

// Whatever is sent, nothing panics and no response is an internal error.
func TestForms_garbageIsNeverOurFault(t *testing.T) {
	c := lease(t)
	nodes := c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig)
	b, _ := p.submit(t, c.Name, "cordon", nodes[0])
	p.awaitBatch(t, b.ID)
	paths := garbagePaths(c.Name, b.ID, p.template(t, "labels", "one", "a=b|c"))
	values, fields := append(garbage(), nodes...), garbageFields()
	chance := rand.New(rand.NewPCG(1, 2)) // the same sequence in every run
	for range 600 {
		path := paths[chance.IntN(len(paths))]
		form := url.Values{"node": {nodes[1]}}
		for range chance.IntN(8) {
			form.Add(fields[chance.IntN(len(fields))], values[chance.IntN(len(values))])
		}
		accept := []string{"text/html", "application/json"}[chance.IntN(2)]
		status := p.send(t, path, accept, form)
		require.Less(t, status, 500, "%s %s with %q", accept, path, form)
	}
	require.NotContains(t, p.log(t), "panic")
}

// send posts a form and returns the status of the response.
func (p *program) send(t testing.TB, path, accept string, form url.Values) int {
	t.Helper()
	response, _ := p.call(t, http.MethodPost, path, accept, formKind, strings.NewReader(form.Encode()))
	return response.StatusCode
}
