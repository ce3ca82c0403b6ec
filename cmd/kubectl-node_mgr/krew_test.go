package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The manifest for krew has a place for each archive that is built, and for no other.
func TestKrew_hasEveryPlatform(t *testing.T) {
	manifest, err := os.ReadFile("../../docs/deploy/krew.yaml")
	require.NoError(t, err)
	script, err := os.ReadFile("../plugins.sh")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(script), "for platform in ")
	platforms, _, _ := strings.Cut(rest, ";")
	for _, platform := range strings.Fields(platforms) {
		require.Equal(t, 1, strings.Count(string(manifest), "sha256: SHA256-"+platform+"\n"), platform)
		require.Contains(t, string(manifest), "/kubectl-node_mgr-VERSION-"+platform+".tar.gz")
	}
	require.Equal(t, len(strings.Fields(platforms)), strings.Count(string(manifest), "sha256: "))
}
