package acceptance

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A plan and a batch say how kubectl would do the same.
func TestKubectl_commands(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig)
	form := url.Values{"operation": {"label"}, "label": {"tier=gold"}, "node": names}
	response, raw := p.call(t, http.MethodPost, "/clusters/"+c.Name+"/batches/preview", "text/html", formKind,
		strings.NewReader(form.Encode()))
	require.Equal(t, http.StatusOK, response.StatusCode)
	want := "kubectl label nodes " + strings.Join(names, " ") + " tier=gold"
	require.Contains(t, string(raw), ">"+want+"</pre>")

	form.Set("kubectl", "1") // the button of a plan whose commands are too long for its page
	response, raw = p.call(t, http.MethodPost, "/clusters/"+c.Name+"/batches/preview", "text/html", formKind,
		strings.NewReader(form.Encode()))
	require.Equal(t, want+"\n", string(raw))
	require.Equal(t, `attachment; filename="label.sh"`, response.Header.Get("Content-Disposition"))
	form.Del("kubectl")

	var b batchDoc
	p.request(t, http.MethodPost, "/clusters/"+c.Name+"/batches", form, &b)
	response, raw = p.call(t, http.MethodGet, "/batches/"+b.ID+"/kubectl", "text/plain", "", nil)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, want+"\n", string(raw))
	response, _ = p.call(t, http.MethodGet, "/batches/none/kubectl", "text/plain", "", nil)
	require.Equal(t, http.StatusNotFound, response.StatusCode)
}
