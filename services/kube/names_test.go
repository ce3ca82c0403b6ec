package kube

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"kube-node-manager/services"
)

// A name that no node can have is "not found", without a call to the server.
func TestClient_impossibleNames(t *testing.T) {
	c, err := New(&rest.Config{Host: "http://127.0.0.1:1"}, "test", nil)
	require.NoError(t, err)
	defer c.Close()
	names := []string{
		"", ".", "..", "../../", "a/b", "a%2Fb", "A", "a b", "\x00", "a?b=c",
		strings.Repeat("a", 254),
	}
	for _, name := range names {
		_, err := c.GetNode(t.Context(), name)
		require.Equal(t, services.CodeNotFound, services.CodeOf(err), "%q", name)
		_, err = c.PatchNode(t.Context(), name, NodePatch{})
		require.Equal(t, services.CodeNotFound, services.CodeOf(err), "%q", name)
	}
}
