package node

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"kube-node-manager/cache"
	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/kube/kubetest"
)

// someClusters is a registry of several clusters.
type someClusters map[string]*kube.Client

func (c someClusters) Client(name string) (*kube.Client, error) { return c[name], nil }
func (c someClusters) Down(string) error                        { return nil }

// over returns a service over clusters.
func over(t *testing.T, configs map[string]*rest.Config, o Options) *Service {
	t.Helper()
	clients := someClusters{}
	for name, config := range configs {
		client, err := kube.New(config, "test", nil)
		require.NoError(t, err)
		t.Cleanup(client.Close)
		clients[name] = client
	}
	c := cache.New(t.Context())
	t.Cleanup(c.Close)
	return New(clients, c, o)
}

func refsOf(nodes []*Node) (refs []string) {
	for _, n := range nodes {
		refs = append(refs, n.Ref().String())
	}
	return refs
}

// problemsOf returns the codes of the problems by cluster.
func problemsOf(readings []Reading) map[string]services.Code {
	codes := map[string]services.Code{}
	for _, r := range readings {
		if r.Problem != nil {
			codes[r.Cluster] = services.CodeOf(r.Problem)
		}
	}
	return codes
}

// One list has the nodes of all clusters, and a line for each that is hidden, broken or
// slow. It asks each cluster once, and none again for the next page.
func TestService_ListAll(t *testing.T) {
	clusters := kubetest.AcquireN(t, 2)
	first, second := clusters[0], clusters[1]
	names := first.Nodes(t, 3)
	second.Nodes(t, 1, kubetest.Named(names[0]), kubetest.Cordoned())
	counted, broken, slow := first.Proxy(t), second.Proxy(t), second.Proxy(t)
	broken.Inject(kubetest.Fault{Verb: "list", Resource: "nodes", Code: http.StatusForbidden})
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	slow.Inject(kubetest.Fault{Verb: "list", Resource: "nodes", Hold: hold})
	s := over(t, map[string]*rest.Config{
		"a": counted.Config(), "b/x y": second.Config(), "broken": broken.Config(), "slow": slow.Config(),
		"hidden": second.Config(),
	}, Options{ListTTL: time.Hour, DetailTTL: time.Hour, HardAge: time.Hour})
	ctx := services.WithActor(t.Context(), services.Actor{
		Name: "reader", Role: services.RoleViewer, Clusters: map[string]services.Role{"hidden": services.RoleNone},
	})
	all := []string{"a", "b/x y", "broken", "slow", "hidden"}

	page, err := s.ListAll(ctx, all, Query{}, false)
	require.NoError(t, err)
	require.Equal(t, []string{
		"a/" + names[0], "b%2Fx%20y/" + names[0], "a/" + names[1], "a/" + names[2],
	}, refsOf(page.Nodes), "by name, then by cluster")
	require.Equal(t, map[string]services.Code{
		"broken": services.CodeForbidden, "slow": services.CodeTimeout, "hidden": services.CodeForbidden,
	}, problemsOf(page.Readings))
	require.Equal(t, 4, page.Total)
	require.Equal(t, 1, page.Summary.Cordoned)
	require.False(t, page.AsOf.IsZero())
	require.Error(t, page.Late("hidden"))
	require.NoError(t, page.Late("a"))
	require.True(t, page.WithoutUsage())

	page, err = s.ListAll(ctx, all[:2], Query{Sort: "cluster", Desc: true, Text: "!cordoned"}, true)
	require.NoError(t, err)
	require.Equal(t, []string{"a/" + names[0], "a/" + names[1], "a/" + names[2]}, refsOf(page.Nodes))
	require.Equal(t, map[string]int{"a": 3}, page.Matching())
	_, known := page.Usage.Of(page.Nodes[0])
	require.True(t, known)
	require.False(t, page.WithoutUsage())
	require.Equal(t, 1, counted.Calls("list", "nodes"))

	readings, err := s.MatchAll(ctx, all[:2], Query{Scheduling: Cordoned})
	require.NoError(t, err)
	require.Empty(t, readings[0].Matched())
	require.Equal(t, []string{"b%2Fx%20y/" + names[0]}, refsOf(readings[1].Matched()))

	page, err = s.ListAll(ctx, all[:2], Query{Text: "a/" + names[0] + ", b%2Fx%20y/" + names[1]}, false)
	require.NoError(t, err)
	require.Equal(t, []string{"a/" + names[0]}, refsOf(page.Nodes), "a list names one cluster")
	require.Equal(t, []string{"b%2fx%20y/" + names[1]}, page.UnknownNames)

	_, err = s.ListAll(ctx, all, Query{Clusters: []string{strings.Repeat("x", services.MaxFilter+1)}}, false)
	require.Equal(t, services.CodeInvalid, services.CodeOf(err))
}

// The nodes of a cluster that stops answering stay, with the reason.
func TestService_ListAll_lastKnown(t *testing.T) {
	clusters := kubetest.AcquireN(t, 2)
	clusters[0].Nodes(t, 1)
	late := clusters[1].Nodes(t, 2)
	proxy := clusters[1].Proxy(t)
	s := over(t, map[string]*rest.Config{"a": clusters[0].Config(), "b": proxy.Config()}, Options{
		ListTTL: time.Millisecond, DetailTTL: time.Hour, HardAge: time.Hour,
	})
	ctx := services.WithActor(t.Context(), services.Actor{Name: "reader", Role: services.RoleViewer})
	page, err := s.ListAll(ctx, []string{"a", "b"}, Query{}, false)
	require.NoError(t, err)
	require.Empty(t, problemsOf(page.Readings))

	broken := proxy.Inject(kubetest.Fault{Verb: "list", Resource: "nodes", Code: http.StatusInternalServerError})
	require.Eventually(t, func() bool {
		page, err = s.ListAll(ctx, []string{"a", "b"}, Query{}, false)
		return err == nil && page.Late("b") != nil
	}, time.Minute, 5*time.Millisecond)
	require.NoError(t, page.Late("a"))
	require.Equal(t, 3, page.Total)
	require.Contains(t, refsOf(page.Nodes), "b/"+late[1])
	require.True(t, page.Readings[1].Known())

	broken.Remove()
	require.Eventually(t, func() bool {
		page, err = s.ListAll(ctx, []string{"a", "b"}, Query{Fresh: true}, false)
		return err == nil && page.Late("b") == nil
	}, time.Minute, 5*time.Millisecond)
}

func TestRef(t *testing.T) {
	for _, cluster := range []string{"prod", "arn:aws:eks:eu:1:cluster/prod", "a b", "生产", "100%"} {
		ref := Ref{cluster, "node-1.example"}
		require.NotContains(t, ref.String(), " ")
		parsed, ok := ParseRef(ref.String())
		require.True(t, ok)
		require.Equal(t, ref, parsed)
	}
	for _, text := range []string{"", "node", "/node", "prod/", "%zz/node", "%"} {
		_, ok := ParseRef(text)
		require.False(t, ok, text)
	}
}
