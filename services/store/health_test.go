package store

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

func TestHealth(t *testing.T) {
	s := openTest(t)
	_, err := s.HealthOf(t.Context(), "b1")
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
	require.Error(t, s.PutHealth(t.Context(), "none", Health{Begin: json.RawMessage(`{}`)}), "there is no such batch")

	require.NoError(t, s.InsertBatch(asAda(t), aBatch("b1"), nil))
	begun := Health{Begin: json.RawMessage(`{"ready":["a"]}`)}
	require.NoError(t, s.PutHealth(t.Context(), "b1", begun))
	got, err := s.HealthOf(t.Context(), "b1")
	require.NoError(t, err)
	require.Equal(t, begun, got)

	begun.Failed = json.RawMessage(`{"findings":[]}`)
	require.NoError(t, s.PutHealth(t.Context(), "b1", begun))
	got, err = s.HealthOf(t.Context(), "b1")
	require.NoError(t, err)
	require.Equal(t, begun, got)
}
