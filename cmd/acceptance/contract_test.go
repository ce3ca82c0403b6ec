package acceptance

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube/kubetest"
)

// Context names are free text; those of clouds look like paths.
func TestContract_oddClusterName(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	const odd = "arn:aws:eks:eu-1:1234:cluster/prod a@b"
	p := startProgram(t, kubetest.WriteKubeconfig(t, odd, c.Config()))
	require.Equal(t, 2, p.nodes(t, odd, "").Total)
	b, status := p.submit(t, odd, "cordon", names...)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, odd, b.Cluster)
	var node struct{ Name, Status string }
	p.request(t, http.MethodGet, "/clusters/"+url.PathEscape(odd)+"/nodes/"+names[0], nil, &node)
	require.Equal(t, names[0], node.Name)
}

func TestContract_errors(t *testing.T) {
	c := lease(t)
	p := startProgram(t, c.Kubeconfig)
	batches := "/clusters/" + c.Name + "/batches"
	for name, want := range map[string]struct {
		method, path string
		form         url.Values
		status       int
		field        string
	}{
		"unknown cluster": {http.MethodGet, "/clusters/nowhere/nodes", nil, 404, ""},
		"unknown node":    {http.MethodGet, "/clusters/" + c.Name + "/nodes/ghost", nil, 404, ""},
		"unknown batch":   {http.MethodGet, "/batches/ghost", nil, 404, ""},
		"unknown page":    {http.MethodGet, "/nowhere", nil, 404, ""},
		"wrong method":    {http.MethodPost, "/audit", url.Values{}, 405, ""},
		"no nodes":        {http.MethodPost, batches, url.Values{"operation": {"cordon"}}, 422, "node"},
		"bad node": {
			http.MethodPost, batches,
			url.Values{"operation": {"cordon"}, "node": {"no such name"}},
			422, "node",
		},
		"no operation": {http.MethodPost, batches, url.Values{"node": {"a"}}, 422, "operation"},
		"unknown operation": {
			http.MethodPost, batches,
			url.Values{"operation": {"explode"}, "node": {"a"}},
			422, "operation",
		},
		"reason too long": {
			http.MethodPost, batches,
			url.Values{"operation": {"cordon"}, "node": {"a"}, "reason": {strings.Repeat("x", 201)}},
			422, "reason",
		},
		"bad page":           {http.MethodGet, "/clusters/" + c.Name + "/nodes?page=x", nil, 422, "page"},
		"bad status":         {http.MethodGet, "/clusters/" + c.Name + "/nodes?status=Fine", nil, 422, "status"},
		"bad sort":           {http.MethodGet, "/clusters/" + c.Name + "/nodes?sort=colour", nil, 422, "sort"},
		"nothing to follow":  {http.MethodGet, "/events", nil, 422, "cluster"},
		"follow no batch":    {http.MethodGet, "/events?batch=ghost", nil, 404, ""},
		"cancel a ghost":     {http.MethodPost, "/batches/ghost/cancel", url.Values{}, 404, ""},
		"bad escape in form": {http.MethodPost, batches + "?x=%zz", url.Values{"operation": {"cordon"}}, 422, ""},
	} {
		t.Run(name, func(t *testing.T) {
			response := p.request(t, want.method, want.path, want.form, nil)
			require.Equal(t, want.status, response.StatusCode)
		})
		if want.field == "" {
			continue
		}
		t.Run(name+", field", func(t *testing.T) {
			var problem struct {
				Error struct {
					Code, Message string
					Fields        map[string]string
				}
			}
			body := strings.NewReader(want.form.Encode())
			_, raw := p.call(t, want.method, want.path, "application/json", formKind, body)
			require.NoError(t, json.Unmarshal(raw, &problem), "%s", raw)
			require.Equal(t, "invalid", problem.Error.Code)
			require.NotEmpty(t, problem.Error.Message)
			require.NotEmpty(t, problem.Error.Fields[want.field], "%s", raw)
		})
	}
}

func TestContract_allThatMatch(t *testing.T) {
	c := lease(t)
	c.Nodes(t, 60, kubetest.WithLabels(map[string]string{"team": "web"}))
	c.Nodes(t, 5, kubetest.WithLabels(map[string]string{"team": "db"}))
	p := startProgram(t, c.Kubeconfig)
	var b batchDoc
	p.request(t, http.MethodPost, "/clusters/"+c.Name+"/batches",
		url.Values{"operation": {"cordon"}, "all": {"1"}, "label": {"team=web"}}, &b)
	b = p.awaitBatch(t, b.ID)
	require.Equal(t, 60, b.Counts["succeeded"])
	require.Equal(t, 60, p.nodes(t, c.Name, "sched=cordoned").Total)
	require.Equal(t, 5, p.nodes(t, c.Name, "q=!team%3Dweb").Total)
}

// An unreachable cluster delays nothing: the program starts, and says what is
// wrong.
func TestContract_unreachableCluster(t *testing.T) {
	c := lease(t)
	c.Nodes(t, 1)
	down := c.Config()
	down.Host = "https://127.0.0.1:1"
	both := kubetest.WriteKubeconfig(t, "down", down) + string(os.PathListSeparator) + c.Kubeconfig
	p := startProgram(t, both)
	require.Equal(t, 1, p.nodes(t, c.Name, "").Total)
	response := p.request(t, http.MethodGet, "/clusters/down/nodes", nil, nil)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	response = p.request(t, http.MethodPost, "/clusters/down/batches", url.Values{"operation": {"cordon"}, "node": {"a"}},
		nil)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	var clusters struct {
		Items []struct{ Name, Problem string }
	}
	p.request(t, http.MethodPost, "/clusters/down/test", url.Values{}, nil)
	p.request(t, http.MethodGet, "/clusters", nil, &clusters)
	require.Len(t, clusters.Items, 2)
	for _, item := range clusters.Items {
		require.Equal(t, item.Name == "down", strings.Contains(item.Problem, "Cannot connect to the cluster at 127.0.0.1:1"),
			"%+v", item)
	}
}
